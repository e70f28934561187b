"""At most so many calls are in flight; the others wait in fair order, and hold nothing meanwhile."""

import asyncio
import gc
import math
from random import Random
from typing import Any

import pytest

from ranvier import (
    BulkheadFullError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    LayerOrderError,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    StreamEvent,
    Usage,
)
from ranvier.events import CallRejected, Event
from ranvier.layers import Breaker, Bulkhead, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.pipeline import Call, Layer, Place
from ranvier.testing import ScriptedProvider, after, assert_settled, stall, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time


class Scene:
    """Scripted providers behind a bulkhead."""

    def __init__(self, *script: Any, second: Any = None, inside: Any = (), **settings: Any) -> None:
        self.one = ScriptedProvider("one", script or (lambda call: after(1, "fine")))
        if len(script) == 1 and callable(script[0]):
            self.one = ScriptedProvider("one", script[0])
        self.two = ScriptedProvider("two", second) if second else None
        self.bulkhead = Bulkhead(**{"limit": 1, **settings})
        self.events: list[Event] = []
        self.pipeline = Pipeline(
            Deadline(100),
            Fallback(*filter(None, (self.one, self.two))),
            self.bulkhead,
            *inside,
            listeners=[self.events.append],
        )

    def start(self, tenant: str = "acme", **options: Any) -> asyncio.Task[Response]:
        return asyncio.create_task(self.pipeline.complete("Why?", tenant=tenant, **options))

    def state(self) -> tuple[int, int]:
        """How many places are taken, and how many calls wait."""
        return sum(each.in_flight for each in self.bulkhead.places), sum(
            each.waiting for each in self.bulkhead.places
        )


async def ended(*calls: asyncio.Task[Response]) -> list[tuple[float, str]]:
    """When each call ended, and its text or the kind of its error."""

    async def one(call: asyncio.Task[Response]) -> tuple[float, str]:
        try:
            return time(), (await call).text
        except RanvierError as error:
            return time(), error.kind

    async def timed(call: asyncio.Task[Response]) -> tuple[float, str]:
        _, text = await one(call)
        return time(), text

    began = time()
    return [(round(when - began, 3), text) for when, text in await asyncio.gather(*map(timed, calls))]


def fine(call: Any) -> Any:
    return after(1, "fine")


async def test_calls_beyond_the_limit_wait_in_fair_order() -> None:
    """A burst of one tenant delays another by one service time."""
    scene = Scene(fine, limit=2)
    loud = [scene.start("loud") for _ in range(6)]
    await asyncio.sleep(0.1)
    quiet = scene.start("quiet")
    times = await ended(quiet, *loud)
    assert times[0] == (1.9, "fine")
    assert [when for when, _ in times[1:]] == [0.9, 0.9, 1.9, 2.9, 2.9, 3.9]
    assert scene.state() == (0, 0)


@pytest.mark.parametrize("sigma", [0.0, 0.5, 1.0])
async def test_a_burst_delays_the_others_by_about_one_service_time(sigma: float) -> None:
    """400 calls of one tenant over 20 places; p99 of the others' waits is at most 1.1 service times."""
    rng, waits = Random(1), list[float]()
    answers = [2.0 * rng.lognormvariate(-(sigma**2) / 2, sigma) for _ in range(1000)]
    scene = Scene(lambda call: after(answers.pop(), "fine"), limit=20, max_wait=None)

    async def ask(tenant: str) -> None:
        answer = await scene.start(tenant)
        waits.append(sum(each.seconds for each in answer.record.waits) if tenant != "loud" else 0.0)

    async with asyncio.TaskGroup() as group:
        for _ in range(400):
            group.create_task(ask("loud"))
        while time() < 40:
            await asyncio.sleep(rng.expovariate(5))
            group.create_task(ask(f"quiet-{rng.randrange(20)}"))
            assert not [each for each in scene.bulkhead.places if each.waiting and each.in_flight < 20]
    quiet = sorted(waits)[400:]
    assert quiet[int(0.99 * len(quiet))] <= 1.1 * 2


async def test_the_wait_is_explained() -> None:
    """In the call's story, and in print(pipeline) while it lasts."""
    scene = Scene(fine)
    calls = [scene.start() for _ in range(2)]
    await asyncio.sleep(0.5)
    assert "one: 1 of 1 places taken, 1 call of 1 tenant waiting" in str(scene.pipeline)
    await calls[0]
    answer = await calls[1]
    assert "waited for a place in the bulkhead, 1.000 s (one/scripted)" in answer.explain()
    assert answer.record.story().unaccounted_seconds == pytest.approx(0)


