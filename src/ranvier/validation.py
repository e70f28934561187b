"""Rejects bad input as early as possible; the error names the argument, its value and the remedy."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from ranvier.errors.configuration import ConfigurationError

T = TypeVar("T")
K = TypeVar("K")

MAX_FLOAT = sys.float_info.max
"""The largest number of seconds: an integer may be larger than any float."""


@overload
def seconds(name: str, value: float, *, optional: bool = False) -> float: ...
@overload
def seconds(name: str, value: float | None, *, optional: bool) -> float | None: ...
def seconds(name: str, value: float | None, *, optional: bool = False) -> float | None:
    """`value` as seconds; `None` (off) is accepted if `optional`, `0` means at once."""
    if value is None and optional:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not (0 <= value <= MAX_FLOAT or value == math.inf):  # type: ignore[operator]
        off = ", or None to switch it off" if optional else ""
        raise ConfigurationError(f"{name}={value!r:.60}: give a number of seconds, 0 or more{off}")
    return float(value)  # type: ignore[arg-type]  # because: it is a number


def count(name: str, value: int, *, least: int) -> int:
    """`value` as a count of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name}={value!r:.60}: give a whole number, {least} or more")
    return value


def share(name: str, value: float) -> float:
    """`value` as a share above 0 and up to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ConfigurationError(f"{name}={value!r:.60}: give a share above 0 and up to 1")
    return float(value)


def choice(name: str, value: str, options: tuple[str, ...]) -> str:
    """`value` as one of `options`."""
    if value not in options:
        raise ConfigurationError(f"{name}={value!r}: choose one of {', '.join(map(repr, options))}")
    return value


def listed(name: str, value: Iterable[T]) -> Iterable[T]:
    """`value`, which must be a list or another iterable."""
    if not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} is a {type(value).__name__}: give a list, {name}=[...]")
    return value


def mapping(name: str, value: Mapping[K, T] | None, remedy: str) -> Mapping[K, T]:
    """`value`, which must be a dict or another mapping; an empty one for `None`."""
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a {type(value).__name__}: give {remedy}")
    return value or {}


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
