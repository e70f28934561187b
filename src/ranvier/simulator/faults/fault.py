"""The base class of faults: a fault changes the answer, or the plan of its reply."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from typing import ClassVar

from ranvier import validation
from ranvier.simulator.dialogue import Answer
from ranvier.simulator.plan import Plan


@dataclass(frozen=True, slots=True, repr=False)
class Fault:
    """How a provider treats a request; a subclass overrides `rewrite`, `change` or both.

    `one & other` plays both in one reply: `other` changes the result of `one`.

    Attributes:
        harmless: True if the client still gets the whole answer.
    """

    harmless: ClassVar[bool] = False
    # A rule may be read from a file, where a misspelt field must be an error. This attribute
    # configures pydantic without importing it.
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def rewrite(self, answer: Answer) -> Answer:
        """Change the answer."""
        return answer

    def change(self, plan: Plan) -> Plan:
        """Change how the reply is sent."""
        return plan

    def limited(self, wait: float) -> Fault:
        """The same fault for a client above its rate limit, which may retry in `wait` seconds."""
        return self

    def __repr__(self) -> str:
        """The fault as Python code, such as `Status(429, retry_after=2)`, without default values."""
        arguments = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING and field.default_factory is MISSING:
                arguments.append(repr(value))
            elif value != field.default:
                arguments.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(arguments)})"

    def __and__(self, other: Fault) -> Fault:
        return Both(self, other)


@dataclass(frozen=True, slots=True, repr=False)
class Both(Fault):
    """Two faults in one reply."""

    one: Fault
    other: Fault

    @property
    def harmless(self) -> bool:  # type: ignore[override]  # because: here it depends on the two
        """True if both are harmless."""
        return self.one.harmless and self.other.harmless

    def rewrite(self, answer: Answer) -> Answer:
        return self.other.rewrite(self.one.rewrite(answer))

    def change(self, plan: Plan) -> Plan:
        return self.other.change(self.one.change(plan))

    def limited(self, wait: float) -> Fault:
        return Both(self.one.limited(wait), self.other.limited(wait))

    def __repr__(self) -> str:
        return f"{self.one!r} & {self.other!r}"


def check_after(tokens: int) -> None:
    """Check a number of tokens after which something happens."""
    validation.count("after", tokens, least=0)
