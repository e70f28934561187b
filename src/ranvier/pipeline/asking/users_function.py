"""Calls a function that the user has passed to a layer, such as `Breaker(key=...)`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

ArgumentT = TypeVar("ArgumentT")
"""The type of the function's argument."""


def ask(name: str, function: Callable[[ArgumentT], Any], about: ArgumentT) -> Any:
    """Call `function` with `about`, and return its result; `name` is the parameter it was passed as.

    Raises:
        RuntimeError: it raised a `CancelledError`, which would look like a cancellation by the caller.
    """
    try:
        return function(about)
    except asyncio.CancelledError as cancelled:
        raise RuntimeError(f"{name} raised a CancelledError") from cancelled


def ask_key(name: str, function: Callable[[Call], Hashable], call: Call) -> Hashable:
    """The key that `function` returns for `call`.

    Raises:
        ConfigurationError: it is not hashable.
    """
    key: Hashable = ask(name, function, call)
    try:
        hash(key)
    except TypeError:
        raise ConfigurationError(
            f"{name} returned a {type(key).__name__}: return a tuple, a str or another hashable"
        ) from None
    return key
