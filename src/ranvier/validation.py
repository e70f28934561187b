"""Rejects bad input as early as possible; the error names the argument, its value and the remedy."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard, TypeVar, overload

from ranvier.errors.configuration import ConfigurationError

K = TypeVar("K")
T = TypeVar("T")


@overload
def seconds(name: str, value: float, *, optional: bool = False) -> float: ...
@overload
def seconds(name: str, value: float | None, *, optional: bool) -> float | None: ...
def seconds(name: str, value: float | None, *, optional: bool = False) -> float | None:
    """`value` as seconds; `None` (off) is accepted if `optional`, `0` means at once."""
    if value is None and optional:
        return None
    if not is_number(value) or value < 0:
        off = ", or None to switch it off" if optional else ""
        raise ConfigurationError(f"{name}={value!r:.60}: give a number of seconds, 0 or more{off}")
    return float(value)


def is_number(value: object) -> TypeGuard[float]:
    """True for a number that a float can hold, also an infinite one; not for a bool and NaN."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (isinstance(value, float) or abs(value) <= sys.float_info.max)
        and value == value
    )


def number(name: str, value: float, *, least: float = 0) -> float:
    """`value` as a finite number of at least `least`."""
    if not is_number(value) or not least <= value < math.inf:
        raise ConfigurationError(f"{name}={value!r:.60}: give a finite number, {least:g} or more")
    return float(value)


def count(name: str, value: int, *, least: int) -> int:
    """`value` as a count of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name}={value!r:.60}: give a whole number, {least} or more")
    return value


def whole(name: str, value: int) -> int:
    """`value` as a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{name}={value!r:.60}: give a whole number")
    return value


def share(name: str, value: float) -> float:
    """`value` as a share above 0 and up to 1."""
    if not is_number(value) or not 0 < value <= 1:
        raise ConfigurationError(f"{name}={value!r:.60}: give a share above 0 and up to 1")
    return float(value)


def choice(name: str, value: str, options: tuple[str, ...]) -> str:
    """`value` as one of `options`."""
    if value not in options:
        raise ConfigurationError(f"{name}={value!r:.60}: choose one of {', '.join(map(repr, options))}")
    return value


def flag(name: str, value: bool) -> bool:
    """`value`, which must be a bool: a text such as "false" would count as true."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r:.60}: give True or False")
    return value


def mapping(name: str, value: Mapping[K, T] | None, wanted: str) -> dict[K, T]:
    """A copy of `value`, which must be a mapping of what is `wanted`; empty for `None`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a {type(value).__name__}: give a dict of {wanted}")
    return dict(value)


def listed(name: str, value: Iterable[T]) -> Iterable[T]:
    """`value`, which must be a list or another iterable."""
    if not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} is a {type(value).__name__}: give a list, {name}=[...]")
    return value


def check_takes(name: str, function: Callable[..., object], *arguments: str) -> None:
    """Check that `function` can be called with `arguments`, which are their names in the error.

    Functions of C that do not tell their parameters pass. The error shows no defaults: one may be a secret.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        own = getattr(function, "__name__", type(function).__name__)
        shown = f"{own}({', '.join(signature.parameters)})"
        many = "one argument" if len(arguments) == 1 else "two arguments"
        called = f"it is called with {many}, ({', '.join(arguments)})"
        raise ConfigurationError(f"{name}={shown:.160}: {called}") from None


def identifier(name: str, value: object, *, longest: int = 256) -> str:
    """`value` as a name from untrusted input: not empty, not too long, without control characters."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}={value!r:.60}: give a str, not {type(value).__name__}")
    if not value or len(value) > longest or not value.isprintable():
        shown = f"{value[:60]!r}{'...' if len(value) > 60 else ''} ({len(value)} characters)"
        raise ConfigurationError(f"{name}={shown}: give 1 to {longest} printable characters")
    return value


SEVERAL = ("n", "candidateCount", "candidate_count")
"""Wire fields that set the number of answers."""


def one_answer(name: str, fields: Mapping[Any, Any]) -> None:
    """Reject wire fields that request several answers: all would be billed, and one returned."""
    for key in SEVERAL:
        value = fields.get(key)
        if isinstance(value, (int, float)) and value > 1:
            raise ConfigurationError(
                f"{name}: {key}={value} requests several answers, and a call returns one: leave it out, "
                "and make one call for each answer"
            )
    config = fields.get("generationConfig")  # Gemini
    if isinstance(config, Mapping):
        one_answer(f"{name}['generationConfig']", config)
