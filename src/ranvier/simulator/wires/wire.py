"""What every wire has to say of itself; a wire knows shapes and nothing else."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.wires.reading import Sent
from ranvier.simulator.wires.refusals.own import OWN_REASONS, OWN_REFUSALS

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON as the providers send it: without blanks, with characters that are not ASCII as they are."""

Reason = tuple[int, str]
"""A status and the word for its cause, of those in `REASONS`."""

REASONS = (
    "invalid_request", "context_length", "unsupported_parameter", "stream_refused", "content_filter",
    "auth", "quota_exhausted", "permission", "model_not_found", "not_found", "timeout", "too_large",
    "rate_limit", "server_error", "overloaded", *OWN_REASONS,
)  # fmt: skip  # because: one word a line would hide that they are one vocabulary
"""Why a provider refuses: the words of `ProviderError.kind`, and finer ones where bodies differ."""


class Wire(ABC):
    """How one provider is asked and how it answers.

    Attributes:
        name: The provider's name.
        suffix: What its base URL ends in.
        stream_type: The content type of a stream.
        frame_end: What ends each event of a stream.
        edge: The statuses that come from the network in front of the provider, as a page of HTML.
        refusals: What the provider says for each status and reason, in the wire's own terms; the
            first of a status is what that status says when no reason is given.
    """

    name: ClassVar[str]
    suffix: ClassVar[str] = ""
    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    frame_end: ClassVar[bytes] = b"\n\n"
    edge: ClassVar[frozenset[int]] = frozenset({502, 520, 521, 522, 523, 524})
    refusals: ClassVar[Mapping[Reason, Any]]

    @abstractmethod
    def read(self, sent: Sent) -> Ask:
        """What is asked; raises `Unacceptable` where the provider would refuse it."""

    @abstractmethod
    def key(self, headers: Mapping[str, str]) -> str | None:
        """The API key that came with the request."""

    @abstractmethod
    def headers(self, unique: str) -> list[tuple[str, str]]:
        """What every reply carries, the request's id made of `unique` included."""

    @abstractmethod
    def whole(self, answer: Answer) -> dict[str, Any]:
        """The body of an answer that is not streamed."""

    @abstractmethod
    def opening(self, answer: Answer, ask: Ask) -> bytes:
        """What a stream begins with, before any content."""

    @abstractmethod
    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        """The content of a stream, one piece per token."""

    @abstractmethod
    def closing(self, answer: Answer, ask: Ask) -> bytes:
        """What a stream ends with: the finish reason, the usage, the terminal event."""

    @abstractmethod
    def error(self, status: int, reason: str, row: Any, wait: float | None) -> dict[str, Any]:
        """The body of a refusal, from its row in `refusals`; `wait` is what it asks for, in seconds."""

    def refusal(
        self,
        status: int,
        reason: str | None,
        ask: Ask,
        wait: float | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The body that the provider sends with `status`, for `reason` or the usual one.

        `said` stands over the usual words, as `Unacceptable` has it.
        """
        own = OWN_REFUSALS[self.name].get(reason or "")
        (_, known), row = self._row(status, "invalid_request" if own else reason)
        row = _filled(row, ask)
        said = said or (own and _filled(dict(own), ask))
        if said and isinstance(row, dict):
            row |= {name: value for name, value in said.items() if name in row}
        elif said:
            row = said["message"]
        return self.error(status, known, row, wait)

    def refusal_headers(self, status: int, reason: str | None, wait: float | None) -> list[tuple[str, str]]:
        """What a refusal carries beside Retry-After."""
        return []

    def says_wait_in_header(self, status: int, reason: str | None) -> bool:
        """False where the provider says how long to wait in the body alone."""
        return True

    def signed(self, body: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """A refusal's body that is sent whole, with what it repeats of its own headers."""
        return body

    def error_event(self, body: dict[str, Any], headers: Mapping[str, str]) -> bytes:
        """A refusal inside a stream that had begun well, with these headers."""
        return f"data: {encode(body)}\n\n".encode()

    def ping(self) -> bytes:
        """A sign of life that says nothing."""
        return b": keep-alive\n\n"

    def noise(self) -> bytes:
        """An event that no one can parse and that nothing is lost with."""
        return b"data: <keep-alive>\n\n"

    @abstractmethod
    def stopping(self) -> bytes:
        """An event that gives a finish reason, with which a good stream would be over."""

    def broken(self, event: bytes) -> bytes:
        """`event` with the end of its JSON missing: what it said is lost."""
        return event[: len(event) * 2 // 3].rstrip() + self.frame_end

    def _row(self, status: int, reason: str | None) -> tuple[Reason, Any]:
        """The row for both, else for the reason, else the first for the status, else the nearest one."""
        if reason is not None and (status, reason) in self.refusals:
            return (status, reason), self.refusals[status, reason]
        for known, row in self.refusals.items():
            if known[1] == reason if reason is not None else known[0] == status:
                return known, row
        nearest = (400, "invalid_request") if status < 500 else (500, "server_error")
        return nearest, self.refusals[nearest]


def _filled(row: Any, ask: Ask) -> Any:
    """A row with the model and the key of the request where it leaves room for them."""
    if isinstance(row, str):
        return row.replace("{model}", ask.model).replace("{key}", _masked(ask.key or ""))
    if isinstance(row, dict):
        return {name: _filled(value, ask) for name, value in row.items()}
    return [_filled(each, ask) for each in row] if isinstance(row, list) else row


def _masked(key: str) -> str:
    """A key as it is quoted: its ends, and stars between them."""
    return f"{key[:4]}{'*' * 8}{key[-4:]}" if len(key) > 8 else "*" * len(key)
