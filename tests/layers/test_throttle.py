"""A key to which the provider has just said no is not sent again, by anyone."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import (
    AuthenticationError,
    ConfigurationError,
    ContextLengthError,
    DeadlineExceededError,
    InvalidRequestError,
    OverloadedError,
    PermissionDeniedError,
    Pipeline,
    QuotaExceededError,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    ThrottledError,
    resilient,
)
from ranvier.events import CallRejected, CredentialRejected, Event, Throttled
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle
from ranvier.layers.throttle import layer as module
from ranvier.layers.throttle.registry import IDLE_SECONDS
from ranvier.testing import ScriptedProvider, after, stall, stream
from support.scenes import time, turns

pytestmark = pytest.mark.virtual_time


def no(kind: Callable[..., RanvierError], retry_after: float | None = None) -> RanvierError:
    return kind("no", provider="one", retry_after=retry_after)


class Scene:
    """Two scripted providers behind a throttle; tenants have keys of their own, or share ours."""

    def __init__(self, *script: Any, second: Any = ("other",), retries: int = 0, **settings: Any) -> None:
        self.one = ScriptedProvider("one", script[0] if len(script) == 1 and callable(script[0]) else script)
        self.two = ScriptedProvider("two", second) if second else None
        self.throttle = Throttle(**settings)
        self.breaker = Breaker(failure_threshold=1)
        self.events: list[Event] = []
        self.keys: dict[str, str] = {}
        self.pipeline = Pipeline(
            Deadline(100),
            Fallback(*filter(None, (self.one, self.two))),
            Retry(retries, base_delay=0.1, jitter="none"),
            self.throttle,
            self.breaker,
            credentials=lambda tenant, provider: self.keys.get(tenant, "ours"),
            listeners=[self.events.append],
        )

    async def ask(self, tenant: str = "acme", **options: Any) -> Response:
        return await self.pipeline.complete("Why?", tenant=tenant, **options)

    def start(self, tenant: str = "acme", **options: Any) -> asyncio.Task[Response]:
        return asyncio.create_task(self.ask(tenant, **options))

    async def answers(self, *calls: Any) -> list[str]:
        """The texts of answers, and the kinds of errors."""
        ended = await asyncio.gather(*calls, return_exceptions=True)
        return [getattr(each, "text", None) or each.kind for each in ended]  # type: ignore[union-attr]

    def gates(self) -> list[tuple[str, str, float, int]]:
        return [(each.provider, each.reason, each.closed_for, each.waiting) for each in self.throttle.gates]


def limited_until(moment: float, error: RanvierError | None = None) -> Callable[[Any], Any]:
    """Says no until that moment, and then answers after a second."""
    return lambda call: (error or no(RateLimitError, 2)) if time() < moment else after(0.5, "fine")


# --- what closes a gate --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "settings", "seconds"),
    [
        (no(RateLimitError, 80_000), {}, 300),
        (no(OverloadedError, 80_000), {}, 300),
        (no(RateLimitError, 80_000), {"max_closed": 20}, 20),
        (no(RateLimitError, 8), {"max_closed": 20}, 8),
        (no(AuthenticationError, 80_000), {}, 300),
        (no(AuthenticationError), {"max_closed": 20}, 60),
        (no(QuotaExceededError, 80_000), {}, 3600),
        (no(QuotaExceededError, 80_000), {"quota_cooldown": 7200}, 7200),
        (no(QuotaExceededError, 80_000), {"quota_cooldown": 0}, None),
    ],
)
async def test_no_provider_closes_a_gate_for_longer_than_it_may(
    error: RanvierError, settings: dict[str, Any], seconds: float | None
) -> None:
    """What it asks for counts up to `max_closed`, and up to an hour for credit; what we set counts whole."""
    scene = Scene(error, "fine", second=None, max_wait=0, **settings)
    assert await scene.answers(scene.ask()) == [error.kind]
    assert [round(each[2]) for each in scene.gates()] == ([] if seconds is None else [seconds])


async def test_after_the_longest_time_one_call_asks_and_the_others_wait_for_it() -> None:
    """A provider that has named a day hears of us again after minutes, and of one call at a time."""
    scene = Scene(no(RateLimitError, 86_400), after(0.5, no(RateLimitError, 86_400)), second=None, max_wait=0)
    assert await scene.answers(scene.ask()) == ["rate_limit"]
    await asyncio.sleep(300)
    assert await scene.answers(*(scene.start(each) for each in "abc")) == ["rate_limit", *["throttled"] * 2]
    assert len(scene.one.calls) == 2
    assert [round(each[2]) for each in scene.gates()] == [300]


async def test_a_request_too_large_for_the_key_closes_no_gate() -> None:
    """One tenant's prompt is nothing to the others who share its key, even where a wait is named."""
    alone = no(ContextLengthError, 60)
    alone.fails_over = True
    scene = Scene(alone, "fine", retries=2)
    assert await scene.answers(scene.ask("greedy")) == ["other"]
    assert await scene.answers(scene.ask("acme")) == ["fine"]
    assert (len(scene.one.calls), scene.gates(), time()) == (2, [], 0)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -5.0, 1e300, True, "7", object()])
