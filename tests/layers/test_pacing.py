"""Calls are kept under the limits that a provider reports, wait in fair order, and hold nothing meanwhile."""

import asyncio
import math
from random import Random
from typing import Any, cast

import pytest

from ranvier import (
    LayerOrderError,
    PacedError,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    Usage,
)
from ranvier.asgi import status_app
from ranvier.errors import ConfigurationError
from ranvier.events import CallRejected, Event, LimitUsedUp
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers import Breaker, Bulkhead, Deadline, Fallback, Pacing, Retry, Throttle
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, after, assert_settled, stall, stream
from support.asgi.status_page import ask
from support.scenes import time

pytestmark = pytest.mark.virtual_time


class Bucket:
    """A provider whose key may send `rate` requests a second, and which says so."""

    def __init__(self, rate: float = 10, size: float = 10, answer: float = 0.5) -> None:
        self.rate, self.size, self.answer = rate, size, answer
        self.level, self.since = size, 0.0
        self.refused = self.accepted = 0

    def __call__(self, call: Call) -> Any:
        now = time()
        self.level = min(self.size, self.level + self.rate * (now - self.since))
        self.since = now
        good = self.level >= 1
        self.level -= good
        limit = RateLimit(self.size, math.floor(self.level), round((self.size - self.level) / self.rate, 3))
        return self._answer(call, limit, good)

    async def _answer(self, call: Call, limit: RateLimit, good: bool) -> Any:
        await asyncio.sleep(self.answer if good else 0.05)
        if call.on_limits is not None:
            call.on_limits(RateLimits(requests=limit), good)
        self.accepted += good
        self.refused += not good
        if not good:
            raise RateLimitError("slow down", provider="one", status=429)
        return "fine"


def reports(said: RateLimits, answer: Any = "fine") -> Any:
    """An answer that reports these limits first."""

    def script(call: Call) -> Any:
        if call.on_limits is not None:
            call.on_limits(said, True)
        return answer(call) if callable(answer) else answer

    return script


def left(remaining: Any, limit: float = 10, reset: float | None = 60.0) -> RateLimits:
    return RateLimits(requests=RateLimit(limit, remaining, reset))


class Scene:
    """Scripted providers behind pacing."""

    def __init__(self, script: Any, second: Any = None, outside: Any = (), inside: Any = (), **settings: Any):
        self.one = ScriptedProvider("one", script)
        self.two = ScriptedProvider("two", second) if second else None
        self.pacing = Pacing(**settings)
        self.events: list[Event] = []
        self.pipeline = Pipeline(
            Deadline(100),
            Fallback(*filter(None, (self.one, self.two))),
            *outside,
            self.pacing,
            *inside,
            listeners=[self.events.append],
        )

    def start(self, tenant: str = "acme", **options: Any) -> asyncio.Task[Response]:
        return asyncio.create_task(self.pipeline.complete("Why?", tenant=tenant, **options))

    async def warm(self, calls: int = 12, every: float = 0.2) -> None:
        """Make a few calls, so that the limits are known."""
        for _ in range(calls):
            self.start()
            await asyncio.sleep(every)
        await asyncio.sleep(3)


async def outcome(call: asyncio.Task[Response]) -> str:
    try:
        return (await call).text
    except RanvierError as error:
        return error.kind


async def test_a_burst_beyond_the_limit_waits_and_is_not_rejected() -> None:
    """30 calls at once, 10 fit: the others are sent as the bucket fills. The limit is used to the full."""
    bucket = Bucket()
    scene = Scene(lambda call: bucket(call))
    await scene.warm()
    began = time()
    calls = [scene.start() for _ in range(30)]
    assert [await outcome(each) for each in calls] == ["fine"] * 30
    assert bucket.refused == 0
    assert time() - began < 2.7
    assert_settled(scene.pipeline)


async def test_the_wait_is_explained() -> None:
    """In the call's story, in print(pipeline) while it lasts, and by an event once in ten seconds."""
    bucket = Bucket()
    scene = Scene(lambda call: bucket(call))
    await scene.warm()
    calls = [scene.start() for _ in range(20)]
    await asyncio.sleep(0.25)
    text = str(scene.pipeline)
    assert "one/scripted key" in text
    assert "0 of 10 requests left, " in text
    assert "calls waiting" in text
    answer = await calls[-1]
    assert "waited for the limits of a key, " in answer.explain()
    assert answer.record is not None
    assert answer.record.story().unaccounted_seconds == pytest.approx(0)
    await asyncio.gather(*calls)
    used_up = [each for each in scene.events if isinstance(each, LimitUsedUp)]
    assert [(each.limits, each.provider) for each in used_up] == [("requests", "one")]
    assert used_up[0].message % {
        "tenant": used_up[0].tenant, "key": "k", "limits": "requests", "provider": "one",
        "model": "m", "seconds": 1.0,
    }  # fmt: skip


