"""Calls a function that the user has passed to a layer, such as `Breaker(key=...)`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from ranvier import validation
from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

ArgumentT = TypeVar("ArgumentT")
"""The type of the function's argument."""

Function = TypeVar("Function")
"""A function of the user's, or `None`."""


def ask(name: str, function: Callable[[ArgumentT], Any], about: ArgumentT) -> Any:
    """Call `function` with `about`, and return its result; `name` is the parameter it was passed as.

    Raises:
        ConfigurationError: it returned a coroutine, which would not be awaited.
        RuntimeError: it raised a `CancelledError`, which would look like a cancellation by the caller.
    """
    try:
        answer = function(about)
    except asyncio.CancelledError as cancelled:
        raise RuntimeError(f"{name} raised a CancelledError") from cancelled
    if inspect.iscoroutine(answer):
        raise ConfigurationError(f"{name} returned a {kind_of(answer)}, but has to answer at once")
    return answer


def kind_of(answer: object) -> str:
    """The type of an unusable answer; a coroutine is closed, because it will not be awaited."""
    if inspect.iscoroutine(answer):
        answer.close()
    return type(answer).__name__


def ask_key(name: str, function: Callable[[Call], Hashable], call: Call) -> Hashable:
    """The key that `function` returns for `call`.

    Raises:
        ConfigurationError: it cannot be looked up: it is not hashable, or not equal to itself.
    """
    key: Hashable = ask(name, function, call)
    try:
        usable = hash(key) is not None and bool(key == key)  # because: NaN is not
    except PLAIN_FAILURES:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{name} returned a {type(key).__name__}: return a tuple, a str or another hashable"
        ) from None
    return key


def plain(name: str, function: Function, argument: str) -> Function:
    """`function` of one `argument`, after a check that it answers at once; `None` if none is given.

    Raises:
        ConfigurationError: it cannot be called with one argument, or is `async def`.
    """
    if function is None:
        return function
    if not callable(function):
        raise ConfigurationError(f"{name} is a {type(function).__name__}: give a function of a {argument}")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        raise ConfigurationError(
            f"{name} is `async def`, but has to answer at once: make it a plain function"
        )
    validation.check_takes(name, function, argument)
    return function