async def test_an_odd_wait_of_a_provider_of_yours_closes_no_gate(odd: Any) -> None:
    """It counts as unsaid, given at first or set later, for the throttle and for retries alike."""
    given, later = no(RateLimitError, odd), no(RateLimitError, 2)
    later.retry_after = odd
    for error in (given, later):
        assert error.retry_after is None
        scene = Scene(error, "fine", second=None, retries=1)
        began = time()
        assert await scene.answers(scene.ask()) == ["fine"]
        assert (time() - began, scene.gates()) == (pytest.approx(0.1), [])


@pytest.mark.parametrize("kind", [RateLimitError, OverloadedError])
async def test_who_is_told_when_to_come_back_closes_the_gate_for_everyone(kind: type[RanvierError]) -> None:
    """Nothing is sent until then; the circuit of a limited provider stays closed."""
    scene = Scene(no(kind, 2), "fine", second=None)
    assert await scene.answers(scene.ask()) == [kind.kind]
    assert scene.gates() == [("one", kind.kind, 2.0, 0)]
    if kind is RateLimitError:
        assert scene.pipeline.circuits.state("acme", "one") == "closed"
    assert await scene.answers(scene.ask("globex")) == ["fine"]
    assert time() == 2
    assert scene.gates() == []


@pytest.mark.parametrize(
    "error",
    [
        no(RateLimitError),
        no(RateLimitError, 0),
        no(OverloadedError),
        no(ServerError, 5),
        no(PermissionDeniedError, 5),
        no(InvalidRequestError),
    ],
)
async def test_nothing_else_closes_it(error: RanvierError) -> None:
    """Not a limit without a time, nor a failure, nor a request that is not allowed."""
    scene = Scene(error, "fine", second=None)
    scene.breaker.rules.failure_threshold = 5
    assert await scene.answers(scene.ask()) == [error.kind]
    assert await scene.answers(scene.ask()) == ["fine"]
    assert time() == 0


@pytest.mark.parametrize(
    ("error", "seconds", "words"),
    [
        (
            no(AuthenticationError),
            60,
            "the key of tenant 'acme' at one was rejected 12 s ago: try again in 48 s",
        ),
        (no(AuthenticationError, 90), 90, "was rejected 12 s ago"),
        (no(QuotaExceededError), 300, "the key of tenant 'acme' at one was out of credit 12 s ago"),
        (no(QuotaExceededError, 3600), 3600, "was out of credit"),
        (no(QuotaExceededError, 7), 300, "was out of credit"),
    ],
)
async def test_a_refused_key_is_remembered_and_nobody_waits_for_it(
    error: RanvierError, seconds: float, words: str
) -> None:
    """Every call is turned away at once, until its time is over: then one may try."""
    scene = Scene(error, "fine", second=None)
    assert await scene.answers(scene.ask()) == [error.kind]
    await asyncio.sleep(12)
    with pytest.raises(ThrottledError, match=words) as raised:
        await scene.ask()
    assert (raised.value.reason, raised.value.retry_after) == (error.kind, seconds - 12)
    await asyncio.sleep(seconds - 12)
    assert await scene.answers(scene.ask()) == ["fine"]
    assert len(scene.one.calls) == 2