async def test_the_status_page_shows_what_is_left() -> None:
    """As JSON, and as gauges; keys are digests."""
    scene = Scene(reports(RateLimits(tokens=RateLimit(1000, 250, 3600.0))))
    app = status_app(scene.pipeline)
    await scene.start()
    (limit,) = (await ask(app, "/status.json")).json["limits"]
    assert (limit["provider"], limit["limit"], limit["size"]) == ("one", "tokens", 1000)
    assert limit["left"] == pytest.approx(250, abs=1)
    metrics = (await ask(app, "/metrics")).body.decode()
    labels = f'provider="one",model="scripted",key="{limit["key"]}",limit="tokens"'
    assert f"ranvier_limit_left{{{labels}}} 2" in metrics
    assert f"ranvier_limit_waiting{{{labels}}} 0" in metrics


async def test_a_call_falls_back_at_once_if_a_later_target_would_take_it() -> None:
    """It waits only if there is none. The error of the skipped target names the limit."""
    bucket = Bucket()
    scene = Scene(lambda call: bucket(call), second=lambda call: after(0.5, "other"))
    await scene.warm()
    began = time()
    calls = [scene.start() for _ in range(15)]
    assert sorted([await outcome(each) for each in calls]) == ["fine"] * 10 + ["other"] * 5
    assert time() - began == pytest.approx(0.5, abs=0.01)
    assert {each.kind for each in scene.events if isinstance(each, CallRejected)} == {"paced"}
    assert "one/scripted passed over: its limit of requests is used up" in calls[-1].result().explain()


async def test_a_wait_that_takes_too_long_is_not_begun() -> None:
    """The error says when to try again, and circuits do not count it."""
    scene = Scene(reports(left(0)), max_wait=2)
    await scene.start()
    began = time()
    with pytest.raises(PacedError, match=r"'acme' at one has no requests left: try again in") as caught:
        await scene.start()
    assert time() == began
    assert caught.value.reason == "max_wait"
    assert caught.value.limits == ("requests",)
    assert caught.value.retry_after == pytest.approx(6, abs=1)
    assert not caught.value.counts_against_provider


async def test_stale_answers_out_of_order_raise_nothing() -> None:
    """An answer to an older request arrives last, and says that nearly all is left."""
    said = iter([(5, left(9)), (1, left(0))])

    async def reply(call: Call) -> Any:
        seconds, limits = next(said)
        await asyncio.sleep(seconds)
        assert call.on_limits is not None
        call.on_limits(limits, True)
        return "fine"

    scene = Scene(reply, max_wait=0)
    calls = [scene.start() for _ in range(2)]
    await asyncio.gather(*calls)
    with pytest.raises(PacedError):
        await scene.start()


async def test_what_was_sent_after_an_answer_was_counted_is_subtracted() -> None:
    """Nine of ten requests are left, and nine more are in flight: the next one does not fit."""
    waits = asyncio.Event()

    async def reply(call: Call, number: int) -> Any:
        if number:
            await waits.wait()
        assert call.on_limits is not None
        call.on_limits(left(9 - number, reset=600.0), True)
        return "fine"

    numbers = iter(range(20))
    scene = Scene(lambda call: reply(call, next(numbers)), max_wait=0)
    await scene.start()
    calls = [scene.start() for _ in range(9)]
    await asyncio.sleep(0.1)
    with pytest.raises(PacedError):
        await scene.start()
    waits.set()
    await asyncio.gather(*calls)


