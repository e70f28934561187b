"""The answer begins, or does not even that, and then time or the connection runs out."""

# ruff: noqa: D102  # because: what an overriding method does is said where it is declared

from __future__ import annotations

from dataclasses import dataclass

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.plan import Ending, Plan


@dataclass(frozen=True, slots=True, repr=False)
class Silence(Fault):
    """The request is taken and nothing comes back, not even headers."""

    def change(self, plan: Plan) -> Plan:
        return plan.but(status=None, ending=Ending.HANG)


@dataclass(frozen=True, slots=True, repr=False)
class Pings(Fault):
    """A stream of nothing but signs of life, `every` seconds apart; a whole answer stays away."""

    every: float = 0.05

    def __post_init__(self) -> None:
        _every("every", self.every)

    def change(self, plan: Plan) -> Plan:
        return plan.first(0).but(opening=b"", ending=Ending.HANG, pings=self.every)


@dataclass(frozen=True, slots=True, repr=False)
class Stall(Fault):
    """A stream that stands still after `after` tokens; `pings` seconds apart it may still ping."""

    after: int = 3
    pings: float | None = None

    def __post_init__(self) -> None:
        validation.count("after", self.after, least=0)
        if self.pings is not None:
            _every("pings", self.pings)

    def change(self, plan: Plan) -> Plan:
        return plan.first(self.after).but(ending=Ending.HANG, pings=self.pings)


@dataclass(frozen=True, slots=True, repr=False)
class Slow(Fault):
    """A good answer that takes its time.

    Attributes:
        headers: Seconds before the headers; a whole answer waits for all of it there.
        first_token: Seconds from the headers to the first token.
        pace: Seconds between two tokens.
        pings: Seconds between two signs of life meanwhile.
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
    """The response ends well for HTTP, after `after` tokens and without its terminal event.

    A whole answer ends in the middle of its JSON.
    """

    after: int = 3

    def __post_init__(self) -> None:
        validation.count("after", self.after, least=0)

    def change(self, plan: Plan) -> Plan:
        return plan.first(self.after).but(length=None)


@dataclass(frozen=True, slots=True, repr=False)
class Unended(Fault):
    """All the tokens of a stream, but not its terminal event; a whole answer is cut in the middle."""

    def change(self, plan: Plan) -> Plan:
        return Cut(after=len(plan.tokens)).change(plan)


@dataclass(frozen=True, slots=True, repr=False)
class Truncated(Fault):
    """The response ends well for HTTP, in the middle of the event that follows `after` tokens."""

    after: int = 3

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

    def change(self, plan: Plan) -> Plan:
        return plan.first(self.after).but(ending=Ending.CLOSE)


@dataclass(frozen=True, slots=True, repr=False)
class Reset(Fault):
    """The connection is reset (RST) after `after` tokens; `None` is before the headers."""

    after: int | None = None

    def change(self, plan: Plan) -> Plan:
        if self.after is None:
            return plan.but(status=None, ending=Ending.RESET)
        return plan.first(self.after).but(ending=Ending.RESET)


def _every(name: str, value: float) -> None:
    # A ping every 0 seconds would keep the loop so busy that nobody else gets a turn.
    validation.seconds(name, value)
    if value < 0.001:
        raise ConfigurationError(f"{name}={value!r}: give at least 0.001 seconds between two pings")
