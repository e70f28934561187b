"""What the code of a provider does to the task that it runs in, and to the pipeline that called it."""

from __future__ import annotations

import asyncio
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

from ranvier.pipeline import Call
from simulation.exchange import Exchange
from simulation.moods import TICKS
from simulation.story import EPSILON

if TYPE_CHECKING:
    from simulation.checker import Checker

GRACE = 0.25
"""Seconds by which a limit may be missed where a cancellation was swallowed once: it rings again then."""


async def misbehave(how: str, exchange: Exchange, call: Call, checker: Checker) -> None:
    """Do it; what follows in the reply only follows after what leaves the task as it was."""
    if how == "call back":
        str(call.pipeline)
        call.pipeline.credentials.forget("nobody")
    elif how == "time out":
        await _time_out_with_the_limit(exchange)
    elif how == "swallow":
        await _swallow(exchange)
    elif how == "fail in a group":
        await _fail_in_a_group(exchange, checker)
    else:
        await _fail_when_cancelled(exchange)


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _met(exchange: Exchange) -> bool:
    """Whether a limit has just been met, and nothing else may have cancelled the task."""
    story, now = exchange.story, asyncio.get_running_loop().time()
    late = exchange.met_limit(now, -EPSILON) or now >= story.deadline - EPSILON
    return late and not story.given_up and not story.stack.cut_off


async def _time_out_with_the_limit(exchange: Exchange) -> None:
    """A timeout of its own comes due in the same turn as ours, and is swallowed."""
    try:
        async with asyncio.timeout_at(exchange.due):
            await _for_ever()
    except TimeoutError:
        await _for_ever()


async def _swallow(exchange: Exchange) -> None:
    """The first cancellation by a limit has no effect."""
    try:
        await _for_ever()
    except asyncio.CancelledError:
        if not _met(exchange):
            raise
        exchange.swallowed = asyncio.get_running_loop().time()
        exchange.story.keep_busy(exchange.swallowed + GRACE)
        await _for_ever()


class Group(asyncio.TaskGroup):
    """One that leaves no cycle behind.

    Up to 3.12.7 and 3.13.0 a frame of Python's own holds the error that it raises. From that frame the
    chain of callers leads to the locals of all of them, and so to a stream that is dropped much later.
    """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        except BaseException as raised:
            traceback.clear_frames(raised.__traceback__)
            raise
        finally:
            del error, trace


async def _fail_in_a_group(exchange: Exchange, checker: Checker) -> None:
    """A child of a task group fails, between two ticks."""

    async def fail() -> None:
        await asyncio.sleep(0.5 + 0.5 / TICKS)
        raise RuntimeError("a child has a bug")

    try:
        async with Group() as group:
            group.create_task(fail())
            await _for_ever()
    except ExceptionGroup as error:
        exchange.stop("raised", asyncio.get_running_loop().time(), error)
        checker.refused(exchange)
        raise


async def _fail_when_cancelled(exchange: Exchange) -> None:
    """A child fails as a limit cancels it: a group comes out, and no CancelledError."""

    async def fail() -> None:
        try:
            await _for_ever()
        except asyncio.CancelledError:
            if not _met(exchange):
                raise
            exchange.stop("cancelled", asyncio.get_running_loop().time())
            raise RuntimeError("a child has a bug in its clean-up") from None

    async with Group() as group:
        group.create_task(fail())
        await _for_ever()
