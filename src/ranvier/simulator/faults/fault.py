"""What a fault is: a change of the answer, or of the plan of its reply."""

# ruff: noqa: D102  # because: what an overriding method does is said where it is declared

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from typing import ClassVar

from ranvier.simulator.dialogue import Answer
from ranvier.simulator.plan import Plan


@dataclass(frozen=True, slots=True, repr=False)
class Fault:
    """What a provider does with a request; a subclass says what, in one or both of two methods.

    `one & other` plays both, each on what the former has made of the reply.

    Attributes:
        harmless: The client still gets the whole answer.
    """

    harmless: ClassVar[bool] = False
    # A rule may be read from a file: a misspelt field there must not pass in silence. The name and
    # the dict are all that pydantic needs to be told, so that it is not imported here.
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def rewrite(self, answer: Answer) -> Answer:
        """What is answered."""
        return answer

    def change(self, plan: Plan) -> Plan:
        """How the reply goes."""
        return plan

    def limited(self, wait: float) -> Fault:
        """The same, played because the client was too fast: in `wait` seconds it may come again."""
        return self

    def __repr__(self) -> str:
        """The fault as it is written, `Status(429, retry_after=2)`: without what is as usual."""
        said = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING and field.default_factory is MISSING:
                said.append(repr(value))
            elif value != field.default:
                said.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(said)})"

    def __and__(self, other: Fault) -> Fault:
        return Both(self, other)


@dataclass(frozen=True, slots=True, repr=False)
class Both(Fault):
    """Two faults in one reply."""

    one: Fault
    other: Fault

    @property
    def harmless(self) -> bool:  # type: ignore[override]  # because: here it depends on the two
        """Both leave the answer whole."""
        return self.one.harmless and self.other.harmless

    def rewrite(self, answer: Answer) -> Answer:
        return self.other.rewrite(self.one.rewrite(answer))

    def change(self, plan: Plan) -> Plan:
        return self.other.change(self.one.change(plan))

    def limited(self, wait: float) -> Fault:
        return Both(self.one.limited(wait), self.other.limited(wait))

    def __repr__(self) -> str:
        return f"{self.one!r} & {self.other!r}"
