"""Scripted, unusual or wrong content over a working connection."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass, field
from typing import Any

from ranvier import validation
from ranvier.simulator.composer import tokens_of
from ranvier.simulator.dialogue import Answer, Finish, ToolUse
from ranvier.simulator.faults.fault import Fault, check_after
from ranvier.simulator.plan import Plan

_BLOCK = b"x" * 65_536


@dataclass(frozen=True, slots=True, repr=False)
class Fine(Fault):
    """A good answer, for use between faults."""

    harmless = True


@dataclass(frozen=True, slots=True, repr=False)
class Say(Fault):
    """A good answer with this text; `finish` is a value of `FinishReason`, sent as the provider names it."""

    text: str
    finish: Finish = "stop"
    reasoning: str = ""
    harmless = True

    def rewrite(self, answer: Answer) -> Answer:
        return dataclasses.replace(
            answer,
            text=tokens_of(self.text),
            reasoning=tokens_of(self.reasoning),
            tools=(),
            finish=self.finish,
        )


@dataclass(frozen=True, slots=True, repr=False)
class CallTool(Fault):
    """A good answer that calls the tool `name`, after `text`; combine several with `&` for several calls."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    harmless = True

    def rewrite(self, answer: Answer) -> Answer:
        before = answer.tools if answer.finish == "tool_calls" else ()
        use = ToolUse(f"{answer.id}{len(before)}", self.name, self.arguments)
        text = tokens_of(self.text) or (answer.text if before else ())
        return dataclasses.replace(answer, text=text, tools=(*before, use), finish="tool_calls")


@dataclass(frozen=True, slots=True, repr=False)
class Malformed(Fault):
    """A chunk that cannot be parsed.

    Attributes:
        after: The number of tokens before it.
        lossy: True if it replaces a token, whose content is lost; false if it is extra noise between
            two tokens. In a whole answer it is always lossy.
    """

    after: int = 1
    lossy: bool = False

    def __post_init__(self) -> None:
        check_after(self.after)

    def change(self, plan: Plan) -> Plan:
        if not plan.streams:
            return plan.instead(200, plan.wire.broken(plan.body))
        before, rest = plan.tokens[: self.after], plan.tokens[self.after :]
        if not self.lossy:
            return plan.but(tokens=(*before, plan.wire.noise(), *rest))
        return plan.but(tokens=(*before, *(plan.wire.broken(token) for token in rest[:1]), *rest[1:]))


@dataclass(frozen=True, slots=True, repr=False)
class Oversized(Fault):
    """A body, or one event of a stream, of at least `size` bytes."""

    size: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        validation.count("size", self.size, least=1)

    def change(self, plan: Plan) -> Plan:
        blocks = (_BLOCK,) * (self.size // len(_BLOCK) + 1)
        if not plan.streams:
            return plan.but(opening=b'{"junk":"', tokens=blocks, closing=b'"}', length=None)
        start, end = plan.wire.huge(len(blocks) * len(_BLOCK))
        return plan.but(tokens=(start, *blocks, end))


@dataclass(frozen=True, slots=True, repr=False)
class ContentType(Fault):
    """A good answer with the wrong content type."""

    content_type: str = "text/plain"

    def change(self, plan: Plan) -> Plan:
        return plan.with_header("content-type", self.content_type)


@dataclass(frozen=True, slots=True, repr=False)
class SetCookie(Fault):
    """A good answer that sets a cookie, which an API client should not send back."""

    cookie: str = "session=simulated; Path=/"
    harmless = True

    def change(self, plan: Plan) -> Plan:
        return plan.with_header("set-cookie", self.cookie)


@dataclass(frozen=True, slots=True, repr=False)
class Gzip(Fault):
    """A good answer, compressed; a stream is flushed after each token, so each can be read at once."""

    harmless = True

    def change(self, plan: Plan) -> Plan:
        squeeze = zlib.compressobj(wbits=31)  # 31: with the header and the trailer of gzip

        def piece(raw: bytes) -> bytes:
            return squeeze.compress(raw) + squeeze.flush(zlib.Z_SYNC_FLUSH) if raw else b""

        squeezed = plan.each(piece).with_header("content-encoding", "gzip")
        return squeezed.but(closing=squeezed.closing + squeeze.flush(), length=None)


@dataclass(frozen=True, slots=True, repr=False)
class Shredded(Fault):
    """A good answer in pieces of `size` bytes, cut within events and characters."""

    size: int = 3
    harmless = True

    def __post_init__(self) -> None:
        validation.count("size", self.size, least=1)

    def change(self, plan: Plan) -> Plan:
        body = plan.body
        pieces = tuple(body[at : at + self.size] for at in range(0, len(body), self.size))
        return plan.but(opening=b"", tokens=pieces, closing=b"", pace=0.0, apart=True)
