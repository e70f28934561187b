"""Which requests a fault is for."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.dialogue import Ask
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.wires import wire_of


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault, and the requests that it hits: those for which everything that is said here holds.

    Times are seconds since the rule was added. A rule counts the requests that got as far as to it
    and that its first six conditions fit.

    Attributes:
        fault: What happens to them.
        provider, key, model: Only requests to this provider, with this key, for this model.
        streaming: Only streams, or only whole answers.
        start, end: From when until when; an `end` of `None` is for ever.
        cycle: `(on, off)`: flapping, that many seconds on and then off, over and over from `start`.
        first: Only so many requests, and then never again.
        every: Only each n-th of them.
        above: Only those over so many per second with the same key, on average; a burst may be as
            long as one second's worth. A `Status` without a `retry_after` then says the honest one.
        probability: Only so large a part of them, drawn with the simulator's seed.
    """

    fault: Fault
    provider: str | None = None
    key: str | None = None
    model: str | None = None
    streaming: bool | None = None
    start: float = 0.0
    end: float | None = None
    cycle: tuple[float, float] | None = None
    first: int | None = None
    every: int = 1
    above: float | None = None
    probability: float = 1.0

    # A rule may be read from a file, like a fault: see there.
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def __post_init__(self) -> None:
        if self.provider is not None:
            wire_of(self.provider)
        validation.seconds("start", self.start)
        validation.seconds("end", self.end, optional=True)
        validation.count("every", self.every, least=1)
        if self.first is not None:
            validation.count("first", self.first, least=1)
        if self.cycle is not None and not (min(self.cycle) >= 0 and sum(self.cycle) > 0):
            raise ConfigurationError(f"cycle={self.cycle!r}: give the seconds on and the seconds off")
        if self.above is not None and not self.above > 0:
            raise ConfigurationError(f"above={self.above!r}: give the requests per second, more than 0")
        if not 0 <= self.probability <= 1:
            raise ConfigurationError(f"probability={self.probability!r}: give a number from 0 to 1")

    def fits(self, ask: Ask) -> bool:
        """True when it is about such requests."""
        return (
            self.provider in (None, ask.provider)
            and self.key in (None, ask.key)
            and self.model in (None, ask.model)
            and self.streaming in (None, ask.streaming)
        )

    def is_on(self, age: float) -> bool:
        """True when it holds, `age` seconds after it was added."""
        if age < self.start or (self.end is not None and age >= self.end):
            return False
        return self.cycle is None or (age - self.start) % sum(self.cycle) < self.cycle[0]

    def __str__(self) -> str:
        """The rule in one line, without what it leaves open."""
        said = {name: getattr(self, name) for name in self.__slots__ if name != "fault"}
        usual = {"start": 0.0, "every": 1, "probability": 1.0}
        conditions = [f"{name}={value!r}" for name, value in said.items() if value != usual.get(name)]
        return f"{self.fault!r} {'; '.join(conditions) or 'for every request'}"
