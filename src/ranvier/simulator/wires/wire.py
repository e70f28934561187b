"""The interface of a wire: how one provider's API formats requests and replies."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.wires.reading import Sent
from ranvier.simulator.wires.refusals.own import OWN_REASONS, OWN_REFUSALS

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON as the providers send it: without blanks, and with non-ASCII characters unescaped."""

Reason = tuple[int, str]
"""A status and its cause, one of `REASONS`."""

REASONS = (
    "invalid_request", "context_length", "unsupported_parameter", "stream_refused", "content_filter",
    "auth", "quota_exhausted", "permission", "model_not_found", "not_found", "timeout", "too_large",
    "rate_limit", "server_error", "overloaded", *OWN_REASONS,
)  # fmt: skip  # because: the list is easier to read in few lines
"""Causes of an error reply: the values of `ProviderError.kind`, and finer ones whose bodies differ."""


class Wire(ABC):
    """The format of one provider's requests and replies.

    Attributes:
        name: The provider's name.
        suffix: The end of its base URL.
        stream_type: The content type of a stream.
        frame_end: The bytes that end each event of a stream.
        edge: The statuses that the network in front of the provider sends, as an HTML page.
        refusals: The provider's error for each status and reason, in a format that `error` understands;
            the first row of a status is used when no reason is given.
    """

    name: ClassVar[str]
    suffix: ClassVar[str] = ""
    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    frame_end: ClassVar[bytes] = b"\n\n"
    edge: ClassVar[frozenset[int]] = frozenset({502, 520, 521, 522, 523, 524})
    refusals: ClassVar[Mapping[Reason, Any]]

    @abstractmethod
    def read(self, sent: Sent) -> Ask:
        """Parse a request; raises `Unacceptable` if the provider would reject it."""

    @abstractmethod
    def key(self, headers: Mapping[str, str]) -> str | None:
        """The API key in the request's headers."""

    @abstractmethod
    def headers(self, unique: str) -> list[tuple[str, str]]:
        """The headers of every reply, including a request id made from `unique`."""

    def limits(self, answer: Answer) -> list[tuple[str, str]]:
        """The headers of an answer that tell what is left of the key's limits; many providers send none."""
        return []

    @abstractmethod
    def whole(self, answer: Answer) -> dict[str, Any]:
        """The body of a non-streamed answer."""

    @abstractmethod
    def opening(self, answer: Answer, ask: Ask) -> bytes:
        """The start of a stream, before any content."""

    @abstractmethod
    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        """The content of a stream, one piece per token."""

    @abstractmethod
    def closing(self, answer: Answer, ask: Ask) -> bytes:
        """The end of a stream: the finish reason, the usage, the terminal event."""

    @abstractmethod
    def error(self, status: int, reason: str, row: Any, wait: float | None) -> dict[str, Any]:
        """The body of an error reply, from its row in `refusals`; `wait` is the requested wait in seconds."""

    def refusal(
        self,
        status: int,
        reason: str | None,
        ask: Ask,
        wait: float | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The body that the provider sends with `status`, for `reason` or the most common one.

        `fields` replace fields of the usual body, as in `Unacceptable`.
        """
        own = OWN_REFUSALS[self.name].get(reason or "")
        (_, known), row = self._row(status, "invalid_request" if own else reason)
        row = _filled(row, ask)
        fields = fields or (own and _filled(dict(own), ask))
        if fields and isinstance(row, dict):
            row |= {name: value for name, value in fields.items() if name in row}
        elif fields:
            row = fields["message"]
        return self.error(status, known, row, wait)

    def refusal_headers(self, status: int, reason: str | None, wait: float | None) -> list[tuple[str, str]]:
        """The headers of an error reply besides Retry-After."""
        return []

    def says_wait_in_header(self, status: int, reason: str | None) -> bool:
        """False if the provider sends the wait in the body only."""
        return True

    def signed(self, body: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """The body of a non-streamed error reply, with the fields that repeat its headers."""
        return body

    def error_event(self, body: dict[str, Any], headers: Mapping[str, str]) -> bytes:
        """An error event in a stream that started well, with these headers."""
        return f"data: {encode(body)}\n\n".encode()

    def ping(self) -> bytes:
        """Activity without content."""
        return b": keep-alive\n\n"

    def noise(self) -> bytes:
        """An event that cannot be parsed and has no content."""
        return b"data: <keep-alive>\n\n"

    def objects(self, piece: bytes) -> Iterator[bytes]:
        """The JSON objects in a piece of a stream."""
        for line in piece.splitlines():
            line = line.removeprefix(b"data:").strip()
            if line.startswith(b"{"):
                yield line

    def rewritten(self, piece: bytes, change: Callable[[bytes], bytes]) -> bytes:
        """A piece of a reply with its text changed."""
        return change(piece)

    def huge(self, size: int) -> tuple[bytes, bytes]:
        """The start and the end of an event with `size` bytes of text between them."""
        start = b'data: {"junk":"' if self.stream_type.startswith("text/event") else b'{"junk":"'
        return start, b'"}' + self.frame_end

    @abstractmethod
    def stopping(self) -> bytes:
        """An event with a finish reason, which would normally end a stream."""

    def broken(self, event: bytes) -> bytes:
        """`event` with the end of its JSON cut off, so its content is lost."""
        return event[: len(event) * 2 // 3].rstrip() + self.frame_end

    def _row(self, status: int, reason: str | None) -> tuple[Reason, Any]:
        """The row for status and reason, else for the reason or the status alone, else a generic one."""
        if reason is not None and (status, reason) in self.refusals:
            return (status, reason), self.refusals[status, reason]
        for known, row in self.refusals.items():
            if known[1] == reason if reason is not None else known[0] == status:
                return known, row
        nearest = (400, "invalid_request") if status < 500 else (500, "server_error")
        return nearest, self.refusals[nearest]


def _filled(row: Any, ask: Ask) -> Any:
    """A row with its placeholders replaced by the request's model and masked key."""
    if isinstance(row, str):
        return row.replace("{model}", ask.model).replace("{key}", _masked(ask.key or ""))
    if isinstance(row, dict):
        return {name: _filled(value, ask) for name, value in row.items()}
    return [_filled(each, ask) for each in row] if isinstance(row, list) else row


def _masked(key: str) -> str:
    """A key as providers quote it: its ends, with asterisks between them."""
    return f"{key[:4]}{'*' * 8}{key[-4:]}" if len(key) > 8 else "*" * len(key)