async def test_a_fixed_window_is_used_up_and_waited_for() -> None:
    """Ten requests per ten seconds: two are sent in the next window."""
    times: list[float] = []

    def script(call: Call) -> Any:
        times.append(time())
        used = sum(int(each // 10) == int(time() // 10) for each in times)
        assert used <= 10, times
        assert call.on_limits is not None
        call.on_limits(left(10 - used, reset=round(10 - time() % 10, 3)), True)
        return after(0.1, "fine")

    scene = Scene(script)
    for _ in range(8):
        await scene.start()
        await asyncio.sleep(1)
    calls = [scene.start() for _ in range(4)]
    assert [await outcome(each) for each in calls] == ["fine"] * 4
    assert len([each for each in times if each >= 10]) == 2


async def test_input_and_output_tokens_are_counted_apart() -> None:
    """A key with requests and input tokens left, but no output tokens, sends nothing."""
    full, used_up = RateLimit(1000, 900, 60.0), RateLimit(1000, 0, 60.0)
    said = RateLimits(requests=full, input_tokens=full, output_tokens=used_up)
    scene = Scene(reports(said), max_wait=0)
    await scene.start()
    with pytest.raises(PacedError) as caught:
        await scene.start()
    assert caught.value.limits == ("output_tokens",)
    assert "has no output tokens left" in str(caught.value)


async def test_the_estimate_follows_what_the_tenant_uses() -> None:
    """800 tokens are left: a tenant whose answers have 900 waits, and one whose answers have 50 does not."""
    remaining = [90_000.0]

    def script(call: Call) -> Any:
        assert call.on_limits is not None
        call.on_limits(RateLimits(tokens=RateLimit(100_000, remaining[0], 36_000.0)), True)
        output = 900 if call.tenant == "long" else 50
        return Response("fine", usage=Usage(input=10, output=output, total=10 + output))

    scene = Scene(script, max_wait=0)
    for _ in range(60):
        await scene.start("long")
        await scene.start("short")
    remaining[0] = 800
    await scene.start("short")
    assert await outcome(scene.start("long")) == "paced"
    assert await outcome(scene.start("short")) == "fine"


async def test_limits_are_kept_per_key_and_model() -> None:
    """One key is used up; calls with another are sent, also those of a tenant that has both."""

    def script(call: Call) -> Any:
        assert call.on_limits is not None
        call.on_limits(left(0 if call.credential == "first" else 9), True)
        return f"with {call.credential}"

    keys = {"a": ["first"], "b": ["second"], "both": ["first", "second"]}
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", script)),
        Pacing(max_wait=0),
        credentials=lambda tenant, _: keys[tenant],
    )
    assert (await pipeline.complete("Hi", tenant="a")).text == "with first"
    with pytest.raises(PacedError):
        await pipeline.complete("Hi", tenant="a")
    assert (await pipeline.complete("Hi", tenant="b")).text == "with second"
    for _ in range(2):
        assert (await pipeline.complete("Hi", tenant="both")).text == "with second"


async def test_a_rejected_request_is_not_counted_and_shows_what_is_left() -> None:
    """Another process has used up the key: the 429 says so, and the next call is not sent."""
    scripts = [reports(left(9)), None]

    def script(call: Call) -> Any:
        assert call.on_limits is not None
        if scripts.pop(0) is not None:
            call.on_limits(left(9), True)
            return "fine"
        call.on_limits(left(0), False)
        return RateLimitError("slow down", provider="one", status=429)

    scene = Scene(script, max_wait=0)
    await scene.start()
    with pytest.raises(RateLimitError):
        await scene.start()
    with pytest.raises(PacedError):
        await scene.start()
    assert_settled(scene.pipeline)


@pytest.mark.parametrize("nonsense", [
    None, "all", 7, RateLimits(cast(Any, "many")), left(math.nan), left(-1), left(math.inf),
    left(5, limit=-3), left("9"), left(5, reset=math.nan), left(5, reset=-1), left(5, reset=math.inf),
    left(True),
])  # fmt: skip
async def test_nonsense_is_ignored(nonsense: Any) -> None:
    """A provider of your own may report anything."""
    scene = Scene(reports(nonsense))
    for _ in range(3):
        assert await outcome(scene.start()) == "fine"
    assert_settled(scene.pipeline)


async def test_without_reports_nothing_is_limited() -> None:
    """Most providers send none."""
    scene = Scene(lambda call: after(1, "fine"))
    calls = [scene.start() for _ in range(100)]
    await asyncio.gather(*calls)
    assert time() == pytest.approx(1, abs=0.01)
    assert_settled(scene.pipeline)


async def test_a_stream_settles_when_it_ends_or_is_dropped() -> None:
    """Not when it is handed out."""
    scene = Scene(reports(left(9), stream("a", "b")))
    async with scene.pipeline.stream("Why?") as answer:
        await anext(answer)
        assert list(scene.pacing.unsettled()) == ["pacing of one/scripted: 1 reservation, 0 calls waiting"]
    assert list(scene.pacing.unsettled()) == []


async def test_nothing_sent_uses_nothing() -> None:
    """An open circuit rejects further in: what was reserved is given back."""
    said = reports(left(2), lambda call: ServerError("down", provider="one", status=500))
    scene = Scene(said, inside=[Breaker(failure_threshold=1, cooldown=1000)], max_wait=0)
    for _ in range(5):
        assert await outcome(scene.start()) in ("server_error", "circuit_open")
    (limit,) = scene.pacing.allowances
    assert limit.left == pytest.approx(2, abs=0.1)


async def test_a_call_that_waits_at_a_gate_reserves_nothing() -> None:
    """After the gate it reserves again, or comes back to wait."""
    refuse = [True]

    def script(call: Call) -> Any:
        assert call.on_limits is not None
        call.on_limits(left(8), True)
        if refuse.pop() if refuse else False:
            return RateLimitError("slow", provider="one", status=429, retry_after=3)
        return "fine"

    scene = Scene(script, inside=[Throttle()])
    assert await outcome(scene.start()) == "rate_limit"
    call = scene.start()
    await asyncio.sleep(1)
    assert list(scene.pacing.unsettled()) == []
    assert await outcome(call) == "fine"
    assert_settled(scene.pipeline)


async def test_a_call_that_waits_holds_no_place_in_a_bulkhead() -> None:
    """It takes one again when its turn has come."""
    bulkhead, bucket = Bulkhead(30), Bucket()
    scene = Scene(lambda call: bucket(call), outside=[bulkhead])
    await scene.warm()
    calls = [scene.start() for _ in range(30)]
    await asyncio.sleep(0.05)
    (places,) = bulkhead.places
    assert places.in_flight == 10
    assert [await outcome(each) for each in calls] == ["fine"] * 30
    assert_settled(scene.pipeline)


async def test_inside_a_full_bulkhead_no_limit_is_reserved() -> None:
    """Pacing outside the bulkhead: calls that wait for a place give back what they have reserved."""
    scene = Scene(reports(left(9), lambda call: after(1, "fine")), inside=[Bulkhead(1)])
    calls = [scene.start() for _ in range(3)]
    await asyncio.sleep(0.1)
    assert list(scene.pacing.unsettled()) == ["pacing of one/scripted: 1 reservation, 0 calls waiting"]
    assert [await outcome(each) for each in calls] == ["fine"] * 3
    assert_settled(scene.pipeline)


async def test_a_waiting_call_is_passed_by_another_tenant_that_was_served_less() -> None:
    """20 calls of a loud tenant wait; a quiet one waits for one or two of them."""
    bucket = Bucket(rate=1, size=10)
    scene = Scene(lambda call: bucket(call), max_wait=None)
    await scene.warm(every=1.1)
    await asyncio.sleep(20)
    loud = [scene.start("loud") for _ in range(30)]
    await asyncio.sleep(0.5)
    began = time()
    assert await outcome(scene.start("quiet")) == "fine"
    assert time() - began < 3.1
    for each in loud:
        each.cancel()
    await asyncio.gather(*loud, return_exceptions=True)
    assert_settled(scene.pipeline)


async def test_a_hedge_never_waits() -> None:
    """The second target is used up: it is not asked as well, and nothing waits for it."""
    scene = Scene(lambda call: after(1, "slow"), second=reports(left(0, reset=600.0)), max_wait=None)
    await scene.start(to="two")
    assert scene.two is not None
    pipeline = Pipeline(Deadline(100), Fallback(scene.one, scene.two, hedge_after=0.2), scene.pacing)
    call = asyncio.create_task(pipeline.complete("Why?", hedge=True))
    await asyncio.sleep(0.5)
    assert list(scene.pacing.unsettled()) == ["pacing of one/scripted: 1 reservation, 0 calls waiting"]
    assert (await call).text == "slow"
    assert_settled(pipeline)


async def test_a_newcomer_does_not_overtake_a_larger_call_that_waits() -> None:
    """It would fit now, but then the larger one might wait for ever."""
    order: list[int] = []

    def script(call: Call) -> Any:
        order.append(len(call.request.messages[0].text))
        if call.on_limits is not None:
            call.on_limits(RateLimits(tokens=RateLimit(3600, 600, 50.0)), True)
        return "fine"

    scene = Scene(script, max_wait=None)
    await scene.start()
    large = asyncio.create_task(scene.pipeline.complete("x" * 4000, tenant="acme", max_tokens=1))
    await asyncio.sleep(0.01)
    small = asyncio.create_task(scene.pipeline.complete("x" * 40, tenant="acme", max_tokens=1))
    assert [await outcome(each) for each in (large, small)] == ["fine"] * 2
    assert order[1:] == [4000, 40]


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3, 0.6, 1.1])
async def test_no_cancellation_leaves_a_reservation(seconds: float) -> None:
    """Cancelled while it waits, is admitted, or is in flight."""
    bucket = Bucket()
    scene = Scene(lambda call: bucket(call))
    await scene.warm()
    calls = [scene.start() for _ in range(25)]
    await asyncio.sleep(seconds)
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert_settled(scene.pipeline)
    await asyncio.sleep(3)
    assert await outcome(scene.start()) == "fine"


