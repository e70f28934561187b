"""Actions for a parameter that a model does not accept as given, used in the table of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """A value to send under another name than its parameter's."""

    name: str
    value: Any


class Translated(NamedTuple):
    """Options in the fields of an API.

    Attributes:
        parameters: These fields.
        dropped: The neutral names of parameters that are omitted.
        changes: The options that are sent with another value, with a description of the change.
    """

    parameters: dict[str, Any]
    dropped: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()


class NotAcceptedError(Exception):
    """Raised to `fit`, which turns it into an error with the names of target and parameter."""


DROPPED = object()
"""Returned instead of a value to omit the parameter."""

Action = Callable[[Any, Mapping[str, Any]], Any]
"""Takes the value and all parameters; returns the value to send, `DROPPED`, or a `Renamed`."""


def keep(value: Any, given: Mapping[str, Any]) -> Any:
    """Send the parameter unchanged."""
    return value


def drop(value: Any, given: Mapping[str, Any]) -> Any:
    """Omit the parameter, which only tunes the answer."""
    return DROPPED


def reject(value: Any, given: Mapping[str, Any]) -> Any:
    """Reject the request: without this parameter it would have another meaning."""
    if value:
        raise NotAcceptedError
    return value


def reject_beside(other: str) -> Action:
    """Reject the request if the parameter `other` is given too."""

    def check(value: Any, given: Mapping[str, Any]) -> Any:
        if value and given.get(other):
            raise NotAcceptedError(f"together with {other}")
        return value

    return check


def unless_beside(other: str, allowed: Any, action: Action) -> Action:
    """Do `action`, but together with the parameter `other` reject every value except `allowed`."""

    def check(value: Any, given: Mapping[str, Any]) -> Any:
        if given.get(other) and value != allowed:
            raise NotAcceptedError(f"together with {other}, only {allowed!r}")
        return action(value, given)

    return check


def within(least: float, most: float) -> Action:
    """Bound a number to this range."""

    def clamp(value: Any, given: Mapping[str, Any]) -> Any:
        return min(max(value, least), most) if isinstance(value, (int, float)) else value

    return clamp


def at_most(count: int) -> Action:
    """Reject a list of more than `count` items."""

    def check(value: Any, given: Mapping[str, Any]) -> Any:
        return reject(value, given) if isinstance(value, (list, tuple)) and len(value) > count else value

    return check


def one_of(known: Mapping[str, Any], *, others: Any = None) -> Action:
    """Translate the known values; keep all others, or replace them by `others`."""

    def translate(value: Any, given: Mapping[str, Any]) -> Any:
        return known.get(value, value if others is None else others) if isinstance(value, str) else value

    return translate


def unless_reasoning(*, by_default: bool) -> Action:
    """Omit the parameter if the model reasons, `by_default` or because an effort is requested."""

    def drop(value: Any, given: Mapping[str, Any]) -> Any:
        effort = given.get("reasoning_effort", "high" if by_default else "none")
        return value if effort == "none" else DROPPED

    return drop


def moonshot_temperature(value: Any, given: Mapping[str, Any]) -> Any:
    """Bound a temperature to 0 to 1; several answers in one request need at least 0.3."""
    several = isinstance(given.get("n"), int) and given["n"] > 1
    return within(0.3 if several else 0.0, 1.0)(value, given)
