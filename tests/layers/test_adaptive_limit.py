"""The limit of calls in flight is found by what the provider refuses, per key and model."""

import asyncio
import gc
from collections.abc import Iterable
from typing import Any

import pytest

from ranvier import (
    AuthenticationError,
    BulkheadFullError,
    ConfigurationError,
    ConnectionFailedError,
    Deployment,
    InvalidRequestError,
    LayerOrderError,
    OverloadedError,
    Pipeline,
    QuotaExceededError,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
)
from ranvier.events import Event, LimitLowered
from ranvier.layers import AdaptiveLimit, Breaker, Bulkhead, Fallback, Retry, Throttle, Timeout
from ranvier.layers.bulkhead.adaptive import found_limits
from ranvier.layers.bulkhead.adaptive.slowness import SHORT
from ranvier.testing import ScriptedProvider, after, assert_settled, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time

REFUSED = RateLimitError("slow down", provider="one", status=429)


class Scene:
    """A scripted provider, by default one that refuses more than `takes` requests at a time."""

    def __init__(
        self,
        script: Any = None,
        *,
        takes: int = 1000,
        outside: Iterable[Any] = (),
        inside: Iterable[Any] = (),
        credentials: Any = None,
        **settings: Any,
    ) -> None:
        self.takes, self.running, self.refused = takes, 0, 0
        self.one = ScriptedProvider("one", self._behave if script is None else script)
        self.limit = AdaptiveLimit(**{"max_wait": None, **settings})
        self.events: list[Event] = []
        layers = Fallback(self.one), *outside, self.limit, *inside
        self.pipeline = Pipeline(*layers, credentials=credentials, listeners=[self.events.append])

    def _behave(self, call: Any) -> Any:
        if self.running >= self.takes:
            self.refused += 1
            return after(0.1, REFUSED)
        self.running += 1
        asyncio.get_running_loop().call_later(0.999, self._end)
        return after(1, "fine")

    def _end(self) -> None:
        self.running -= 1

    def start(self, tenant: str = "acme", **options: Any) -> asyncio.Task[Response]:
        return asyncio.create_task(self.pipeline.complete("Why?", tenant=tenant, **options))

    async def ask(self, number: int, tenant: str = "acme") -> list[str]:
        """The texts, or kinds of errors, of so many calls at once, after those before have ended."""
        await asyncio.sleep(0.001)
        calls = [self.start(tenant) for _ in range(number)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        return [each.text if isinstance(each, Response) else str(getattr(each, "kind", "")) for each in done]

    async def read(self) -> Response:
        """One stream, to its end."""
        async with self.pipeline.stream("Why?") as reading:
            return await reading.collect()

    @property
    def places(self) -> list[tuple[int, int, int]]:
        """The limit of each key, how many calls have a place, and how many wait."""
        return [(each.limit, each.in_flight, each.waiting) for each in self.limit.places]

    @property
    def lowered(self) -> list[tuple[int, int, str]]:
        return [(each.before, each.after, each.kind) for each in self.events if type(each) is LimitLowered]


# --- what lowers it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason"),
    [(REFUSED, "rate_limit"), (OverloadedError("no", provider="one", status=529), "overloaded")],
)
async def test_a_burst_of_refusals_lowers_it_once(error: RanvierError, reason: str) -> None:
    """To three quarters; a refusal of what is sent afterwards lowers it again."""
    scene = Scene(lambda call: after(0.1, error))
    assert await scene.ask(20) == [reason] * 20
    assert scene.lowered == [(20, 15, reason)]
    await scene.ask(1)
    assert scene.places == [(11, 0, 0)]
    event = scene.events[-1]
    assert (event.tenant, event.provider, event.model) == ("acme", "one", "scripted")


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("no", provider="one", status=400),
        ConnectionFailedError("broken", provider="one"),
        ServerError("no", provider="one", status=500),
        AuthenticationError("no", provider="one", status=401),
        QuotaExceededError("no", provider="one", status=429),
        ValueError("a bug"),
    ],
)
async def test_other_failures_change_nothing(error: Exception) -> None:
    """They are no sign of an overload, and no answers."""
    scene = Scene(lambda call: after(0.1, error), initial=2)
    for _ in range(20):
        await scene.ask(2)
    assert scene.places == [(2, 0, 0)]
    assert scene.lowered == []