async def test_random_cancellations_lose_nothing() -> None:
    """What is left afterwards is what the provider has left."""
    rng, bucket = Random(3), Bucket()
    scene = Scene(lambda call: bucket(call))
    await scene.warm()
    calls = []
    for _ in range(200):
        calls.append(scene.start(f"tenant-{rng.randrange(4)}"))
        await asyncio.sleep(rng.expovariate(15))
        if rng.random() < 0.3:
            rng.choice(calls).cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert_settled(scene.pipeline)
    assert bucket.refused <= 2
    await asyncio.sleep(5)
    await scene.start()
    (limit,) = scene.pacing.allowances
    assert limit.left == pytest.approx(10, abs=1.1)


async def test_the_number_of_keys_is_bounded() -> None:
    """The key that was used the longest time ago makes room; without room a call is sent unpaced."""
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", lambda call: after(1, "fine"))),
        pacing := Pacing(max_keys=2),
        credentials=lambda tenant, _: tenant,
    )
    await asyncio.gather(*(pipeline.complete("Hi", tenant=f"t{each}") for each in range(5)))
    assert len(pacing.allowances.known) == 2
    await pipeline.complete("Hi", tenant="t9")
    assert len(pacing.allowances.known) == 2
    assert_settled(pipeline)


async def test_a_full_queue_rejects() -> None:
    """With `queue=0` no call waits."""
    bucket = Bucket()
    scene = Scene(lambda call: bucket(call), queue=0)
    await scene.warm()
    calls = [scene.start() for _ in range(12)]
    assert sorted([await outcome(each) for each in calls]) == ["fine"] * 10 + ["paced"] * 2
    assert_settled(scene.pipeline)


