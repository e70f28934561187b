"""Rules: which requests a fault hits."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.dialogue import Ask
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.wires import wire_of


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault and its conditions: it hits the requests that meet all of them.

    Times are seconds since the rule was added. `every` counts the requests that no earlier rule hit
    and that meet the conditions from `provider` to `cycle`.

    Attributes:
        fault: The fault that is played.
        provider, key, model: Only requests to this provider, with this key, for this model.
        streaming: True for streaming requests only, false for non-streaming ones only.
        start, end: The time span in which the rule is active; an `end` of `None` means forever.
        cycle: `(on, off)` seconds for flapping: on, then off, repeated from `start`.
        first: Hits only this many requests, then never again.
        every: Hits only every n-th request.
        above: Hits only requests above this rate per second and key, on average; a burst may have one
            second's worth of requests. A `Status` without `retry_after` then gets the correct one.
        probability: Hits each request with this probability, drawn with the simulator's seed.
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

    # A rule may be read from a file: see `Fault`.
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
            raise ConfigurationError(f"cycle={self.cycle!r}: must be (seconds on, seconds off)")
        if self.above is not None and not self.above > 0:
            raise ConfigurationError(f"above={self.above!r}: must be a number of requests per second above 0")
        if not 0 <= self.probability <= 1:
            raise ConfigurationError(f"probability={self.probability!r}: must be a number from 0 to 1")

    def fits(self, ask: Ask) -> bool:
        """True if the request's provider, key, model and streaming match."""
        return (
            self.provider in (None, ask.provider)
            and self.key in (None, ask.key)
            and self.model in (None, ask.model)
            and self.streaming in (None, ask.streaming)
        )

    def is_on(self, age: float) -> bool:
        """True if the rule is active `age` seconds after it was added."""
        if age < self.start or (self.end is not None and age >= self.end):
            return False
        return self.cycle is None or (age - self.start) % sum(self.cycle) < self.cycle[0]

    def __str__(self) -> str:
        """The rule in one line, without unset conditions."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "fault"}
        defaults = {"start": 0.0, "every": 1, "probability": 1.0}
        conditions = [f"{name}={value!r}" for name, value in values.items() if value != defaults.get(name)]
        return f"{self.fault!r} {'; '.join(conditions) or 'for every request'}"
