"""Probes whose request waits again, is cancelled as it could be sent, or is never sent at all."""

import asyncio
from typing import Any

import pytest

from ranvier import CircuitOpenError, InvalidRequestError, RanvierError, Response
from ranvier.layers import Timeout
from ranvier.pipeline import Call, Handler, Layer, Place
from ranvier.testing import after, broken
from support.scenes import BreakerScene

pytestmark = pytest.mark.virtual_time


def occupy(slots: asyncio.Semaphore, seconds: float) -> asyncio.Task[None]:
    """Queue up for a slot, and keep it for so long."""

    async def another() -> None:
        async with slots:
            await asyncio.sleep(seconds)

    return asyncio.create_task(another())


async def nobody_else_probes(scene: BreakerScene, probing: asyncio.Task[Any]) -> None:
    """Ask every second until the probe has ended: each call is refused, and the circuit stays half-open."""
    while not probing.done():
        with pytest.raises(CircuitOpenError):
            await scene.ask()
        assert scene.state() == "half_open"
        await asyncio.sleep(1)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "limits",
    [
        Timeout(20, connect=10, idle=15),
        Timeout(None, connect=30, first_token=3),
        Timeout(None, connect=30, first_token=3, idle=3),
    ],
    ids=["seconds", "first_token", "idle"],
)
async def test_a_probe_that_waits_for_a_connection_again_is_not_given_up(
    limits: Timeout, streaming: bool
) -> None:
    """To be asked without streaming: its slot went to the one behind it in the queue."""
    no = InvalidRequestError("streaming is not for you", provider="only")
    no.refuses_streaming = True
    scene = BreakerScene([broken(), after(2 if limits.seconds is None else 15, no), "ok"], inner=[limits])
    slots = scene.provider.slots = asyncio.Semaphore(1)
    await scene.open_and_cool_down()

    async def probe() -> None:
        await ((await scene.pipeline.stream("Why?", tenant="acme")).collect() if streaming else scene.ask())

    probing = asyncio.create_task(probe())
    await asyncio.sleep(0.5)
    another = occupy(slots, 9)
    await nobody_else_probes(scene, probing)
    await asyncio.gather(probing, another)
    assert (scene.state(), scene.circuit().total_opens) == ("closed", 1)


@pytest.mark.parametrize("lease", [None, 17])
async def test_a_probe_whose_answer_is_repaired_is_not_given_up(lease: float | None) -> None:
    """Its second request waits for a connection as well."""
    schema = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
    scene = BreakerScene(
        [broken(), after(15, "{}"), after(1, '{"size": 1}')],
        inner=[Timeout(20, connect=10)],
        probe_lease=lease,
    )
    slots = scene.provider.slots = asyncio.Semaphore(1)
    await scene.open_and_cool_down()
    probing = asyncio.create_task(scene.pipeline.complete("Why?", tenant="acme", schema=schema, repair=1))
    await asyncio.sleep(0.5)
    another = occupy(slots, 9)
    await nobody_else_probes(scene, probing)
    await another
    assert (await probing).parsed == {"size": 1}
    assert (scene.state(), scene.circuit().total_opens) == ("closed", 1)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_a_probe_that_is_cancelled_as_its_connection_comes_gives_both_back(streaming: bool) -> None:
    """Neither the slot nor the place is lost, and nothing is counted."""
    scene = BreakerScene([broken(), "ok"], inner=[Timeout(20, connect=10)])
    slots = scene.provider.slots = asyncio.Semaphore(1)
    await scene.open_and_cool_down()
    await slots.acquire()

    async def probe() -> None:
        await (scene.pipeline.stream("Why?", tenant="acme") if streaming else scene.ask())

    probing = asyncio.create_task(probe())
    await asyncio.sleep(1)
    slots.release()
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    assert (scene.state(), scene.circuit().in_flight, scene.circuit().total_opens) == ("half_open", 0, 1)
    assert not slots.locked()
    assert (await scene.ask()).text == "ok"
    assert scene.state() == "closed"


class Answering(Layer):
    """Inside the breaker: answers instead of the provider, or where that has failed."""

    place = Place.ATTEMPT

    def __init__(self, how: str) -> None:
        self.how = how
        self.answers = False

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        if self.answers and self.how == "instead":
            return Response("from the cache")
        try:
            return await inner(call)
        except RanvierError:
            if self.answers:
                return Response("from the cache")
            raise


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("how", ["instead", "after a failure"])
async def test_an_answer_that_no_provider_gave_proves_nothing(how: str, streaming: bool) -> None:
    """The place is given back, and the next call is the probe."""
    layer = Answering(how)
    scene = BreakerScene([broken(), "ok"] if how == "instead" else [broken(), broken(), "ok"], inner=[layer])
    await scene.open_and_cool_down()
    layer.answers = True
    if streaming:
        async with scene.pipeline.stream("Why?", tenant="acme") as answer:
            assert (await answer.collect()).text == "from the cache"
    else:
        assert (await scene.ask()).text == "from the cache"
    assert (scene.state(), scene.circuit().in_flight) == ("half_open", 0)
    layer.answers = False
    assert (await scene.ask()).text == "ok"
    assert scene.state() == "closed"


async def test_an_answer_that_no_provider_gave_does_not_make_up_for_failures() -> None:
    """They are in a row all the same."""
    layer = Answering("instead")
    scene = BreakerScene([broken()], inner=[layer], failure_threshold=2)
    await scene.fail()
    layer.answers = True
    await scene.ask()
    layer.answers = False
    await scene.fail()
    assert scene.state() == "open"