async def test_retries_are_paced_too() -> None:
    """Each attempt reserves its own."""
    answers = iter([ServerError("down", provider="one", status=500), "fine"])
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", reports(left(9), lambda call: next(answers)))),
        Retry(max_retries=1, base_delay=0.1),
        pacing := Pacing(),
    )
    assert (await pipeline.complete("Hi")).text == "fine"
    assert_settled(pipeline)
    (limit,) = pacing.allowances
    assert 8 <= limit.left <= 10


def test_it_has_to_be_outside_throttle_and_breaker() -> None:
    """A call must not wait while it holds the place of a probe."""
    for inner in (Throttle(), Breaker()):
        with pytest.raises(LayerOrderError, match="Pacing"):
            Pipeline(Fallback(ScriptedProvider("one")), inner, Pacing())


@pytest.mark.parametrize("wrong", [{"max_wait": -1}, {"queue": -1}, {"max_keys": 0}, {"max_wait": "1"}])
def test_wrong_settings_are_rejected(wrong: dict[str, Any]) -> None:
    """With an error that names the setting."""
    with pytest.raises(ConfigurationError, match=rf"Pacing\({next(iter(wrong))}\)"):
        Pacing(**wrong)


async def test_a_silent_answer_keeps_its_reservation_until_it_is_given_up() -> None:
    """And settles it at its estimate then."""
    scene = Scene(reports(left(9), stall()))
    call = scene.start()
    await asyncio.sleep(5)
    assert list(scene.pacing.unsettled())
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert_settled(scene.pipeline)