async def test_another_key_is_another_gate() -> None:
    """A tenant with a key of its own, or a new one, is not held up by what was said to others."""
    scene = Scene(no(AuthenticationError), "fine", second=None)
    assert await scene.answers(scene.ask()) == ["auth"]
    scene.keys["globex"] = "theirs"
    assert await scene.answers(scene.ask("initech"), scene.ask("globex")) == ["throttled", "fine"]
    scene.keys["acme"] = "changed"
    assert await scene.answers(scene.ask("acme")) == ["fine"]


async def test_a_limited_key_at_one_provider_says_nothing_of_another() -> None:
    """Not even where both are given the same key."""
    scene = Scene(no(AuthenticationError))
    assert await scene.answers(scene.ask(), scene.ask()) == ["other", "other"]
    assert scene.gates() == [("one", "auth", 60.0, 0)]
    assert len(scene.two.calls) == 2


# --- who waits, and who goes on ------------------------------------------------------------------


async def test_a_wait_that_is_too_long_goes_on_to_the_next_target_at_once() -> None:
    """Longer than `max_wait`, or past the deadline; the record says why."""
    scene = Scene(no(RateLimitError, 20), "fine", max_wait=5)
    await scene.ask()
    assert (await scene.ask()).attempts[0].reason == "throttled"
    scene = Scene(no(RateLimitError, 4), "fine", second=None, max_wait=5)
    await scene.answers(scene.ask())
    assert await scene.answers(scene.ask(deadline=4)) == ["throttled"]
    assert time() == 0
    assert await scene.answers(scene.ask(deadline=4.1)) == ["fine"]
    assert time() == 4


async def test_without_another_target_the_error_says_when_to_come_back() -> None:
    """It is a rejection: nothing was sent, nothing is retried, no circuit counts it."""
    scene = Scene(no(RateLimitError, 20), "fine", second=None, retries=3, max_wait=0)
    with pytest.raises(RateLimitError):
        await scene.ask(deadline=10)
    await asyncio.sleep(5)
    with pytest.raises(
        ThrottledError, match=r"one limited the rate of tenant 'acme' 5 s ago: try again in 15 s"
    ):
        await scene.ask()
    assert time() == 5
    assert scene.pipeline.circuits.state("acme", "one") == "closed"


async def test_the_call_that_was_limited_waits_itself_and_finds_the_gate_open() -> None:
    """Retry sleeps what was asked, and passes."""
    scene = Scene(no(RateLimitError, 2), "fine", second=None, retries=1)
    answer = await scene.ask()
    assert [attempt.outcome for attempt in answer.attempts] == ["rate_limit", "succeeded"]
    assert time() == pytest.approx(2)


async def test_a_gate_that_closes_during_the_retries_ends_them_with_what_the_provider_said() -> None:
    """As an open circuit does: the provider said more than we do."""
    scene = Scene(ServerError("down", provider="one"), second=None, retries=5, max_wait=1)
    scene.breaker.rules.failure_threshold = 9
    call = scene.start()
    await turns()
    scene.throttle._learn(scene.one.calls[0], {}, no(RateLimitError, 50))
    assert await scene.answers(call) == ["server_error"]
    assert len(scene.one.calls) == 1


