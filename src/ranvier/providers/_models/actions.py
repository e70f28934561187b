"""What can be done with a parameter that a model does not take as it is: the verbs of the table of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """A value that goes by another name on the wire than its parameter does."""

    name: str
    value: Any


class CannotTakeError(Exception):
    """To `fit`, which knows the names for the message."""


DROPPED = object()
"""Instead of a value: the parameter is left out."""

Action = Callable[[Any, Mapping[str, Any]], Any]
"""From the value and all parameters to the value to send, `DROPPED`, or a `Renamed`."""


def keep(value: Any, given: Mapping[str, Any]) -> Any:
    """Send it as it is."""
    return value


def drop(value: Any, given: Mapping[str, Any]) -> Any:
    """It only tunes: leave it out."""
    return DROPPED


def refuse(value: Any, given: Mapping[str, Any]) -> Any:
    """It carries meaning: without it something else would be asked."""
    if value:
        raise CannotTakeError
    return value


def refuse_beside(other: str) -> Action:
    """Refuse it where that `other` parameter is given too."""

    def check(value: Any, given: Mapping[str, Any]) -> Any:
        if value and given.get(other):
            raise CannotTakeError(f"beside {other}")
        return value

    return check


def unless_beside(other: str, allowed: Any, action: Action) -> Action:
    """Do `action`; beside that `other` parameter nothing but the `allowed` value is taken."""

    def check(value: Any, given: Mapping[str, Any]) -> Any:
        if given.get(other) and value != allowed:
            raise CannotTakeError(f"beside {other}, where it takes {allowed!r} alone")
        return action(value, given)

    return check


def within(least: float, most: float) -> Action:
    """Bound a number."""

    def clamp(value: Any, given: Mapping[str, Any]) -> Any:
        return min(max(value, least), most) if isinstance(value, (int, float)) else value

    return clamp


def at_most(count: int) -> Action:
    """Refuse a longer list."""

    def check(value: Any, given: Mapping[str, Any]) -> Any:
        return refuse(value, given) if isinstance(value, (list, tuple)) and len(value) > count else value

    return check


def one_of(known: Mapping[str, Any], *, others: Any = None) -> Action:
    """Translate the values that are known; all others are kept, or replaced by `others`."""

    def translate(value: Any, given: Mapping[str, Any]) -> Any:
        return known.get(value, value if others is None else others) if isinstance(value, str) else value

    return translate


def unless_reasoning(*, by_default: bool) -> Action:
    """Leave it out where the model reasons, as it does `by_default` or when told to."""

    def drop(value: Any, given: Mapping[str, Any]) -> Any:
        effort = given.get("reasoning_effort", "high" if by_default else "none")
        return value if effort == "none" else DROPPED

    return drop


def moonshot_temperature(value: Any, given: Mapping[str, Any]) -> Any:
    """Bound a temperature; several answers at once need a little."""
    several = isinstance(given.get("n"), int) and given["n"] > 1
    return within(0.3 if several else 0.0, 1.0)(value, given)
