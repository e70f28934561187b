"""Telemetry that fails is told to the log, once, and never to a call."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

logger = logging.getLogger("ranvier.telemetry")

P = ParamSpec("P")
R = TypeVar("R")

_reported: set[str] = set()  # functions of ours that have failed: a handful at most


def never_raises(function: Callable[P, R]) -> Callable[P, R | None]:
    """`function`, which gives `None` where it would have raised.

    Samplers, processors and exporters are run inside the calls of OpenTelemetry's API; what they raise
    comes out of those.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except (Exception, asyncio.CancelledError):  # nobody can cancel in the middle of a plain function
            if function.__qualname__ not in _reported:
                _reported.add(function.__qualname__)
                logger.exception("%s failed; further errors of it are not logged", function.__qualname__)
            return None

    return guarded