async def test_a_call_that_has_waited_too_long_goes_on() -> None:
    """The probe is not back yet when the patience of the others ends; one is out of time altogether."""
    scene = Scene(
        lambda call: no(RateLimitError, 2) if time() < 2 else after(0.9, no(RateLimitError, 2)),
        second=None,
        max_wait=2.5,
    )
    await scene.answers(scene.ask())
    calls = [scene.start(), scene.start(), scene.start(deadline=2.2)]
    await turns()
    assert scene.gates() == [("one", "rate_limit", 2.0, 3)]
    await asyncio.wait(calls[1:])
    assert time() == 2.5
    assert isinstance(calls[1].exception(), ThrottledError)
    assert isinstance(calls[2].exception(), DeadlineExceededError)
    assert await scene.answers(calls[0]) == ["rate_limit"]


async def test_only_so_many_wait_at_one_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next ones go on to the next target."""
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    scene = Scene(no(RateLimitError, 2), "fine", second=None)
    await scene.answers(scene.ask())
    answers = await scene.answers(*(scene.ask() for _ in range(4)))
    assert answers == ["fine", "fine", "throttled", "throttled"]


# --- when it opens again -------------------------------------------------------------------------


async def test_a_provider_that_still_limits_hears_it_from_one_call() -> None:
    """The probe; all others wait on, and are let in round by round once one is answered."""
    scene = Scene(limited_until(3), second=None)
    await scene.answers(scene.ask())
    answers = await scene.answers(*(scene.ask() for _ in range(8)))
    assert answers == ["rate_limit"] + ["fine"] * 7
    sent = [attempt.record.attempts[-1].started for attempt in scene.one.calls[1:]]
    assert sent == [2.0, 4.0, 4.5, 4.5, 5.0, 5.0, 5.0, 5.0]


async def test_a_probe_that_is_limited_without_a_time_closes_the_gate_for_a_second() -> None:
    """Or else a provider that names no time would be asked by one waiting call after another, at once."""
    scene = Scene(no(RateLimitError, 2), no(RateLimitError), no(RateLimitError), "fine", second=None)
    await scene.answers(scene.ask())
    assert await scene.answers(*(scene.ask() for _ in range(4))) == ["rate_limit"] * 2 + ["fine"] * 2
    assert [call.record.attempts[-1].started for call in scene.one.calls] == [0, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("outcome", "passes_at"),
    [
        (after(0.5, InvalidRequestError("bad", provider="one")), [2.0, 2.5, 2.5]),  # it has passed the limits
        (after(0.5, ServerError("down", provider="one")), [2.0, 2.5, 3.0]),  # who knows: one after another
        (after(9, "fine"), [2.0, 3.0, 3.0]),  # it was not refused within a second
        (after(0.5, stream("fine", after(9, "."))), [2.0, 2.5, 2.5]),  # a stream has passed when it begins
    ],
)
async def test_what_the_probe_finds_out(outcome: Any, passes_at: list[float]) -> None:
    """Whatever becomes of it, the others are not forgotten."""
    scene = Scene(no(RateLimitError, 2), outcome, second=None)
    scene.breaker.rules.failure_threshold = 9
    await scene.answers(scene.ask())

    async def read() -> None:
        async with scene.pipeline.stream("Why?") as answer:
            await answer.collect()

    await asyncio.gather(*(read() for _ in range(3)), return_exceptions=True)
    assert [call.record.attempts[-1].started for call in scene.one.calls[1:]] == passes_at
    assert scene.gates() == []


async def test_an_open_circuit_lets_all_who_wait_know_at_once() -> None:
    """The probe fails and opens it: nobody waits for what would be refused anyway."""
    scene = Scene(no(RateLimitError, 2), ServerError("down", provider="one"), second=None)
    await scene.answers(scene.ask())
    answers = await scene.answers(*(scene.ask() for _ in range(50)))
    assert answers == ["server_error", *["circuit_open"] * 49]
    assert time() == 2
    assert len(scene.one.calls) == 2


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_cancelled_call_leaves_its_place_to_the_next(waiting: bool) -> None:
    """In the queue or as the probe."""
    scene = Scene(no(RateLimitError, 2), after(0.5, "fine"), second=None)
    await scene.answers(scene.ask())
    first, second = scene.start(), scene.start()
    await asyncio.sleep(1 if waiting else 2.25)
    first.cancel()
    assert (await second).text == "fine"
    assert time() == (2.5 if waiting else 2.75)
    assert scene.gates() == []


async def test_a_call_that_waited_for_a_connection_is_sent_back_to_the_gate() -> None:
    """It had passed every layer before the gate closed, and nothing of it was sent."""
    scene = Scene(lambda call: after(0.1, no(RateLimitError, 2) if time() < 1 else "fine"), second=None)
    scene.one.slots = asyncio.Semaphore(3)
    answers = await scene.answers(*(scene.ask() for _ in range(9)))
    assert answers == ["rate_limit"] * 3 + ["fine"] * 6
    assert [call.record.attempts[-1].started for call in scene.one.calls] == (
        [0.0] * 3 + [pytest.approx(moment) for moment in (2.1, 2.2, 2.2, 2.3, 2.3, 2.3)]
    )
    assert scene.one.slots._value == 3
    assert scene.breaker.circuits.state("acme", "one") == "closed"


# --- settings ------------------------------------------------------------------------------------


async def test_overrides_are_the_settings_for_single_targets() -> None:
    """For a model, or for all models of a provider."""
    scene = Scene(
        no(AuthenticationError),
        no(AuthenticationError),
        "fine",
        second=None,
        overrides={"one/scripted": Throttle(auth_cooldown=5)},
    )
    await scene.answers(scene.ask())
    assert scene.gates() == [("one", "auth", 5.0, 0)]


@pytest.mark.parametrize("settings", [{"auth_cooldown": 0}, {"auth_cooldown": 0.0, "quota_cooldown": 0.0}])
async def test_nought_seconds_is_not_to_remember(settings: dict[str, Any]) -> None:
    """Each call then finds out for itself."""
    scene = Scene(no(AuthenticationError), "fine", second=None, **settings)
    assert await scene.answers(scene.ask(), scene.ask()) == ["auth", "fine"]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_wait": -1},
        {"auth_cooldown": None},
        {"quota_cooldown": "long"},
        {"max_gates": 0},
        {"overrides": {"one": 3}},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        Throttle(**settings)


def test_it_is_part_of_the_recommended_stack() -> None:
    """Between the retries and the breaker."""
    layers = [type(layer) for layer in resilient("openai/gpt-5.2").layers]
    assert layers[2:5] == [Retry, Throttle, Breaker]


# --- looking -------------------------------------------------------------------------------------


async def test_operators_see_the_gates_and_open_them() -> None:
    """Who is held up, why, and for how long; never a key."""
    scene = Scene(no(RateLimitError, 8), "fine", second=None)
    scene.keys["acme"] = "sk-very-secret"
    await scene.answers(scene.ask())
    waiting = scene.start()
    await asyncio.sleep(1)
    (gate,) = scene.throttle.gates
    assert (gate.provider, gate.reason, gate.closed_for, gate.waiting) == ("one", "rate_limit", 7.0, 1)
    shown = str(scene.pipeline)
    assert "1 closed gate of at most 10000, 1 call waiting" in shown
    assert f"one/scripted key {gate.key}: rate_limit, closed for 7.0 s, 1 call waiting" in shown
    assert "sk-very-secret" not in shown + repr(gate) + repr(scene.throttle.gates) + repr(scene.events)
    scene.throttle.gates.open("one", "another")
    scene.throttle.gates.open("two")
    assert len(scene.throttle.gates) == 1
    scene.throttle.gates.open("one", gate.key)
    assert (await waiting).text == "fine"
    assert time() == 1


async def test_listeners_are_told_of_closed_gates_and_of_rejected_calls() -> None:
    """Once for each gate, not once for each 429."""
    scene = Scene(after(1, no(RateLimitError, 20)), second=None)
    await scene.answers(*(scene.ask() for _ in range(3)))
    await scene.answers(scene.ask())
    closed, rejected = scene.events
    assert isinstance(closed, Throttled)
    assert (closed.tenant, closed.provider, closed.kind, closed.seconds) == ("acme", "one", "rate_limit", 20)
    assert isinstance(rejected, CallRejected)
    assert (rejected.kind, rejected.retry_after) == ("throttled", 20)
    scene = Scene(no(QuotaExceededError), second=None)
    await scene.answers(scene.ask())
    (refused,) = scene.events
    assert isinstance(refused, CredentialRejected)
    assert (refused.kind, refused.seconds) == ("quota_exhausted", 300)


# --- room ----------------------------------------------------------------------------------------


async def test_the_number_of_gates_is_bounded() -> None:
    """The one that was closed the longest time ago goes; one before which a call waits never does."""
    scene = Scene(limited_until(1, no(RateLimitError, 3)), second=None, max_gates=2)
    scene.keys = {name: f"key of {name}" for name in "abcd"}
    await scene.answers(scene.ask("a"))
    waiting = scene.start("a")
    await turns()
    for tenant in "bcd":
        await scene.answers(scene.ask(tenant))
    assert [count for *_, count in scene.gates()] == [1, 0]
    others = [scene.start("d"), scene.start("b")]
    await turns()
    await scene.answers(scene.ask("c"))
    assert len(scene.throttle.gates.known) == 2
    assert await scene.answers(waiting, *others) == ["fine", "fine", "rate_limit"]


async def test_a_gate_that_nobody_comes_to_is_forgotten() -> None:
    """A minute after its time, when the next one is closed."""
    scene = Scene(no(RateLimitError, 3), second=None)
    scene.keys = {"a": "key of a", "b": "key of b"}
    await scene.answers(scene.ask("a"))
    await asyncio.sleep(3 + IDLE_SECONDS)
    assert scene.gates() == []
    assert len(scene.throttle.gates.known) == 1
    await scene.answers(scene.ask("b"))
    assert len(scene.throttle.gates.known) == 1


async def test_a_throttled_call_within_a_call_is_not_mistaken_for_our_own() -> None:
    """A provider that is a pipeline itself may be throttled: that is an answer like any other."""
    inner = Scene(no(AuthenticationError), second=None)
    await inner.answers(inner.ask())

    class Nested(ScriptedProvider):
        async def complete(self, call: Any) -> Response:
            return await inner.ask()

    outer = Pipeline(Fallback(Nested("nested")), Throttle())
    with pytest.raises(ThrottledError):
        await outer.complete("Why?")


async def test_a_gate_that_closes_again_in_the_turn_in_which_a_call_is_let_pass_keeps_it() -> None:
    """Between being let pass and being sent lies one turn of the loop."""
    scene = Scene(no(RateLimitError, 2), "fine", second=None)
    await scene.answers(scene.ask())
    waiting = scene.start()
    await asyncio.sleep(1)
    scene.throttle.gates.open("one")
    scene.throttle._learn(scene.one.calls[0], {}, no(RateLimitError, 5))
    assert await scene.answers(waiting) == ["fine"]
    assert time() == 6


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_a_stream_that_was_sent_back_to_the_gate_leaves_no_garbage() -> None:
    """Dropped without being closed, it settles at once and not when the collector comes by."""
    scene = Scene(after(1.0, "slow"), no(RateLimitError, 1), stream("a", stall()), second=None)
    scene.one.slots = asyncio.Semaphore(1)
    first = scene.start()
    await turns()
    second = scene.start()
    opening = asyncio.ensure_future(scene.pipeline.stream("Why?", tenant="acme"))
    await first
    with pytest.raises(RateLimitError):
        await second
    answer = await opening
    assert scene.one.slots.locked()
    gc.disable()
    try:
        del answer, opening
        await turns()
        assert not scene.one.slots.locked()
    finally:
        gc.enable()
