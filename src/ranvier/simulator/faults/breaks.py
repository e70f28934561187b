"""Faults in time and connection: silence, slow answers, cut streams, broken connections."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

from dataclasses import dataclass

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.faults.fault import Fault, check_after
from ranvier.simulator.plan import Ending, Plan


@dataclass(frozen=True, slots=True, repr=False)
class Silence(Fault):
    """The request is accepted and nothing is sent, not even headers."""

    def change(self, plan: Plan) -> Plan:
        return plan.but(status=None, ending=Ending.HANG)


@dataclass(frozen=True, slots=True, repr=False)
class Pings(Fault):
    """A stream of only pings, `every` seconds apart; a whole answer never comes."""

    every: float = 0.05

    def __post_init__(self) -> None:
        _every("every", self.every)

    def change(self, plan: Plan) -> Plan:
        return plan.first(0).but(opening=b"", ending=Ending.HANG, pings=self.every)


@dataclass(frozen=True, slots=True, repr=False)
class Stall(Fault):
    """A stream that stalls after `after` tokens; then it sends nothing, or a ping every `pings` seconds."""

    after: int = 3
    pings: float | None = None

    def __post_init__(self) -> None:
        check_after(self.after)
        if self.pings is not None:
            _every("pings", self.pings)

    def change(self, plan: Plan) -> Plan:
        return plan.first(self.after).but(ending=Ending.HANG, pings=self.pings)


@dataclass(frozen=True, slots=True, repr=False)
class Slow(Fault):
    """A slow good answer.

    Attributes:
        headers: Seconds before the headers.
        first_token: Seconds from the headers to the first token; before the headers for a whole answer.
        pace: Seconds between two tokens of a stream.
        pings: Seconds between two pings while a stream waits; `None` sends no pings.
    """

    headers: float = 0.0
    first_token: float = 0.0
    pace: float = 0.0
    pings: float | None = None
    harmless = True

    def __post_init__(self) -> None:
        for name in ("headers", "first_token", "pace"):
            validation.seconds(name, getattr(self, name))
        if self.pings is not None:
            _every("pings", self.pings)

    def change(self, plan: Plan) -> Plan:
        if plan.streams:
            return plan.but(
                delay=plan.delay + self.headers,
                latency=plan.latency + self.first_token,
                pace=plan.pace + self.pace,
                pings=self.pings,
            )
        return plan.but(delay=plan.delay + self.headers + self.first_token)


@dataclass(frozen=True, slots=True, repr=False)
class Cut(Fault):
    """The response ends properly for HTTP, but after `after` tokens and without its terminal event.

    A whole answer ends in the middle of its JSON.
    """

    after: int = 3

    def __post_init__(self) -> None:
        check_after(self.after)

    def change(self, plan: Plan) -> Plan:
        return plan.first(self.after).but(length=None)


@dataclass(frozen=True, slots=True, repr=False)
class Unended(Fault):
    """All tokens of a stream without its terminal event; a whole answer is cut in the middle."""

    def change(self, plan: Plan) -> Plan:
        return Cut(after=len(plan.tokens)).change(plan)


@dataclass(frozen=True, slots=True, repr=False)
class Truncated(Fault):
    """The response ends properly for HTTP, but in the middle of the event that follows `after` tokens."""

    after: int = 3

    def __post_init__(self) -> None:
        check_after(self.after)

    def change(self, plan: Plan) -> Plan:
        if not plan.streams:
            return Cut().change(plan)
        event = (*plan.tokens[self.after :], plan.closing)[0]
        begun = plan.first(self.after)
        return begun.but(tokens=(*begun.tokens, event[: len(event) // 2]))


@dataclass(frozen=True, slots=True, repr=False)
class Drop(Fault):
    """The connection is closed after `after` tokens, before the response has ended."""

    after: int = 3

    def __post_init__(self) -> None:
        check_after(self.after)

    def change(self, plan: Plan) -> Plan:
        return plan.first(self.after).but(ending=Ending.CLOSE)


@dataclass(frozen=True, slots=True, repr=False)
class Reset(Fault):
    """The connection is reset (RST) after `after` tokens; `None` resets it before the headers."""

    after: int | None = None

    def __post_init__(self) -> None:
        if self.after is not None:
            check_after(self.after)

    def change(self, plan: Plan) -> Plan:
        if self.after is None:
            return plan.but(status=None, ending=Ending.RESET)
        return plan.first(self.after).but(ending=Ending.RESET)


def _every(name: str, value: float) -> None:
    # A ping every 0 seconds would block the loop.
    validation.seconds(name, value)
    if value < 0.001:
        raise ConfigurationError(f"{name}={value!r}: must be at least 0.001 seconds between two pings")
