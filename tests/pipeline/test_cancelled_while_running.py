"""A task that is cancelled while it runs, as by Ctrl-C: what is thrown at its next await is its caller's.

Wherever code of others waits, a `CancelledError` without a cancellation is that code's failure. One that
was asked for before the wait began, and is thrown in it, is the caller's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ranvier import Layer, Pipeline, Place
from ranvier.asgi import TenantMiddleware
from ranvier.layers import Breaker, CircuitState, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Handler
from ranvier.providers import FunctionProvider
from ranvier.testing import assert_settled

pytestmark = pytest.mark.virtual_time


def cancel_me() -> None:
    """Cancel the running task."""
    running().cancel()


def running() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


class Cancelling(Layer):
    """The caller is cancelled in the middle of it."""

    def __init__(self, place: Place) -> None:
        self.place = place  # type: ignore[misc]

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        cancel_me()
        return await inner(call)


async def slow_answer(call: Call) -> str:
    await asyncio.sleep(1)
    return "Hi."


async def slow_steps(call: Call) -> AsyncIterator[str]:
    for word in ("One ", "two ", "three."):
        yield word
        await asyncio.sleep(1)


def stack(breaker: Breaker, *layers: Layer, **settings: Any) -> Pipeline:
    providers = [FunctionProvider(name, slow_answer, slow_steps) for name in ("one", "two")]
    usual = [Deadline(60), Fallback(*providers), Retry(), Timeout(5)]
    return Pipeline(*sorted([*usual, breaker, *layers], key=lambda layer: layer.place), **settings)


@pytest.fixture
def sensitive() -> Iterator[Breaker]:
    """A breaker that no failure escapes, and that must see none."""
    breaker = Breaker(failure_threshold=1)
    yield breaker
    assert all(state is CircuitState.CLOSED for _, state in breaker.circuits.states())


async def cancelled(pipeline: Pipeline, work: Any) -> None:
    """Do `work`, which ends by a cancellation that is nobody's failure."""
    with pytest.raises(asyncio.CancelledError):
        await work
    assert running().uncancel() == 0
    assert_settled(pipeline)


async def test_a_call_is_cancelled(sensitive):
    async with stack(sensitive) as pipeline:
        cancel_me()
        await cancelled(pipeline, pipeline.complete("Hi"))


async def test_a_read_is_cancelled(sensitive):
    async with stack(sensitive) as pipeline, pipeline.stream("Hi") as events:
        await anext(events)
        cancel_me()
        await cancelled(pipeline, anext(events))


@pytest.mark.parametrize("place", sorted(set(Place) - {Place.ROUTE}))
async def test_a_call_is_cancelled_in_a_layer(sensitive, place):
    async with stack(sensitive, Cancelling(place)) as pipeline:
        await cancelled(pipeline, pipeline.complete("Hi"))


async def test_a_call_is_cancelled_by_its_resolver(sensitive):
    def resolve(tenant: str, provider: str) -> Any:
        cancel_me()
        return asyncio.sleep(1, "key")

    async with stack(sensitive, credentials=resolve) as pipeline:
        await cancelled(pipeline, pipeline.complete("Hi"))


async def test_a_request_is_cancelled_while_its_tenant_is_looked_up():
    """Its task is told that it was cancelled, and not that the resolver is to blame."""

    async def resolve(scope: Any) -> str:
        return await asyncio.sleep(1, "acme")

    async def never(*_: Any) -> None:
        raise AssertionError("nobody is asked")

    app = TenantMiddleware(never, resolve=resolve)
    cancel_me()
    with pytest.raises(asyncio.CancelledError):
        await app({"type": "http", "headers": []}, never, never)
    assert running().uncancel() == 0