async def test_a_call_falls_back_at_once_if_the_next_target_would_admit_it() -> None:
    """It waits only if no later target has a place."""
    scene = Scene(fine, second=lambda call: after(1, "other"))
    calls = [scene.start() for _ in range(3)]
    assert await ended(*calls) == [(1.0, "fine"), (1.0, "other"), (2.0, "fine")]
    rejected = [each for each in scene.events if isinstance(each, CallRejected)]
    assert {each.kind for each in rejected} == {"bulkhead_full"}


async def test_a_waiting_call_goes_on_when_a_later_target_has_a_place() -> None:
    """It does not sit out its wait."""
    scene = Scene(lambda call: after(8, "fine"), second=lambda call: after(1, "other"))
    calls = [scene.start() for _ in range(3)]
    calls += [scene.start(to="one")]
    times = await ended(*calls)
    assert max(when for when, _ in times) <= 8
    assert [text for _, text in times].count("other") == 3


async def test_a_wait_ends_after_max_wait() -> None:
    """With an error that names the places, and how many wait."""
    scene = Scene(lambda call: after(5, "fine"), max_wait=2)
    calls = [scene.start() for _ in range(2)]
    with pytest.raises(BulkheadFullError, match=r"tenant 'acme' has no place at one: .*\(1 places, 0 calls"):
        await calls[1]
    assert time() == pytest.approx(2)
    assert (await calls[0]).text == "fine"
    assert scene.state() == (0, 0)


async def test_a_call_does_not_wait_for_what_comes_too_late() -> None:
    """It is rejected at once, when it is known how fast places become free."""
    scene = Scene(fine, max_wait=5)
    first = [scene.start() for _ in range(5)]
    await asyncio.sleep(4.5)
    more = [scene.start() for _ in range(20)]
    await asyncio.sleep(0.01)
    rejected = [each for each in more if each.done()]
    assert 10 <= len(rejected) < 20
    error = rejected[0].exception()
    assert isinstance(error, BulkheadFullError)
    assert error.reason == "max_wait"
    assert error.retry_after is not None
    await ended(*first, *more)


async def test_the_deadline_bounds_a_wait() -> None:
    """And is the reason of the failure."""
    scene = Scene(lambda call: after(5, "fine"))
    first, second = scene.start(), scene.start(deadline=1)
    with pytest.raises(DeadlineExceededError):
        await second
    assert time() == pytest.approx(1)
    await first


async def test_a_full_queue_rejects_the_tenant_with_most_waiting_calls() -> None:
    """Not the newcomer."""
    scene = Scene(fine, queue=3)
    loud = [scene.start("loud") for _ in range(4)]
    await asyncio.sleep(0.1)
    quiet = scene.start("quiet")
    times = await ended(quiet, *loud)
    assert times[0][1] == "fine"
    assert [text for _, text in times[1:]] == ["fine", "fine", "fine", "bulkhead_full"]


