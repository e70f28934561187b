"""Keeps errors of telemetry away from calls: each failing function is logged once."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

logger = logging.getLogger("ranvier.telemetry")

P = ParamSpec("P")
R = TypeVar("R")

_reported: set[str] = set()  # names of our functions that have failed: a handful at most


def never_raises(function: Callable[P, R]) -> Callable[P, R | None]:
    """Wrap `function` so that it returns `None` where it would have raised.

    Samplers, processors and exporters run inside the calls of OpenTelemetry's API, which raise what
    those raise.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except (Exception, asyncio.CancelledError):  # a synchronous function cannot be cancelled half-way
            if function.__qualname__ not in _reported:
                _reported.add(function.__qualname__)
                logger.exception("%s failed; further errors of it are not logged", function.__qualname__)
            return None

    return guarded