async def test_cancelled_and_timed_out_calls_change_nothing() -> None:
    """Nobody knows what the provider would have answered."""
    scene = Scene(lambda call: after(9, "late"), initial=2, inside=[Timeout(3)])
    for _ in range(10):
        calls = [scene.start() for _ in range(2)]
        await asyncio.sleep(0.5)
        for each in calls:
            each.cancel()
        await asyncio.wait(calls)
        await scene.ask(2)
    assert scene.places == [(2, 0, 0)]


async def test_long_answers_are_no_sign_of_overload() -> None:
    """Total latency follows the length of the answer."""

    def behave(call: Any) -> Any:
        return stream(after(0.5, "a"), after(0.5 if time() < 60 else 20, "b"))

    scene = Scene(behave, initial=10)
    for _ in range(40):
        await asyncio.gather(*(scene.read() for _ in range(10)))
    assert scene.lowered == []


async def start_slowly(scene: Scene, calls: int) -> None:
    """Streams by ten, whose first token takes 1 s, and after 60 s five times as long."""
    for _ in range(calls // 10):
        await asyncio.gather(*(scene.read() for _ in range(10)))


def slow_after_a_minute(call: Any) -> Any:
    return stream(after(1 if time() < 60 else 5, "a"), after(1, "b"))


async def test_streams_that_begin_late_lower_it() -> None:
    """When p90 of the time to the first token has doubled; not for good."""
    scene = Scene(slow_after_a_minute, initial=10, most=10)
    await start_slowly(scene, 300)
    assert scene.lowered == []
    await start_slowly(scene, SHORT)
    assert scene.lowered == [(10, 7, "slow_first_token")]
    await start_slowly(scene, 500)
    assert len(scene.lowered) <= 2


async def test_the_first_token_may_be_left_out() -> None:
    """With `first_token=False`."""
    scene = Scene(slow_after_a_minute, initial=10, most=10, first_token=False)
    await start_slowly(scene, 600)
    assert scene.lowered == []


async def test_the_first_token_counts_only_where_answers_are_streamed() -> None:
    """Elsewhere it comes with the whole answer."""
    scene = Scene(slow_after_a_minute, initial=10, most=10)
    scene.one.stream = None  # type: ignore[method-assign, assignment]
    await start_slowly(scene, 600)
    assert scene.lowered == []


# --- what lets it grow ---------------------------------------------------------------------------


async def test_it_grows_while_it_is_used() -> None:
    """And not when fewer calls are in flight than it allows."""
    scene = Scene(initial=4)
    for _ in range(30):
        await scene.ask(3)
    assert scene.places == [(4, 0, 0)]
    await scene.ask(40)
    assert scene.places[0][0] > 8


async def test_it_finds_what_the_provider_takes() -> None:
    """Each refused call is sent again by the Retry outside: nothing is lost, and few are refused."""
    retry = Retry(5, base_delay=1, budget=None)
    scene = Scene(takes=8, outside=[retry])
    assert await scene.ask(800) == ["fine"] * 800
    assert 6 <= scene.places[0][0] <= 9
    assert scene.refused <= 0.05 * 800
    assert_settled(scene.pipeline)


async def test_a_retry_does_not_hide_refusals() -> None:
    """It sees each attempt, also of a call that succeeds in the end."""
    scene = Scene(
        [REFUSED, REFUSED, "fine"],
        outside=[Retry(2, base_delay=1, jitter="none")],
    )
    assert await scene.ask(1) == ["fine"]
    assert scene.lowered == [(20, 15, "rate_limit"), (15, 11, "rate_limit")]


async def test_what_waits_for_a_connection_does_not_let_it_grow() -> None:
    """The provider had fewer calls than the limit allows."""
    scene = Scene(initial=4)
    scene.one.slots = asyncio.Semaphore(3)
    await scene.ask(60)
    assert scene.places[0][0] <= 5


async def test_a_stream_closed_by_its_reader_counts_as_an_answer() -> None:
    """Once its content has come. It holds its place until then."""
    scene = Scene(lambda call: stream("a", after(1, "b"), after(1, "c")), initial=1)
    for _ in range(4):
        async with scene.pipeline.stream("Why?") as reading:
            await reading.__anext__()
            assert scene.places[0][1] == 1
    assert scene.places == [(2, 0, 0)]
    reading = await scene.pipeline.stream("Why?").__aenter__()
    blocked = [scene.start() for _ in range(2)]
    await asyncio.sleep(0.5)
    assert scene.places == [(2, 2, 1)]
    await reading.aclose()
    assert scene.places == [(2, 2, 0)]
    await asyncio.gather(*blocked)


# --- together with gates -------------------------------------------------------------------------


async def test_a_refusal_without_a_time_closes_no_gate() -> None:
    """It only lowers the limit: the calls go on, three quarters of them at a time."""
    throttle = Throttle()
    scene = Scene([REFUSED, *[after(1, "fine")] * 4], initial=4, inside=[throttle, Breaker()])
    assert (await scene.ask(5)).count("fine") == 4
    assert scene.lowered == [(4, 3, "rate_limit")]
    assert list(throttle.gates) == []
    assert time() <= 2.1


async def test_a_refusal_with_a_time_closes_the_gate_and_lowers_the_limit() -> None:
    """Then both hold, and the smaller counts: 1, 2 and 4 calls pass the gate, and no more than the limit."""
    limited = RateLimitError("no", provider="one", retry_after=5)
    sent: list[float] = []

    def behave(call: Any) -> Any:
        sent.append(round(time(), 1))
        return limited if time() < 1 else after(0.5, "fine")

    scene = Scene(behave, initial=4, most=4, inside=[Throttle(max_wait=60)])
    assert await scene.ask(1) == ["rate_limit"]
    assert scene.places == [(3, 0, 0)]
    calls = [scene.start() for _ in range(12)]
    await asyncio.sleep(4.9)
    assert scene.places == [(3, 0, 0)]  # what waits at a gate holds no place
    await asyncio.gather(*calls)
    assert sent[:4] == [0.0, 5.0, 5.5, 5.5]
    assert max(sent.count(when) for when in sent) == 3
    assert_settled(scene.pipeline)


@pytest.mark.parametrize("inner", [Throttle, Breaker, Retry])
def test_it_has_its_place(inner: Any) -> None:
    """Inside Retry, which would eat its refusals, and outside Throttle and Breaker."""
    route = Fallback(ScriptedProvider("one"))
    layers = (AdaptiveLimit(), inner()) if inner is Retry else (inner(), AdaptiveLimit())
    with pytest.raises(LayerOrderError, match="AdaptiveLimit"):
        Pipeline(route, *layers)
    Pipeline(route, Retry(), Bulkhead(5), AdaptiveLimit(), Throttle(), Breaker(), Timeout(1))


async def test_a_hedge_never_waits() -> None:
    """It has a place under the limit, or is not sent."""
    one = ScriptedProvider("one", lambda call: after(10, "slow"))
    two = ScriptedProvider("two", lambda call: after(4, "fast"))
    limit = AdaptiveLimit(initial=1, most=1)
    pipeline = Pipeline(Fallback(one, two, hedge_after=1), limit, Timeout(60, first_token=50, idle=50))
    blocking = asyncio.create_task(pipeline.complete("Why?", to="two", hedge=False))
    await asyncio.sleep(0.1)
    assert (await pipeline.complete("Why?")).text == "slow"
    await blocking
    assert len(two.calls) == 1
    assert {each.in_flight for each in limit.places} == {0}


# --- waiting -------------------------------------------------------------------------------------


async def test_calls_beyond_it_wait_in_fair_order_and_say_so() -> None:
    """In the call's story, in print(pipeline) and in the error of one that waits too long."""
    scene = Scene(initial=1, most=1, max_wait=2.5)
    loud = [scene.start("loud") for _ in range(3)]
    await asyncio.sleep(0.1)
    quiet = scene.start("quiet")
    await asyncio.sleep(0.1)
    shown = str(scene.pipeline)
    assert "one/scripted key " in shown
    assert ": 1 of 1 places taken, 3 calls of 2 tenants waiting" in shown
    with pytest.raises(BulkheadFullError, match=r"tenant 'loud' has no place at one: .*\(1 places"):
        await loud[-1]
    assert "waited for a place under the adaptive limit, 1.900 s (one/scripted)" in (await quiet).explain()
    await asyncio.gather(*loud[:-1])


async def test_a_lowered_limit_takes_no_place_away() -> None:
    """Calls in flight go on; the next one begins when fewer are left than the limit."""
    scene = Scene([*[after(3, "fine")] * 3, after(1, REFUSED), *[after(1, "fine")] * 2], initial=4, most=4)
    calls = [scene.start() for _ in range(4)]
    await asyncio.sleep(0.5)
    calls += [scene.start() for _ in range(2)]
    await asyncio.sleep(1)
    assert scene.places == [(3, 3, 2)]
    await asyncio.sleep(1.6)
    assert scene.places == [(3, 2, 0)]
    await asyncio.wait(calls)


@pytest.mark.parametrize("turns", range(8))
async def test_no_cancellation_leaves_a_place(turns: int) -> None:
    """Waiting, woken or in flight."""
    scene = Scene(initial=1, most=1)
    calls = [scene.start(name) for name in "abc"]
    await asyncio.sleep(1 if turns > 3 else 0.5)
    for _ in range(turns % 4):
        await asyncio.sleep(0)
    calls[1].cancel()
    await asyncio.wait(calls)
    assert calls[2].result().text == "fine"
    assert scene.places == [(1, 0, 0)]


async def test_a_listener_that_ends_the_program_leaves_no_place() -> None:
    """It hears that the limit was lowered before the place is passed on."""

    def interrupt(event: Event) -> None:
        if isinstance(event, LimitLowered):
            raise KeyboardInterrupt

    scene = Scene([REFUSED, "fine"])
    scene.pipeline.events.add(interrupt)
    with pytest.raises(KeyboardInterrupt):
        await scene.pipeline.complete("Why?")
    assert scene.places == [(15, 0, 0)]


# --- keys, and what is kept ----------------------------------------------------------------------


async def test_each_key_and_model_has_its_own() -> None:
    """A tenant's own key that is limited does not slow down the others; no name contains a key."""
    keys = {"acme": "sk-limited", "other": "sk-good"}
    scene = Scene(
        lambda call: REFUSED if call.credential == "sk-limited" else "fine",
        credentials=lambda tenant, _: keys[tenant],
    )
    await scene.ask(1, "acme")
    await scene.ask(1, "other")
    assert sorted(scene.places) == [(15, 0, 0), (20, 0, 0)]
    assert not any("sk-" in each.name for each in scene.limit.places)
    limit = AdaptiveLimit()
    models = Fallback(Deployment(scene.one, "small"), Deployment(scene.one, "large"))
    pipeline = Pipeline(models, limit, credentials=lambda tenant, _: "sk-good")
    for target in ("one/small", "one/large"):
        await pipeline.complete("Why?", to=target)
    assert [each.name.split(" key ")[0] for each in limit.places] == ["one/small", "one/large"]


async def test_an_idle_key_costs_little_and_keeps_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queues of many idle keys are forgotten, their limits are not; of too many keys both are."""
    monkeypatch.setattr(found_limits, "MAX_KEYS", 200)
    scene = Scene(
        lambda call: REFUSED if call.tenant == "key-0" else "fine", credentials=lambda tenant, _: tenant
    )
    for number in range(150):
        await scene.ask(1, f"key-{number}")
    assert len(scene.places) <= 64
    await scene.ask(1, "key-0")
    assert scene.lowered == [(20, 15, "rate_limit"), (15, 11, "rate_limit")]
    for number in range(1, 300):
        await scene.ask(1, f"key-{number}")
    await scene.ask(1, "key-0")
    assert len(scene.limit._learned) == 200


def test_the_limit_outlives_its_event_loop() -> None:
    """What was in flight there is gone; what was found is not."""
    scene, left = Scene(lambda call: stream("a", after(1, "b"))), list[Any]()
    refusing = Scene(lambda call: REFUSED)

    async def first() -> None:
        await refusing.ask(1)
        left.append(await scene.pipeline.stream("Why?").__aenter__())
        scene.start()
        await asyncio.sleep(0)

    async def second() -> None:
        await refusing.ask(1)
        assert refusing.places == [(11, 0, 0)]
        left.clear()
        gc.collect()
        assert (await scene.ask(1)) == ["ab"]
        assert scene.places == [(20, 0, 0)]

    for use in (first, second):
        with asyncio.Runner() as runner:
            runner.run(use())


@pytest.mark.parametrize(
    "settings",
    [
        {"initial": 0},
        {"least": 0},
        {"initial": 5, "least": 6},
        {"initial": 30, "most": 20},
        {"per_tenant": 0},
        {"queue": -1},
        {"max_wait": -1},
    ],
)
def test_invalid_settings_are_rejected(settings: Any) -> None:
    """When the layer is built."""
    with pytest.raises(ConfigurationError, match="AdaptiveLimit"):
        AdaptiveLimit(**settings)
