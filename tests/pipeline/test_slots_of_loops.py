"""Connection slots of a user's provider outlive the event loop on which they were all in use."""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import ConfigurationError, Deployment, Pipeline, Response
from ranvier.layers import Fallback, Timeout


class Answering:
    """A provider that takes its time, and knows how many requests were in flight at once on a loop."""

    name = "one"
    most = 0
    loop: asyncio.AbstractEventLoop | None = None

    async def complete(self, call: Any) -> Response:
        if asyncio.get_running_loop() is not self.loop:
            self.loop, self.inside, self.most = asyncio.get_running_loop(), 0, 0
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.001)
        self.inside -= 1
        return Response("fine")

    def credential(self) -> str | None:
        return "key"


class InItsInstance(Answering):
    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(2)


class InItsClass(Answering):
    slots = asyncio.Semaphore(2)


class InASlot(Answering):
    __slots__ = ("slots",)

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(2)


@dataclasses.dataclass
class NotHashable(Answering):
    slots: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.BoundedSemaphore(2))


class Named(asyncio.Semaphore):
    """A semaphore that is made otherwise than those of asyncio."""

    def __init__(self, name: str, *, most: int) -> None:
        super().__init__(most)
        self.name = name


class OfAnotherKind(Answering):
    def __init__(self) -> None:
        self.slots = Named("east", most=2)


KINDS: list[Callable[[], Any]] = [InItsInstance, InItsClass, InASlot, NotHashable, OfAnotherKind]


def pipeline_of(provider: Any) -> Pipeline:
    return Pipeline(Fallback(Deployment(provider, "m")), Timeout(connect=5))


async def crowd(*pipelines: Pipeline) -> None:
    """Five calls each, of which some have to wait."""
    await asyncio.gather(*(pipeline.complete("Why?") for pipeline in pipelines for _ in range(5)))


def leave(pipeline: Pipeline) -> None:
    """Close a loop on which all slots are in use, and some calls wait for one."""

    async def begin() -> None:
        tasks = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(4)]
        await asyncio.sleep(0)
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # because: it is left on purpose

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()


@pytest.mark.parametrize("kind", KINDS)
def test_slots_are_free_on_the_next_loop_wherever_the_provider_keeps_them(kind: Callable[[], Any]) -> None:
    """As many as there were, contended or not, as often as it takes."""
    provider = kind()
    pipeline = pipeline_of(provider)
    asyncio.run(crowd(pipeline))
    for _ in range(2):
        leave(pipeline)
        asyncio.run(crowd(pipeline))
        assert provider.most == 2
        assert provider.slots._value == 2


def test_providers_that_share_their_slots_share_them_on_the_next_loop() -> None:
    """Also where one of them comes a loop later."""
    first, second = InItsInstance(), InItsInstance()
    second.slots = first.slots
    one, two = pipeline_of(first), pipeline_of(second)
    asyncio.run(crowd(one, two))
    leave(one)
    asyncio.run(crowd(one))
    asyncio.run(crowd(one, two))
    assert first.slots is second.slots
    assert first.slots._value == 2


def test_slots_that_cannot_be_assigned_are_refused_by_name() -> None:
    """Nobody could free them: the remedy is told."""

    class Fixed(Answering):
        def __init__(self) -> None:
            self._own = asyncio.Semaphore(2)

        @property
        def slots(self) -> asyncio.Semaphore:
            return self._own

    class ToldOfLoops(Fixed):
        def open(self, pipeline: Pipeline) -> None:
            self._own = asyncio.Semaphore(2)

    fixed, told = pipeline_of(Fixed()), pipeline_of(ToldOfLoops())
    for pipeline in (fixed, told):
        asyncio.run(crowd(pipeline))
    asyncio.run(crowd(told))
    with pytest.raises(ConfigurationError, match="slots of one belong to an event loop that is closed"):
        asyncio.run(crowd(fixed))
