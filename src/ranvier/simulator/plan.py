"""The reply to one request, as data: a fault changes it, and the player sends it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Self

from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.wires.wire import Wire, encode


class Ending(Enum):
    """How a reply ends after its planned content."""

    COMPLETE = auto()
    """The response ends properly for HTTP, whatever its content is."""
    HANG = auto()
    """Nothing more is sent, and the connection stays open until the client closes it."""
    CLOSE = auto()
    """The connection is closed before the response has ended."""
    RESET = auto()
    """The connection is reset (RST) before the response has ended."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One reply.

    Attributes:
        wire, ask: The provider's wire, and the request.
        streams: True for a streamed answer; false for a whole answer or an error reply.
        status: The HTTP status; `None` sends nothing at all, not even headers.
        headers: All headers except those of the connection itself.
        opening, tokens, closing: The body. A stream has opening events, content and closing events;
            a whole answer is a single token.
        length: The `content-length`; `None` sends the body in chunks.
        ending: How the reply ends.
        delay: Seconds before the headers.
        latency: Seconds from the headers and the opening to the first token.
        pace: Seconds between two tokens.
        apart: Write each token separately, even without a pause between them.
        pings: Seconds between two pings while nothing else is sent; `None` sends no pings.
    """

    wire: Wire
    ask: Ask
    streams: bool
    status: int | None
    headers: tuple[tuple[str, str], ...]
    opening: bytes = b""
    tokens: Sequence[bytes] = ()
    closing: bytes = b""
    length: int | None = None
    ending: Ending = Ending.COMPLETE
    delay: float = 0.0
    latency: float = 0.0
    pace: float = 0.0
    apart: bool = False
    pings: float | None = None

    def but(self, **changes: Any) -> Self:
        """The same plan with `changes`."""
        return dataclasses.replace(self, **changes)

    def with_header(self, name: str, value: str) -> Self:
        """The same plan with the header `name` set to `value`."""
        kept = (pair for pair in self.headers if pair[0] != name)
        return self.but(headers=(*kept, (name, value)))

    def first(self, count: int) -> Self:
        """The same plan cut after its first `count` tokens, without its closing events.

        A whole answer, which is not sent in tokens, is cut to half its body, or to nothing for 0.
        """
        if self.streams:
            return self.but(tokens=self.tokens[:count], closing=b"")
        half = self.body[: len(self.body) // 2]
        return self.but(opening=b"", tokens=(half,) if count else (), closing=b"")

    def instead(self, status: int | None, body: bytes, content_type: str = "application/json") -> Self:
        """A reply with another status and body, not streamed even if a stream was requested."""
        plan = self.with_header("content-type", content_type)
        return plan.but(
            streams=False,
            status=status,
            opening=b"",
            tokens=(body,) if body else (),
            closing=b"",
            length=len(body),
            latency=0.0,
        )

    def each(self, change: Callable[[bytes], bytes]) -> Self:
        """The same plan with every part of its body changed."""
        return self.but(
            opening=change(self.opening),
            tokens=tuple(change(token) for token in self.tokens),
            closing=change(self.closing),
        )

    @property
    def body(self) -> bytes:
        """All bytes that are sent after the headers."""
        return b"".join((self.opening, *self.tokens, self.closing))


def good(wire: Wire, ask: Ask, answer: Answer, *, latency: float = 0.0, pace: float = 0.0) -> Plan:
    """The plan of a reply in which nothing goes wrong."""
    common = (*wire.headers(answer.id), *wire.limits(answer))
    if not ask.streaming:
        body = encode(wire.whole(answer)).encode()
        headers = (("content-type", "application/json"), *common)
        # A whole answer is sent when its last token is ready, so the wait is before the headers.
        delay = latency + pace * answer.output_tokens
        return Plan(wire, ask, False, 200, headers, tokens=(body,), length=len(body), delay=delay)
    return Plan(
        wire,
        ask,
        True,
        200,
        (("content-type", wire.stream_type), ("cache-control", "no-cache"), *common),
        wire.opening(answer, ask),
        wire.tokens(answer, ask),
        wire.closing(answer, ask),
        latency=latency,
        pace=pace,
    )


def refusing(
    plan: Plan,
    status: int,
    reason: str | None = None,
    *,
    wait: float | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Plan:
    """Replace `plan` with an immediate error reply: the provider's usual body, or one with these `fields`."""
    refusal = plan.wire.refusal(status, reason, plan.ask, wait, fields)
    body = encode(plan.wire.signed(refusal, dict(plan.headers))).encode()
    kept = (pair for pair in plan.headers if "ratelimit" not in pair[0])  # what is left of a limit is another
    headers = (*kept, *plan.wire.refusal_headers(status, reason, wait))
    return plan.but(headers=headers, delay=0.0).instead(status, body)