async def test_a_tenant_is_capped_also_when_nobody_waits() -> None:
    """The other places stay free for others."""
    scene = Scene(fine, limit=3, per_tenant=2)
    calls = [scene.start("loud") for _ in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert scene.state() == (2, 2)
    other = scene.start("other")
    assert await ended(other, *calls) == [(1, "fine"), (1, "fine"), (1, "fine"), (2, "fine"), (2, "fine")]


async def test_weights_and_priorities() -> None:
    """A tenant of weight 3 is served three times as often; an urgent call goes first."""
    weights = {"large": 3.0}
    scene = Scene(fine, max_wait=None, weight=lambda tenant: weights.get(tenant, 1.0))
    blocking = scene.start()
    await asyncio.sleep(0.1)
    calls = {name: [scene.start(name) for _ in range(12)] for name in ("small", "large")}
    await asyncio.sleep(9.4)
    assert [sum(each.done() for each in calls[name]) for name in ("small", "large")] == [2, 6]
    await ended(blocking, *calls["small"], *calls["large"])

    urgent = Scene(fine, priority=lambda call: 0 if call.tenant == "live" else 1)
    calls = {name: [urgent.start(name) for _ in range(3)] for name in ("batch", "live")}
    await asyncio.sleep(2.5)
    assert [sum(each.done() for each in calls[name]) for name in ("batch", "live")] == [1, 1]
    await ended(*calls["batch"], *calls["live"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weight": lambda tenant: 0}, "weight"),
        ({"weight": lambda tenant: "much"}, "weight"),
        ({"weight": lambda tenant: float("nan")}, "weight"),
        ({"priority": lambda call: 10}, "priority"),
        ({"priority": lambda call: True}, "priority"),
        ({"key": lambda call: []}, "key"),
    ],
)
async def test_what_the_users_functions_return_is_checked(settings: Any, words: str) -> None:
    """The error names the function; nothing is held."""
    scene = Scene(fine, **settings)
    calls = [scene.start() for _ in range(2)]
    with pytest.raises(ConfigurationError, match=words):
        await calls[1]
    await asyncio.wait(calls)
    assert scene.state() == (0, 0)


@pytest.mark.parametrize("settings", [{"limit": 0}, {"per_tenant": 0}, {"queue": -1}, {"max_wait": -1}])
def test_invalid_settings_are_rejected(settings: Any) -> None:
    """When the layer is built."""
    with pytest.raises(ConfigurationError, match="Bulkhead"):
        Bulkhead(**{"limit": 1, **settings})


@pytest.mark.parametrize("inner", [Throttle, Breaker])
def test_it_has_to_be_outside_throttle_and_breaker(inner: Any) -> None:
    """Or a call would wait in its queue with the place of a probe."""
    route = Fallback(ScriptedProvider("one", fine))
    with pytest.raises(LayerOrderError, match="while it holds the place of a probe"):
        Pipeline(route, inner(), Bulkhead(1))
    Pipeline(route, Retry(), Bulkhead(1), Bulkhead(2), inner(), Timeout(1))


# --- when a place is passed on -------------------------------------------------------------------


async def test_a_stream_holds_its_place_until_it_ends() -> None:
    """Read to its end, closed early, broken, cancelled or dropped."""
    scene = Scene(lambda call: stream("a", after(1, "b"), after(1, "c")))

    async def open_stream() -> Any:
        pending = scene.pipeline.stream("Why?")
        reading = await pending.__aenter__()
        assert scene.state() == (1, 0)
        return reading

    reading = await open_stream()
    await reading.collect()
    assert scene.state() == (0, 0)

    reading = await open_stream()
    await reading.__anext__()
    waiting = scene.start()
    await asyncio.sleep(0.5)
    assert scene.state() == (1, 1)
    await reading.aclose()
    assert scene.state() == (1, 0)  # passed on at once
    await waiting

    reading = await open_stream()
    read = asyncio.create_task(reading.collect())
    await asyncio.sleep(0.5)
    read.cancel()
    await asyncio.wait([read])
    assert scene.state() == (0, 0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_dropped_stream_passes_its_place_on() -> None:
    """When it is collected."""
    scene = Scene(lambda call: stream("a", after(1, "b")))
    reading = await scene.pipeline.stream("Why?").__aenter__()
    del reading
    gc.collect()
    await asyncio.sleep(0.1)
    assert scene.state() == (0, 0)


async def test_a_broken_stream_passes_its_place_on() -> None:
    """When it breaks."""
    scene = Scene(lambda call: stream("a", after(1, ServerError("no", provider="one"))))
    async with scene.pipeline.stream("Why?") as reading:
        with pytest.raises(RanvierError):
            await reading.collect()
        assert scene.state() == (0, 0)


@pytest.mark.parametrize("turns", range(12))
async def test_no_cancellation_leaves_a_place(turns: int) -> None:
    """Waiting, woken or in flight, at whatever point: the place goes to the next."""
    scene = Scene(fine)
    calls = [scene.start(name) for name in "abc"]
    await asyncio.sleep(1 if turns > 5 else 0.5)
    for _ in range(turns % 6):
        await asyncio.sleep(0)
    calls[1].cancel()
    await asyncio.wait(calls)
    assert calls[2].result().text == "fine"
    assert scene.state() == (0, 0)


async def test_a_failed_call_passes_its_place_on() -> None:
    """Before its retry sleeps: Retry is outside."""
    one = ScriptedProvider("one", [ServerError("no", provider="one"), after(1, "fine"), after(1, "fine")])
    bulkhead = Bulkhead(1)
    pipeline = Pipeline(Fallback(one), Retry(1, base_delay=5, jitter="none"), bulkhead)
    first = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    assert [each.in_flight for each in bulkhead.places] == [0]
    await pipeline.complete("Why?")
    assert time() == pytest.approx(2)
    await first


# --- together with gates and circuits ------------------------------------------------------------


async def test_a_call_that_waits_at_a_gate_holds_no_place() -> None:
    """Its place goes to a tenant with another key; when the gate opens it takes one that is free."""
    keys = {"acme": "limited", "other": "good"}
    limited = RateLimitError("no", provider="one", retry_after=2)

    def behave(call: Any) -> Any:
        return limited if call.credential == "limited" and time() < 2 else after(1, "fine")

    one = ScriptedProvider("one", behave)
    bulkhead = Bulkhead(1)
    pipeline = Pipeline(
        Fallback(one), bulkhead, Throttle(), Breaker(), credentials=lambda tenant, _: keys[tenant]
    )

    def start(tenant: str) -> asyncio.Task[Response]:
        return asyncio.create_task(pipeline.complete("Why?", tenant=tenant))

    assert (await ended(start("acme")))[0][1] == "rate_limit"
    waiting = start("acme")
    await asyncio.sleep(0.1)
    assert [(each.in_flight, each.waiting) for each in bulkhead.places] == [(0, 0)]
    others = [start("other") for _ in range(2)]
    times = await ended(waiting, *others)
    assert [when for when, _ in times[1:]] == [1.0, 2.0]
    answer = await waiting
    waits = {each.kind for each in answer.record.waits}
    assert waits == {"gate", "bulkhead"}
    assert times[0][0] <= 3.1
    assert [each.in_flight for each in bulkhead.places] == [0]


async def test_one_max_wait_bounds_all_waits_at_a_target() -> None:
    """The wait at the gate counts from when the call began to wait for a place."""
    limited = RateLimitError("no", provider="one", retry_after=4)
    scene = Scene(after(2, limited), after(1, "fine"), max_wait=3, inside=[Throttle(max_wait=10)])
    first = scene.start()
    await asyncio.sleep(0.1)
    times = await ended(first, scene.start())
    assert times[0][1] == "rate_limit"
    assert times[1][1] == "throttled"
    assert times[1][0] <= 3
    assert scene.state() == (0, 0)


async def test_an_open_circuit_sends_waiting_calls_on() -> None:
    """Within a quarter of a second, and not one after the other."""
    failing = [after(1, ServerError("no", provider="one"))] * 2
    scene = Scene(*failing, *[stall()] * 5, limit=2, inside=[Breaker(failure_threshold=1)])
    calls = [scene.start() for _ in range(8)]
    times = await ended(*calls)
    assert max(when for when, _ in times) <= 1.3
    assert {text for _, text in times[2:]} <= {"bulkhead_full", "circuit_open"}
    assert len(scene.one.calls) == 2


async def test_a_call_whose_circuit_opens_while_it_waits_is_sent_on() -> None:
    """Also while no place becomes free."""
    breaker = Breaker()
    scene = Scene(lambda call: after(5, "fine"), inside=[breaker])
    blocking = scene.start("well")
    await asyncio.sleep(0.1)
    waiting = scene.start("ill")
    await asyncio.sleep(0.9)
    await breaker.circuits.isolate("ill", "one")
    with pytest.raises(BulkheadFullError, match="waiting does not help"):
        await waiting
    assert time() <= 1.3
    await blocking


async def test_a_probe_never_waits_for_a_place() -> None:
    """Its circuit is half-open: it has a free place, or is rejected."""
    breaker = Breaker(failure_threshold=1, cooldown=1, success_threshold=1)
    failing = ServerError("no", provider="one")
    scene = Scene(
        lambda call: failing if call.tenant == "ill" and time() < 1 else after(5, "fine"), inside=[breaker]
    )
    await ended(scene.start("ill"))
    await asyncio.sleep(2)
    blocking = scene.start("well")
    await asyncio.sleep(0.1)
    with pytest.raises(BulkheadFullError, match="probes do not wait"):
        await scene.start("ill")
    await blocking
    assert (await scene.start("ill")).text == "fine"


async def test_a_hedge_never_waits_for_a_place() -> None:
    """It overtakes nobody, and is not sent without a free place."""
    one = ScriptedProvider("one", lambda call: after(10, "slow"))
    two = ScriptedProvider("two", lambda call: after(4, "fast"))
    bulkhead = Bulkhead(1)
    pipeline = Pipeline(Fallback(one, two, hedge_after=1), bulkhead, Timeout(60, first_token=50, idle=50))
    blocking = asyncio.create_task(pipeline.complete("Why?", to="two", hedge=False))
    await asyncio.sleep(0.1)
    answer = await pipeline.complete("Why?")
    assert answer.text == "slow"
    await blocking
    assert not [each for each in answer.record.waits if each.kind == "bulkhead"]
    assert len(two.calls) == 1
    assert [each.in_flight for each in bulkhead.places] == [0, 0]


async def test_a_rejected_call_counts_against_no_circuit() -> None:
    """Nothing was sent."""
    breaker = Breaker(failure_threshold=1)
    scene = Scene(lambda call: after(3, "fine"), max_wait=0, inside=[breaker])
    calls = [scene.start() for _ in range(3)]
    times = await ended(*calls)
    assert [text for _, text in times] == ["fine", "bulkhead_full", "bulkhead_full"]
    assert all(state.state.value == "closed" for _, state in breaker.circuits)
    assert not issubclass(BulkheadFullError, CircuitOpenError)


async def test_tokens_and_not_calls_are_shared() -> None:
    """A tenant with long answers is served less often than one with short ones."""

    def behave(call: Any) -> Any:
        tokens = 3000 if call.tenant == "long" else 300
        return after(1, Response("fine", usage=Usage(input=10, output=tokens, total=tokens + 10)))

    scene = Scene(behave, max_wait=None)
    calls = {name: [scene.start(name) for _ in range(60)] for name in ("long", "short")}
    await asyncio.sleep(33.5)
    long, short = (sum(each.done() for each in calls[name]) for name in ("long", "short"))
    assert 5 <= short / long <= 12
    for each in (*calls["long"], *calls["short"]):
        each.cancel()
    await asyncio.wait([*calls["long"], *calls["short"]])
    assert scene.state() == (0, 0)


@pytest.mark.parametrize("total", [None, math.nan, math.inf, -5, "many", 10**400])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_place_is_given_back_whatever_usage_a_provider_reports(total: Any, streamed: bool) -> None:
    """A custom provider may report anything."""
    usage = Usage(input=10, output=total, total=total)
    answer = stream("fine", StreamEvent(usage=usage)) if streamed else Response("fine", usage=usage)
    scene = Scene(lambda call: answer, max_wait=5)
    for _ in range(3):
        busy = [scene.start(name) for name in ("acme", "other", "acme")]
        assert [text for _, text in await ended(*busy)] == ["fine"] * 3
    assert scene.state() == (0, 0)
    assert_settled(scene.pipeline)


@pytest.mark.parametrize(("asks", "times"), [("key", 4), ("layer", 1)])
async def test_a_function_that_raises_while_a_call_waits_removes_no_limit(asks: str, times: int) -> None:
    """A waiting call asks again whether to wait; it ends at its time whatever that raises."""
    asked = 0

    def key(call: Call) -> str:
        nonlocal asked
        asked += 1
        if asked > times:
            raise LookupError("the region of the tenant is not loaded")
        return call.tenant

    class Strange(Layer):
        place = Place.ADMIT

        def admits_now(self, call: Call) -> bool:
            key(call)
            return True

    inside = [Breaker(key=key) if asks == "key" else Strange()]
    scene = Scene(lambda call: after(50, "late"), max_wait=1, inside=inside)
    busy = scene.start("a")
    await asyncio.sleep(0)
    assert (await ended(scene.start("b")))[0][0] <= 1.0
    busy.cancel()
    await asyncio.wait([busy])
    assert scene.state() == (0, 0)


async def test_places_are_counted_by_the_key() -> None:
    """For example per model and key."""
    scene = Scene(fine, key=lambda call: (call.credential, call.deployment.model))
    calls = [scene.start() for _ in range(2)]
    assert [when for when, _ in await ended(*calls)] == [1, 2]
    assert [each.key for each in scene.bulkhead.places] == [(None, "scripted")]
    many = Scene(fine, key=lambda call: call.tenant)
    await ended(*(many.start(f"tenant-{number}") for number in range(300)))
    assert len(many.bulkhead.places.known) <= 64


def test_places_held_on_a_closed_event_loop_are_free_again() -> None:
    """What was in flight there, or waited, is gone, and gives back nothing afterwards."""
    scene, left = Scene(lambda call: stream("a", "b")), []

    async def leave_in_flight() -> None:
        left.append(await scene.pipeline.stream("Why?").__aenter__())
        scene.start()
        await asyncio.sleep(0)

    async def use_again() -> None:
        assert (await scene.pipeline.complete("Why?")).text == "ab"
        left.clear()
        gc.collect()
        assert scene.state() == (0, 0)

    for use in (leave_in_flight, use_again):
        with asyncio.Runner() as runner:
            runner.run(use())
