"""The fixes for the fields of a rejected request.

A fix returns the parameters that it changed. It is applied to later requests too, and changes nothing
in a request that does not need it. It never changes a value that the caller also holds, only copies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.places import MISSING, PLACES, given, places_of, put


class Change(NamedTuple):
    """A parameter by its neutral name, and the change to it in words, for a log."""

    parameter: str
    done: str


class Fix(Protocol):
    """A change to the fields of a request that makes its target accept it.

    Attributes:
        lasting: True if the model needs it for every request, so it is remembered.
    """

    @property
    def lasting(self) -> bool:
        """See above."""

    def apply(self, fields: Json) -> list[Change]:
        """Change `fields`, and return the changes; an empty list if nothing had to be changed."""
        ...


@runtime_checkable
class Growing(Fix, Protocol):
    """A fix of which a model needs only one, extended with each rejection."""

    def grown(self, older: Fix) -> Fix:
        """This fix combined with `older`, an earlier one of the same type."""
        ...


@dataclass(frozen=True)
class LeaveOut:
    """Omits settings that only tune the answer; with `beside`, only if that setting is given too."""

    parameters: tuple[str, ...]
    beside: str | None = None
    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Remove them from all their paths."""
        if self.beside is not None and not given(fields, self.beside):
            return []
        left_out = [each for each in self.parameters if given(fields, each)]
        for parameter in left_out:
            for path in PLACES[parameter]:
                put(fields, path, MISSING)
        return [Change(parameter, "left out") for parameter in left_out]


@dataclass(frozen=True)
class Rename:
    """Sends a setting under another name."""

    parameter: str
    old: str
    new: str
    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Move its value to the new name, unless that is set."""
        if self.old not in fields:
            return []
        value = fields.pop(self.old)
        fields.setdefault(self.new, value)
        return [Change(self.parameter, f"sent as {self.new}")]


@dataclass(frozen=True)
class Bound:
    """Sends the nearest number between two bounds."""

    parameter: str
    least: float = -math.inf
    most: float = math.inf
    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Bound its value at all its paths."""
        changes: list[Change] = []
        for path, value in places_of(fields, self.parameter):
            bounded = min(max(value, self.least), self.most) if is_number(value) else value
            if bounded != value:
                put(fields, path, bounded)
                changes.append(Change(self.parameter, f"sent as {bounded}"))
        return changes


@dataclass(frozen=True)
class Choose:
    """Sends the nearest of the `known` values, by their position in `order`."""

    parameter: str
    known: Sequence[Any]
    order: Sequence[Any]
    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Replace a value that is not known."""
        changes: list[Change] = []
        for path, value in places_of(fields, self.parameter):
            if isinstance(value, str) and value not in self.known and value in self.order:
                nearest = min(self.known, key=lambda each: abs(self._rank(each) - self._rank(value)))
                put(fields, path, nearest)
                changes.append(Change(self.parameter, f"sent as {nearest}"))
        return changes

    def _rank(self, value: Any) -> int:
        return self.order.index(value)


@dataclass(frozen=True)
class Supply:
    """Sends a value for an unset parameter if the field `beside` is set."""

    parameter: str
    value: Any
    beside: str
    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Set the value, unless the parameter is set."""
        if not fields.get(self.beside) or given(fields, self.parameter):
            return []
        put(fields, PLACES[self.parameter][0], self.value)
        return [Change(self.parameter, f"sent as {self.value}")]


@dataclass(frozen=True)
class Together:
    """Several fixes at once."""

    fixes: tuple[Fix, ...]

    @property
    def lasting(self) -> bool:
        """True if all of them are lasting."""
        return all(fix.lasting for fix in self.fixes)

    def apply(self, fields: Json) -> list[Change]:
        """Apply them in order."""
        return [change for fix in self.fixes for change in fix.apply(fields)]


def is_number(value: object) -> bool:
    """True for a number; a bool is not one."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
