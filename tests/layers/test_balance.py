"""Calls are spread over the targets of a balance, by load or by conversation, and all are counted."""

import asyncio
import contextlib
import gc
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    ContentFilterError,
    InvalidRequestError,
    OverloadedError,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    UnknownProviderError,
    resilient,
)
from ranvier.layers import Balance, Breaker, Deadline, Fallback, Retry, SharedCircuits, Throttle, Timeout
from ranvier.layers.fallback import LoadSnapshot
from ranvier.testing import ScriptedProvider, VirtualTimeLoop, after, assert_settled, stall, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time

FIRST_TOKEN = 20.0


def conversation(call: Any) -> str:
    """The id of a conversation is its prompt."""
    return str(call.request.messages[0].content)


class Scene:
    """Some providers, `a`, `b` and so on, in one balance, and `z` behind it."""

    def __init__(
        self,
        *scripts: Any,
        last: Any = "z",
        inside: Any = (),
        route: dict[str, Any] | None = None,
        pipeline: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.providers = [ScriptedProvider(name, made) for name, made in zip("abcd", scripts, strict=False)]
        self.last = ScriptedProvider("z", last if callable(last) else [last])
        self.route = Fallback(Balance(*self.providers, **settings), self.last, **(route or {}))
        self.pipeline = Pipeline(
            Deadline(180),
            self.route,
            *inside,
            Timeout(None, first_token=FIRST_TOKEN),
            listeners=(),
            **(pipeline or {}),
        )

    async def ask(self, prompt: str = "Why?", **options: Any) -> str:
        return (await self.pipeline.complete(prompt, **options)).text

    def start(self, prompt: str = "Why?", **options: Any) -> asyncio.Task[Response]:
        return asyncio.create_task(self.pipeline.complete(prompt, **options))

    @property
    def loads(self) -> list[LoadSnapshot]:
        return list(self.route.balances[0].snapshots(time()))

    @property
    def in_flight(self) -> list[int]:
        return [each.in_flight for each in self.loads]

    @property
    def sent(self) -> list[int]:
        return [len(each.calls) for each in (*self.providers, self.last)]

    async def homes(self, conversations: int = 60) -> list[str]:
        """Where each conversation is answered."""
        return [await self.ask(f"conversation {number}") for number in range(conversations)]


def named(name: str, seconds: float = 0.5) -> Callable[[Any], Any]:
    """Answers its name after so many seconds."""
    return lambda call: after(seconds, name)


def three(**settings: Any) -> Scene:
    return Scene(named("a"), named("b"), named("c"), **settings)


class Switched:
    """Answers its name, or fails while it is switched off."""

    def __init__(self, name: str, seconds: float = 0.1) -> None:
        self.name, self.seconds = name, seconds
        self.works = True
        self.error: RanvierError = ServerError("no", provider=name, status=500)

    def __call__(self, call: Any) -> Any:
        return after(self.seconds, self.name if self.works else self.error)


def switched(**settings: Any) -> tuple[Scene, list[Switched]]:
    """Three such targets behind a breaker."""
    scripts = [Switched(name) for name in "abc"]
    inside = (Breaker(failure_threshold=1, success_threshold=1, cooldown=10, max_cooldown=10),)
    return Scene(*scripts, **{"inside": inside, **settings}), scripts


# --- by load -------------------------------------------------------------------------------------


async def test_calls_are_spread_evenly_over_equal_targets() -> None:
    """Idle or busy: none has more than 1.05 times its share."""
    for every in (1.0, 0.01):
        scene = three()
        calls = []
        for _ in range(1500):
            calls.append(scene.start())
            await asyncio.sleep(random.expovariate(1 / every))
        counts = Counter([(await call).text for call in calls])
        assert max(counts.values()) <= 1.05 * 1500 / 3
        assert_settled(scene.pipeline)


async def test_a_burst_is_spread_evenly() -> None:
    """Calls that begin in the same turn of the loop see each other."""
    scene = three()
    calls = [scene.start() for _ in range(300)]
    await asyncio.sleep(0.1)
    assert sum(scene.in_flight) == 300
    assert max(scene.in_flight) <= 110
    await asyncio.gather(*calls)


@pytest.mark.parametrize("every", [2.0, 0.02])
async def test_a_slower_target_has_fewer_calls_and_keeps_some(every: float) -> None:
    """So that it is noticed when it is fast again."""
    scene = Scene(named("a"), named("b"), named("c", 1.5))
    calls = []
    for _ in range(1500):
        calls.append(scene.start())
        await asyncio.sleep(random.expovariate(1 / every))
    counts = Counter([(await call).text for call in calls])
    assert 0.03 <= counts["c"] / 1500 <= 0.2


async def test_weights_are_shares() -> None:
    """Of calls, whether there are few or many."""
    for every in (1.0, 0.01):
        scene = three(weights=[3, 2, 1])
        calls = []
        for _ in range(1500):
            calls.append(scene.start())
            await asyncio.sleep(every)
        counts = Counter([(await call).text for call in calls])
        for name, weight in zip("abc", (3, 2, 1), strict=True):
            assert counts[name] / 1500 == pytest.approx(weight / 6, rel=0.1)


async def test_by_least_busy_and_by_latency() -> None:
    """One of the two alone: a slow target that is idle, or a fast one that is busy."""
    for by, expected in (("least_busy", "slow"), ("latency", "fast")):
        scene = Scene(named("slow", 1.0), named("fast", 0.1), by=by)
        for name in ("a", "b"):
            await scene.ask(to=name)
        async with scene.pipeline.stream("Why?", to="b"), scene.pipeline.stream("Why?", to="b"):
            assert [await scene.ask() for _ in range(5)] == [expected] * 5


async def test_a_failed_call_goes_to_the_others_and_then_to_the_next_target() -> None:
    """Every target of the balance is tried before the one after it."""
    scene = Scene(*[lambda call: ServerError("no", provider="x", status=500)] * 3, last="z")
    answer = await scene.pipeline.complete("Why?")
    targets = [each.target for each in answer.attempts]
    assert sorted(targets[:3]) == ["a/scripted", "b/scripted", "c/scripted"]
    assert (targets[3], answer.text) == ("z/scripted", "z")
    assert scene.in_flight == [0, 0, 0]


async def test_the_others_follow_by_their_scores() -> None:
    """After the one that was chosen, the less loaded ones first."""
    failing = lambda call: ServerError("no", provider="x", status=500)  # noqa: E731
    scene = Scene(failing, named("b", 2.0), named("c", 0.1))
    for name in ("b", "c"):
        await scene.ask(to=name)
    for _ in range(10):
        answer = await scene.pipeline.complete("Why?", to="a")
        assert answer.text == "c"


async def test_all_targets_fail() -> None:
    """With one error for each of them."""
    failing = [lambda call: ServerError("no", provider="x", status=500)] * 2
    scene = Scene(*failing, last=ServerError("no", provider="z", status=500))
    with pytest.raises(AllDeploymentsFailedError, match="none of 3 targets") as caught:
        await scene.ask()
    assert len(caught.value.exceptions) == 3
    assert_settled(scene.pipeline)


# --- what enters the average ---------------------------------------------------------------------

COUNT = [
    ServerError("no", provider="a", status=500),
    OverloadedError("no", provider="a", status=529),
    ConnectionFailedError("no", provider="a"),
]
DO_NOT_COUNT = [
    RateLimitError("no", provider="a", status=429),
    AuthenticationError("no", provider="a", status=401),
    InvalidRequestError("no", provider="a", status=400),
    ContentFilterError("no", provider="a", status=400),
]


@pytest.mark.parametrize("error", [*COUNT, *DO_NOT_COUNT], ids=lambda error: error.kind)
@pytest.mark.parametrize("retries", [0, 1])
async def test_failures_of_the_model_or_the_server_count_as_first_token(
    error: RanvierError, retries: int
) -> None:
    """Those of a key or of a request say nothing about how soon it answers. A retried one counts, too."""
    scene = Scene(iter_replies(after(0.5, "a"), error, after(0.5, "a")), named("b"), inside=(Retry(retries),))
    await scene.ask(to="a")
    try:
        await scene.ask(to="a")
    except RanvierError:
        assert error.scope == "request"  # type: ignore[attr-defined]
    first = scene.loads[0].first_token
    assert first is not None
    assert (first > 1) == (error in COUNT), first
    assert scene.in_flight == [0, 0]


def iter_replies(*replies: Any) -> Callable[[Any], Any]:
    """The replies in order; the last one is repeated."""
    left = list(replies)
    return lambda call: left.pop(0) if len(left) > 1 else left[0]


async def test_an_answer_that_does_not_match_the_schema_does_not_count() -> None:
    """The model is well; also if the answer is repaired."""
    scene = Scene(iter_replies("no JSON", "{}"), named("b"))
    for repair in (0, 1):
        schema = {"type": "object"}
        with contextlib.suppress(RanvierError):
            await scene.ask(to="a", schema=schema, repair=repair)
        scene.providers[0]._next = iter_replies("no JSON", "{}")
    assert (scene.loads[0].first_token or 0) < 1


async def test_a_stream_that_breaks_counts() -> None:
    """Although its first content came soon."""
    scene = Scene(lambda call: stream("a", after(1, ServerError("no", provider="a"))), named("b"))
    async with scene.pipeline.stream("Why?", to="a") as answer:
        assert scene.in_flight == [1, 0]
        with pytest.raises(RanvierError):
            await answer.collect()
    assert scene.in_flight == [0, 0]
    assert scene.loads[0].first_token == pytest.approx(0.1 * FIRST_TOKEN)


async def test_a_long_answer_is_not_a_slow_target() -> None:
    """Only the first content counts, also for whole answers."""
    scene = Scene(lambda call: stream("a", after(15, "..."), after(15, "...")), named("b"))
    await scene.ask(to="a")
    assert scene.loads[0].first_token == pytest.approx(0, abs=0.01)


async def test_a_target_that_cannot_stream_has_no_average() -> None:
    """The time of a whole answer follows its length."""
    whole = ScriptedProvider("a", lambda call: after(5, "a"), streaming=False)
    route = Fallback(Balance(whole, ScriptedProvider("b", named("b"))))
    pipeline = Pipeline(route)
    await pipeline.complete("Why?", to="a")
    assert [each.first_token for each in route.balances[0].snapshots(time())] == [None, None]


async def test_a_silent_target_that_calls_do_not_wait_for_is_slow() -> None:
    """Callers that cancel, and hedges that win, would otherwise hide it."""
    scene = Scene(named("a", 15), named("b"))
    for name in ("a", "b"):
        await scene.ask(to=name)
    scene.providers[0]._next = named("a", 0.5)
    for _ in range(100):
        await scene.ask(to="a")
    scene.providers[0]._next = lambda call: stall()
    for _ in range(5):
        call = scene.start(to="a")
        await asyncio.sleep(5)
        call.cancel()
        await asyncio.wait([call])
    first = scene.loads[0].first_token
    assert first is not None
    assert first > 1.5
    assert scene.in_flight == [0, 0]


async def test_a_poisoned_average_is_refreshed() -> None:
    """After a burst of failures the target has its share again within minutes."""
    scene, (a, _, _) = switched(inside=())
    for _ in range(30):
        a.works = False
        await scene.ask(to="a")
        a.works = True
    counts = Counter([await scene.ask() for _ in range(300)])
    assert counts["a"] <= 0.1 * 300
    for _ in range(240):
        await scene.ask()
        await asyncio.sleep(1)
    counts = Counter([await scene.ask() for _ in range(300)])
    assert counts["a"] >= 0.25 * 300


async def test_an_average_of_rare_calls_fades_while_the_others_are_sampled() -> None:
    """What was true minutes ago counts less; and what was not sampled at all is what is usual."""
    scene = Scene(named("a", 10), named("b", 1), named("c", 2))
    assert [each.first_token for each in scene.loads] == [None] * 3
    await scene.ask(to="a")
    assert [each.first_token for each in scene.loads] == [10.0] * 3
    for name in "bc" * 40:
        await scene.ask(to=name)
    a, b, c = [each.first_token or 0.0 for each in scene.loads]
    assert b == pytest.approx(1.2, abs=0.15)
    assert c == pytest.approx(1.8, abs=0.15)
    assert a == pytest.approx(b + 9 / 4, abs=0.3)  # after two half-lives


# --- what is in flight ---------------------------------------------------------------------------


async def test_a_stream_is_in_flight_until_it_ends() -> None:
    """Read to its end, closed early, or cancelled."""
    scene = Scene(*[lambda call: stream("a", after(1, "b"), after(1, "c"))] * 2)

    async def opened() -> Any:
        reading = await scene.pipeline.stream("Why?", to="a").__aenter__()
        assert scene.in_flight == [1, 0]
        return reading

    await (await opened()).collect()
    assert scene.in_flight == [0, 0]

    reading = await opened()
    await reading.__anext__()
    await reading.aclose()
    assert scene.in_flight == [0, 0]

    read = asyncio.create_task((await opened()).collect())
    await asyncio.sleep(0.5)
    read.cancel()
    await asyncio.wait([read])
    assert scene.in_flight == [0, 0]
    assert_settled(scene.pipeline)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_dropped_stream_is_not_in_flight() -> None:
    """When it is collected."""
    scene = Scene(*[lambda call: stream("a", after(1, "b"))] * 2)
    reading = await scene.pipeline.stream("Why?").__aenter__()
    assert sum(scene.in_flight) == 1
    del reading
    gc.collect()
    await asyncio.sleep(0.1)
    assert scene.in_flight == [0, 0]


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("hedge_after", [None, 0.3])
async def test_no_cancellation_is_miscounted(turns: int, hedge_after: float | None) -> None:
    """At whatever point: before the attempt, in it, with a hedge, or as it ends."""
    scene = Scene(named("a"), named("b"), route={"hedge_after": hedge_after})
    calls = [scene.start() for _ in range(4)]
    await asyncio.sleep([0, 0.3, 0.5][turns // 4])
    for _ in range(turns % 4):
        await asyncio.sleep(0)
    for call in calls[:2]:
        call.cancel()
    await asyncio.wait(calls)
    await asyncio.sleep(30)
    assert scene.in_flight == [0, 0]
    assert_settled(scene.pipeline)


async def test_a_loser_is_in_flight_until_it_ends() -> None:
    """It lingers in the background, and its target is as busy as with any other call."""
    scene = Scene(lambda call: stall(), named("b"), named("c"), route={"hedge_after": 2.0})
    call = scene.start(to="a")
    await asyncio.sleep(1)
    assert scene.in_flight[0] == 1
    assert (await call).text in ("b", "c")
    assert scene.in_flight == [1, 0, 0]
    await asyncio.sleep(30)
    assert scene.in_flight == [0, 0, 0]
    assert_settled(scene.pipeline)
    first = scene.loads[0].first_token
    assert first is not None
    assert first >= 2


async def test_a_call_in_flight_is_unsettled() -> None:
    """And `assert_settled` names its target."""
    scene = three()
    call = scene.start(to="b")
    await asyncio.sleep(0.1)
    with pytest.raises(AssertionError, match="balance: 1 call in flight at b/scripted"):
        assert_settled(scene.pipeline)
    await call


async def test_a_restarted_stream_is_counted_where_it_goes_on() -> None:
    """The target whose stream broke has nothing in flight any more; the others of the balance come next."""
    scene = Scene(
        lambda call: stream("half", after(1, ServerError("no", provider="a"))),
        lambda call: stream("b", after(5, "b")),
    )
    async with scene.pipeline.stream("Why?", to="a", on_break="restart") as answer:
        kinds = []
        async for event in answer:
            kinds.append(event.text)
            assert scene.in_flight == ([1, 0] if kinds == ["half"] else [0, 1])
            if kinds[-1] == "b":
                break
    assert scene.in_flight == [0, 0]
    assert scene.sent == [1, 1, 0]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_calls_of_a_closed_loop_are_not_in_flight_on_the_next() -> None:
    """What is left of them ends without a trace; what was learned stays."""
    left: list[Any] = []
    scene = Scene(lambda call: stream("a", after(1, "b"), stall()), named("b"))

    async def leave() -> None:
        await scene.ask(to="b")
        left.append(await scene.pipeline.stream("Why?", to="a").__aenter__())
        assert scene.in_flight == [1, 0]

    async def go_on() -> None:
        calls = [scene.start(to="b") for _ in range(2)]
        await asyncio.sleep(0.1)
        assert scene.in_flight == [0, 2]
        left.clear()
        gc.collect()
        assert scene.in_flight == [0, 2]
        await asyncio.gather(*calls)
        assert scene.in_flight == [0, 0]
        assert scene.loads[1].first_token == pytest.approx(0.5, abs=0.01)

    for work in (leave, go_on):
        loop = VirtualTimeLoop(start=1000.0 * bool(left))
        loop.run_until_complete(work())
        loop.close()


# --- conversations -------------------------------------------------------------------------------


async def test_a_conversation_stays_at_its_target() -> None:
    """In any pipeline with these targets, whatever the load; about a third of all are at each."""
    scene = three(sticky=conversation)
    homes = await scene.homes(300)
    assert min(Counter(homes).values()) >= 80
    async with scene.pipeline.stream("other", to="a"), scene.pipeline.stream("other", to="a"):
        assert await scene.homes(300) == homes
    assert await three(sticky=conversation).homes(300) == homes


async def test_a_call_of_no_conversation_goes_where_there_is_less_load() -> None:
    """`None` and an empty id belong to none: they would all be at one target."""
    ids: Iterator[Any] = iter([None, "", b""] * 20)
    scene = three(sticky=lambda call: next(ids))
    counts = Counter([await scene.ask() for _ in range(60)])
    assert min(counts.values()) >= 10


async def test_ids_may_be_texts_numbers_and_bytes() -> None:
    """A number and its text are the same conversation."""
    for pair in ((7, "7"), (b"\x07", b"\x07")):
        one, other = [await three(sticky=lambda call, name=each: name).ask() for each in pair]
        assert one == other


async def test_without_its_target_a_conversation_has_the_next_one() -> None:
    """All others stay where they are; it moves once, and returns when its target is well."""
    scene, (a, _, _) = switched(sticky=conversation)
    before = await scene.homes(90)
    a.works = False
    seen = [await scene.homes(90) for _ in range(5)]
    away = seen[-1]
    for was, now in zip(before, away, strict=True):
        assert now == was or (was == "a" and now in ("b", "c"))
    assert seen == [away] * 5
    orphans = [now for was, now in zip(before, away, strict=True) if was == "a"]
    assert min(Counter(orphans).values()) >= len(orphans) / 4
    a.works = True
    for _ in range(10):
        again = await scene.homes(90)
        for was, now, then in zip(before, again, away, strict=True):
            assert now in (was, then)
    assert again == before


async def test_a_conversation_leaves_while_the_gate_of_its_target_is_closed() -> None:
    """And returns at once, if it was closed for a moment only."""
    scene, scripts = switched(sticky=conversation, inside=(Throttle(max_wait=0),))
    home = await scene.ask("one")
    script = next(each for each in scripts if each.name == home)
    script.works, script.error = False, RateLimitError("no", provider=home, status=429, retry_after=3)
    other = await scene.ask("one")
    script.works = True
    sent = scene.sent
    assert (await scene.ask("one"), other != home) == (other, True)
    assert scene.sent["abc".index(home)] == sent["abc".index(home)]
    await asyncio.sleep(3)
    assert await scene.ask("one") == home


async def test_a_conversation_leaves_while_its_target_is_not_allowed() -> None:
    """Or cannot serve its request. The others keep their place in its order."""
    refused: set[str] = set()
    scene = three(
        sticky=conversation, pipeline={"allow": lambda call, target: target.provider.name not in refused}
    )
    first = await scene.ask("one")
    refused.add(first)
    answer = await scene.pipeline.complete("one")
    second = answer.text
    assert [wait.kind for wait in answer.record.waits] == ["balanced"]
    refused.add(second)
    third = await scene.ask("one")
    assert {first, second, third} == {"a", "b", "c"}
    refused.add(third)
    assert await scene.ask("one") == "z"
    refused -= {first, third}
    assert await scene.ask("one") == first
    assert scene.loads[0].share == 1


async def test_a_conversation_leaves_a_target_that_cannot_serve_it() -> None:
    """Its request is never sent there."""
    scene = three(sticky=conversation)
    home = await scene.ask("one")
    provider = next(each for each in scene.providers if each.name == home)
    provider.lacks = lambda call: (  # type: ignore[attr-defined]
        InvalidRequestError("no stop", provider=home) if call.request.stop else None
    )
    lacking = Fallback(Balance(*scene.providers, sticky=conversation), scene.last)
    pipeline = Pipeline(Deadline(180), lacking, Timeout(None, first_token=FIRST_TOKEN), listeners=())
    sent = len(provider.calls)
    assert (await pipeline.complete("one", stop=["."])).text != home
    assert len(provider.calls) == sent
    assert (await pipeline.complete("one")).text == home


async def test_the_win_of_a_hedge_moves_no_conversation() -> None:
    """The next call goes to its home again; a hedge goes to the next target in its order."""
    scene, scripts = switched(sticky=conversation, inside=(), route={"hedge_after": 2.0})
    home = await scene.ask("one")
    script = next(each for each in scripts if each.name == home)
    script.seconds = 10
    hedged = await scene.ask("one")
    assert hedged != home
    script.works, script.seconds = False, 0.1
    assert await scene.ask("one") == hedged
    script.works = True
    for _ in range(3):
        assert await scene.ask("one") == home
    await asyncio.sleep(30)
    assert_settled(scene.pipeline)


async def test_a_single_failure_moves_no_conversation() -> None:
    """The call is answered elsewhere, and the next one at its home, also minutes later."""
    scene, scripts = switched(sticky=conversation, inside=())
    home = await scene.ask("one")
    script = next(each for each in scripts if each.name == home)
    for _ in range(5):
        script.works = False
        assert await scene.ask("one") != home
        script.works = True
        await asyncio.sleep(10)
        assert await scene.ask("one") == home


@pytest.mark.parametrize(
    ("sticky", "words"),
    [
        (lambda call: call.nothing, r"Balance\(sticky\) raised AttributeError"),
        (lambda call: {"id": 7}, r"Balance\(sticky\) returned a dict: return a str, an int, bytes or None"),
        (lambda call: True, r"Balance\(sticky\) returned a bool"),
        (lambda call: asyncio.sleep(0), r"Balance\(sticky\) returned a coroutine"),
    ],
)
async def test_a_function_that_fails_is_named(sticky: Any, words: str) -> None:
    """Its own error is the cause."""
    scene = three(sticky=sticky)
    with pytest.raises(ConfigurationError, match=words) as caught:
        await scene.ask()
    assert isinstance(caught.value.__cause__, AttributeError) == ("raised" in words)
    assert scene.sent == [0, 0, 0, 0]
    assert_settled(scene.pipeline)


@pytest.mark.parametrize(("reply", "text"), [("late", "late"), (ServerError("no", provider="a"), None)])
async def test_a_function_that_fails_when_a_hedge_is_due_fails_in_its_turn(
    reply: Any, text: str | None
) -> None:
    def fails(call: Any) -> str:
        raise KeyError("a prompt")

    loose: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: loose.append(context))
    first, others = ScriptedProvider("a", [after(8, reply)]), [ScriptedProvider(name) for name in "bc"]
    pipeline = Pipeline(Deadline(60), Fallback(first, Balance(*others, sticky=fails), hedge_after=1))
    if text is None:
        with pytest.raises(ConfigurationError, match="sticky"):
            await pipeline.complete("hi")
    else:
        assert (await pipeline.complete("hi")).text == text
    assert not loose
    assert_settled(pipeline)


# --- a target that has come back -----------------------------------------------------------------


async def test_no_herd_meets_a_target_that_has_come_back() -> None:
    """It is idle, and so the least loaded one: its share grows slowly all the same."""
    scene, (a, _, _) = switched()
    a.works = False
    for _ in range(200):
        await scene.ask()
    await asyncio.sleep(1)
    a.works = True
    counts = []
    for _ in range(12):
        calls = []
        for _ in range(50):
            calls += [scene.start(), scene.start()]
            await asyncio.sleep(0.1)
        counts.append(Counter([(await call).text for call in calls])["a"])
    assert counts[0] <= 20
    assert counts[1] <= 30
    assert counts[-1] >= 25
    assert_settled(scene.pipeline)


async def test_a_circuit_that_may_probe_is_asked() -> None:
    """Otherwise it would stay open for ever, as the others would be preferred."""
    for settings in ({}, {"sticky": conversation}):
        scene, (a, _, _) = switched(**settings)
        a.works = False
        for _ in range(3):
            await scene.homes(90)
        a.works = True
        await asyncio.sleep(10)
        for _ in range(3):
            await scene.homes(90)
        await asyncio.sleep(20)
        assert "a" in await scene.homes(90)


async def test_while_it_is_down_a_target_has_one_call_at_a_time() -> None:
    """Also where its circuits would admit more."""
    inside = (Breaker(failure_threshold=1, cooldown=10, max_cooldown=10, max_probes=10),)
    scene, (a, _, _) = switched(inside=inside)
    a.works, a.seconds = False, 5.0
    for _ in range(30):
        await scene.ask()
        await asyncio.sleep(0.5)
    assert scene.loads[0].share == 0
    await asyncio.sleep(10)
    calls = [scene.start() for _ in range(30)]
    await asyncio.sleep(0.1)
    assert scene.in_flight[0] == 1
    await asyncio.gather(*calls)


async def test_the_circuits_and_keys_of_one_tenant_concern_no_other() -> None:
    """A loud tenant that is rejected moves only its own conversations, and so does its return."""
    limited = RateLimitError("no", provider="a", status=429, retry_after=60)
    scene = Scene(
        lambda call: limited if call.credential == "loud" and time() < 60 else after(0.1, "a"),
        named("b"),
        sticky=conversation,
        inside=(Throttle(max_wait=0),),
        pipeline={"credentials": lambda tenant, provider: tenant},
    )
    homes = {f"{number}": await scene.ask(f"{number}", tenant="quiet") for number in range(20)}
    mine = [name for name, home in homes.items() if home == "a"]
    loud = []
    for _ in range(12):
        for name in mine:
            assert await scene.ask(name, tenant="quiet") == "a"
        for _ in range(9):
            loud.append(await scene.ask(mine[0], tenant="loud"))
            await asyncio.sleep(0.5)
    assert set(loud[:30]) == {"b"}
    assert loud[-1] == "a"


# --- beside other layers -------------------------------------------------------------------------


async def test_a_call_may_start_at_a_target_of_the_balance() -> None:
    """The others of the balance come next; a call that starts behind it never goes back."""
    scene, (a, b, c) = switched(inside=())
    for name in ("a", "b", "c", "z", "a/scripted", "c/scripted"):
        assert await scene.ask(to=name) == name[0]
    a.works = c.works = False
    assert {await scene.ask(to="a") for _ in range(5)} == {"b"}
    b.works = False
    answer = await scene.pipeline.complete("Why?", to="c")
    assert answer.attempts[0].target == "c/scripted"
    assert sorted(each.target[0] for each in answer.attempts) == ["a", "b", "c", "z"]
    assert len((await scene.pipeline.complete("Why?", to="z")).attempts) == 1
    with pytest.raises(UnknownProviderError, match="a/scripted, b/scripted, c/scripted, z/scripted"):
        await scene.ask(to="nobody")


async def test_a_balance_may_stand_anywhere_in_a_chain() -> None:
    """Behind a target, between two, and in `chains=`."""
    names = "abcdefg"
    a, b, c, d, e, f, g = [ScriptedProvider(name, Switched(name)) for name in names]
    both = Balance(c, d)
    route = Fallback(a, Balance(e, f), g, chains={"a": [both, b]})
    pipeline = Pipeline(route, listeners=())
    a._next.works = False  # type: ignore[attr-defined]
    assert {(await pipeline.complete("Why?")).text for _ in range(20)} == {"c", "d"}
    for each in (c, d):
        each._next.works = False  # type: ignore[attr-defined]
    assert (await pipeline.complete("Why?")).text == "b"
    assert {(await pipeline.complete("Why?", to="e")).text for _ in range(5)} == {"e"}
    assert [each.target[0] for each in route.targets] == ["a", "e", "f", "g"]
    assert {each.target[0] for each in route.deployments()} == set(names)
    assert repr(route) == "Fallback(a/scripted -> Balance(c/scripted, d/scripted, by='load') -> b/scripted)"
    assert_settled(pipeline)


async def test_time_is_kept_for_two_targets_of_a_balance() -> None:
    """And for each target behind it: the first of four silent ones gets more than a fifth."""
    scene = Scene(*[lambda call: stall()] * 4, route={"reserve": 20.0})
    answer = await scene.pipeline.complete("Why?", deadline=40)
    seconds = [each.seconds for each in answer.attempts]
    assert seconds[0] == pytest.approx(40 / 4)  # two more, and the last
    assert seconds[1] == pytest.approx(30 / 4)
    assert seconds[2] == pytest.approx(22.5 / 3)
    assert answer.text == "z"


async def test_the_last_target_is_asked_behind_shared_circuits() -> None:
    """When all of them are open, the one that is to probe first is asked once."""
    shared = SharedCircuits(votes=2)
    breaker = Breaker(failure_threshold=1000, shared=shared)
    scene, scripts = switched(inside=(breaker,), route={"hedge_after": "p99"})
    scene.last._next = lambda call: after(0.1, ServerError("no", provider="z", status=500))
    for script in scripts:
        script.works = False
    for number in range(40):
        with pytest.raises(RanvierError):
            await scene.ask(tenant=f"tenant {number % 4}")
    for script in scripts:
        script.works = True
    scene.last._next = named("z")
    assert breaker.circuits.shared is not None
    opened = [each for each in breaker.circuits.shared if each.state == "open"]
    assert len(opened) == 4
    first = min(opened, key=lambda each: each.retry_after or 0.0)
    sent = sum(scene.sent)
    assert await scene.ask(tenant="tenant 0") == first.provider
    assert sum(scene.sent) == sent + 1
    assert scene.in_flight == [0, 0, 0]


async def test_open_shared_circuits_are_passed_over_without_a_failover() -> None:
    """The call goes to a target that accepts it at once."""
    breaker = Breaker(failure_threshold=1000, shared=SharedCircuits(votes=2))
    scene, (a, _, _) = switched(inside=(breaker,), by="least_busy")
    a.works = False
    for number in range(40):
        await scene.ask(tenant=f"tenant {number % 4}")
    a.works = True
    for _ in range(10):
        answer = await scene.pipeline.complete("Why?", tenant="tenant 1")
        assert [wait.kind for wait in answer.record.waits] == ["balanced"]
        assert len(answer.attempts) == 1


async def test_targets_without_a_key_are_never_in_flight_for_long() -> None:
    """The call goes on to those for which its tenant has a key."""
    providers = [ScriptedProvider(name, named(name)) for name in "abc"]
    for provider in providers:
        provider.needs_credential = True
    route = Fallback(Balance(*providers))
    pipeline = Pipeline(route, credentials=lambda tenant, name: "key" if name == "b" else None, listeners=())
    assert [(await pipeline.complete("Why?")).text for _ in range(10)] == ["b"] * 10
    assert [each.in_flight for each in route.balances[0].snapshots(time())] == [0, 0, 0]


async def test_empty_answers_go_on_to_the_others() -> None:
    """As in any chain."""
    scene = Scene(lambda call: "", named("b"))
    assert {await scene.ask() for _ in range(10)} == {"b"}
    assert scene.in_flight == [0, 0]


async def test_it_works_in_resilient() -> None:
    """With everything that `resilient` has."""
    providers = [ScriptedProvider(name, named(name)) for name in "abz"]
    pipeline = resilient(Balance(*providers[:2]), providers[2])
    counts = Counter([(await pipeline.complete("Why?")).text for _ in range(60)])
    assert set(counts) == {"a", "b"}
    assert_settled(pipeline)


# --- what is shown, and mistakes -----------------------------------------------------------------


async def test_the_choice_is_explained() -> None:
    """What was chosen, of how many, and how."""
    scene = three()
    answer = await scene.pipeline.complete("Why?")
    assert f"balanced: chose {answer.text}/scripted of 3 by load\n" in answer.explain()
    scene, scripts = switched(sticky=conversation)
    home = await scene.ask("one")
    answer = await scene.pipeline.complete("one")
    assert f"balanced: chose {home}/scripted of 3 by conversation\n" in answer.explain()
    next(each for each in scripts if each.name == home).works = False
    await scene.ask("one")
    answer = await scene.pipeline.complete("one")
    words = f"chose {answer.text}/scripted of 3 by conversation, instead of {home}/scripted\n"
    assert words in answer.explain()
    assert len(answer.attempts) == 1


async def test_print_shows_the_balance() -> None:
    """Inside the route, with what is known about each target."""
    scene = three(weights=[2, 1, 1], sticky=conversation)
    assert repr(scene.route) == (
        "Fallback(Balance(a/scripted, b/scripted, c/scripted, by='load', weights=[2.0, 1.0, 1.0], "
        "sticky=...) -> z/scripted)"
    )
    await scene.ask(to="b")
    call = scene.start(to="a")
    await asyncio.sleep(0.1)
    shown = str(scene.pipeline)
    assert "balanced: a/scripted: 1 in flight" in shown
    assert "balanced: b/scripted: 0 in flight, first content after 0.50 s on average" in shown
    await call
    scene, (a, _, _) = switched()
    a.works = False
    for _ in range(100):
        await scene.ask()
    assert ", down" in str(scene.pipeline)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Balance("a/x"), "name at least two targets"),
        (lambda: Balance("a/x", "b/y", by="random"), "choose one of 'load', 'least_busy', 'latency'"),  # type: ignore[arg-type]
        (lambda: Balance("a/x", "b/y", weights=[1]), "give one for each of the 2 targets"),
        (lambda: Balance("a/x", "b/y", weights={"a": 1, "b": 2}), "give one for each of the 2 targets"),  # type: ignore[arg-type]
        (lambda: Balance("a/x", "b/y", weights=[1, 0]), "give 0.001 to 1000"),
        (lambda: Balance("a/x", "b/y", weights=[1, float("nan")]), "give 0.001 to 1000"),
        (lambda: Balance("a/x", "b/y", weights=[1, True]), "give 0.001 to 1000"),
        (lambda: Balance("a/x", "b/y", sticky="id"), "give a function of a call"),  # type: ignore[arg-type]
        (lambda: Balance("a/x", Balance("b/y", "c/z")), "cannot contain another one"),  # type: ignore[arg-type]
        (lambda: Fallback(Balance("stub", "stub")), "stub/stub is named twice"),
        (lambda: Fallback(Balance("stub/a", "stub/b"), Balance("stub/b", "stub/c")), "stub/b is named twice"),
        (lambda: Fallback(Balance(["stub/a", "stub/b"], "stub/c")), "pass the targets one by one"),  # type: ignore[arg-type]
        (lambda: Pipeline(Balance("stub/a", "stub/b")), r"Fallback\(Balance\(\.\.\.\)\)"),  # type: ignore[arg-type]
    ],
)
def test_mistakes_are_named(make: Callable[[], object], words: str) -> None:
    """When it is built."""
    with pytest.raises(ConfigurationError, match=words):
        make()


def test_an_async_function_is_a_mistake() -> None:
    """It has to answer at once."""

    async def sticky(call: Any) -> str:
        return "one"

    with pytest.raises(ConfigurationError, match=r"sticky\) is `async def`"):
        Balance("stub/a", "stub/b", sticky=sticky)  # type: ignore[arg-type]
