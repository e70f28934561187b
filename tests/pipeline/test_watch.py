"""One timer for all the waits of an attempt, and who wins when several things end a wait at once."""

import asyncio
import gc
import time
from contextlib import suppress
from typing import Any

import anyio
import pytest

from ranvier import (
    SHARED,
    AttemptTimeoutError,
    ConnectionFailedError,
    DeadlineExceededError,
    LocalCapacityError,
    Pipeline,
    RanvierError,
    StreamEvent,
    StreamInterruptedError,
)
from ranvier.layers import Breaker, Deadline, Fallback, Timeout
from ranvier.pipeline.limit import earlier
from ranvier.pipeline.watch import Watch
from ranvier.testing import ScriptedProvider, after, stall, stream
from support.scenes import live_timers

LIMITS = ["deadline", "attempt", "first_token", "idle", "slot", "resolver"]


class Tied:
    """A pipeline with one limit, which its call meets exactly two seconds after its start."""

    def __init__(self, limit: str, unit: float = 1.0) -> None:
        self.provider = ScriptedProvider("only", [stream("one", stall()) if limit == "idle" else stall()])
        long, short = 9 * unit, 2 * unit
        self.limits: dict[str, Any] = {"seconds": long, "connect": long}
        if limit in ("first_token", "idle"):
            self.limits[limit] = short
        if limit == "attempt":
            self.limits["seconds"] = short
        if limit == "slot":
            self.limits["connect"] = short
            self.provider.slots = asyncio.Semaphore(0)
        self.breaker = Breaker(failure_threshold=1)
        self.pipeline = Pipeline(
            Deadline(short if limit in ("deadline", "resolver") else long),
            Fallback(self.provider),
            self.breaker,
            Timeout(**self.limits),
            credentials=self._never if limit == "resolver" else None,
        )

    async def _never(self, tenant: str, provider: str) -> Any:
        await asyncio.get_running_loop().create_future()
        return SHARED

    def assert_nothing_counted(self) -> None:
        for _, circuit in self.breaker.circuits:
            assert circuit.state == "closed"
            assert (circuit.in_flight, circuit.failures) == (0, 0)
        assert self.provider.in_progress == 0


# --- a cancellation and a limit ------------------------------------------------------------------


@pytest.mark.virtual_time
@pytest.mark.parametrize("first", ["the limit", "the cancellation"])
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_cancellation_wins_over_a_limit_met_in_the_same_turn(limit: str, first: str) -> None:
    """Whichever of the two comes first within a turn, the task ends cancelled and nothing is counted."""
    tied = Tied(limit)
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(tied.pipeline.complete("Why?"))
    due = loop.time() + 2.0
    if first == "the limit":
        await asyncio.sleep(1.0)  # its timer is set before ours
    cancel = loop.call_at(due, task.cancel)
    await asyncio.wait([task])
    assert loop.time() == cancel.when()
    assert task.cancelled()
    assert task.cancelling() == 1
    tied.assert_nothing_counted()
    assert live_timers() == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("first", ["the limit", "the cancellation"])
@pytest.mark.parametrize("limits", [{"deadline": 2}, {"seconds": 2}, {"idle": 2}], ids=str)
async def test_a_cancelled_reader_wins_over_a_limit_met_in_the_same_turn(
    limits: dict[str, Any], first: str
) -> None:
    """A stream that was handed out obeys the same rule."""
    provider = ScriptedProvider("only", [stream("one", stall())])
    breaker = Breaker(failure_threshold=1)
    timeout = Timeout(seconds=limits.get("seconds"), idle=limits.get("idle"))
    pipeline = Pipeline(Deadline(limits.get("deadline")), Fallback(provider), breaker, timeout)
    answer = await pipeline.stream("Why?")
    await anext(answer)
    task = asyncio.create_task(anext(answer))
    if first == "the limit":
        await asyncio.sleep(1)
    asyncio.get_running_loop().call_at(2.0, task.cancel)
    await asyncio.wait([task])
    assert (task.cancelled(), task.cancelling()) == (True, 1)
    assert breaker.circuits.state("default", "only") == "closed"
    assert answer.ended
    assert live_timers() == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_limit_leaves_the_cancellations_of_its_task_balanced(limit: str) -> None:
    """A limit that is met cancels inside our code only: the task goes on as if nothing had happened."""
    task = asyncio.current_task()
    assert task is not None
    began = asyncio.get_running_loop().time()
    with pytest.raises(RanvierError):
        await Tied(limit).pipeline.complete("Why?")
    assert asyncio.get_running_loop().time() - began == 2.0
    assert task.cancelling() == 0
    await asyncio.sleep(1)  # a cancellation that was left over would come out here
    assert live_timers() == []


@pytest.mark.virtual_time
async def test_a_call_made_while_its_task_unwinds_from_a_cancellation_is_bounded_too() -> None:
    """A task that counts an earlier cancellation meets its limits like any other."""
    tied = Tied("attempt")

    async def clean_up() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            with pytest.raises(AttemptTimeoutError):
                await tied.pipeline.complete("Say goodbye.")

    task = asyncio.create_task(clean_up())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert task.cancelling() == 1


@pytest.mark.parametrize("limit", ["attempt", "first_token", "deadline"])
async def test_on_real_loops_a_cancellation_around_a_limit_is_never_swallowed(limit: str) -> None:
    """It wins, or it comes too late; asyncio and uvloop, timers of two milliseconds."""
    tied = Tied(limit, unit=0.001)
    loop = asyncio.get_running_loop()
    for shift in range(-4, 5):
        task = asyncio.create_task(tied.pipeline.complete("Why?", to="only", tenant=f"tenant {shift}"))
        accepted: list[bool] = []
        timer = loop.call_later(0.002 + shift * 0.0002, lambda t=task, a=accepted: a.append(t.cancel()))  # type: ignore[misc]
        await asyncio.wait([task])
        timer.cancel()
        assert task.cancelled() == any(accepted)
        assert task.cancelling() == sum(accepted)
        if not task.cancelled():
            assert isinstance(task.exception(), TimeoutError)


@pytest.mark.parametrize("limits", [{"idle": 0.0004}, {"seconds": 0.0004}])
async def test_a_limit_of_less_than_a_loop_can_tell_is_a_limit_like_any_other(
    limits: dict[str, Any],
) -> None:
    """What uvloop makes of half a millisecond or less is no timer, and does not know its time."""
    pipeline = Pipeline(
        Fallback(ScriptedProvider("only", [stream("one", "two", "three")])), Timeout(**limits)
    )
    for _ in range(20):
        try:
            assert (await pipeline.complete("Why?")).text == "onetwothree"
        except AttemptTimeoutError:
            continue


@pytest.mark.parametrize("seconds", [0.0, 0.0004, 0.002])
async def test_a_deadline_that_passes_while_the_loop_stands_still(seconds: float) -> None:
    """A reader that blocks the loop until its deadline is over is told so, whatever has come meanwhile."""
    pipeline = Pipeline(Fallback(ScriptedProvider("only", [stream("one", "two", stall())])))

    async def read() -> None:
        answer = await pipeline.stream("Why?", deadline=0.002)
        time.sleep(0.002 + seconds)  # noqa: ASYNC251  # because: it is what a bad reader does
        await answer.collect()

    with pytest.raises(DeadlineExceededError):
        await read()


# --- which limit ---------------------------------------------------------------------------------


@pytest.mark.virtual_time
@pytest.mark.parametrize("limits", [{"seconds": 2.0}, {"first_token": 2.0}, {"idle": 2.0}])
async def test_the_deadline_wins_a_tie(limits: dict[str, Any]) -> None:
    """A call that meets its deadline and another limit at once is out of time, and nothing is counted."""
    script = stream("one", stall()) if "idle" in limits else stall()
    breaker = Breaker(failure_threshold=1)
    pipeline = Pipeline(
        Deadline(2.0), Fallback(ScriptedProvider("only", [script])), breaker, Timeout(**limits, connect=None)
    )
    with pytest.raises(DeadlineExceededError):
        await pipeline.complete("Why?")
    assert breaker.circuits.state("default", "only") == "closed"


def test_of_two_limits_the_earlier_counts_and_the_first_wins_a_tie() -> None:
    """`None` is never."""
    assert earlier((None, "a"), 3.0, "b") == (3.0, "b")
    assert earlier((3.0, "a"), 3.0, "b") == (3.0, "a")
    assert earlier((3.0, "a"), 2.0, "b") == (2.0, "b")
    assert earlier((2.0, "a"), 3.0, "b") == (2.0, "a")


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("limit", "error", "phase"),
    [
        ("deadline", DeadlineExceededError, None),
        ("attempt", AttemptTimeoutError, "attempt"),
        ("first_token", AttemptTimeoutError, "first_token"),
        ("idle", AttemptTimeoutError, "idle"),
        ("slot", LocalCapacityError, None),
        ("resolver", DeadlineExceededError, None),
    ],
)
async def test_each_limit_has_its_own_error(limit: str, error: type[RanvierError], phase: str | None) -> None:
    """The error says which limit was met, and whom it was waited for."""
    with pytest.raises(error) as raised:
        await Tied(limit).pipeline.complete("Why?")
    assert getattr(raised.value, "phase", None) == phase
    assert "only" in str(raised.value)
    if phase is not None:
        assert (raised.value.provider, raised.value.model) == ("only", "scripted")  # type: ignore[attr-defined]
        assert "2 s" in str(raised.value)


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("limit", ["deadline", "attempt"])
async def test_no_time_at_all_is_over_at_once_and_nothing_is_sent(limit: str, streaming: bool) -> None:
    """0 is at once: the provider is not asked, no slot is taken, and no attempt is written down."""
    provider = ScriptedProvider("only", ["fine"])
    provider.slots = asyncio.Semaphore(1)
    pipeline = Pipeline(
        Deadline(0 if limit == "deadline" else 60),
        Fallback(provider),
        Timeout(seconds=0 if limit == "attempt" else 60),
    )
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError) as raised:
        await (pipeline.stream("Why?") if streaming else pipeline.complete("Why?"))
    assert asyncio.get_running_loop().time() == began
    assert provider.calls == []
    assert provider.slots._value == 1
    assert raised.value.attempts == ()  # type: ignore[attr-defined]


@pytest.mark.virtual_time
async def test_a_first_token_of_no_time_is_over_at_once() -> None:
    """`first_token=0` leaves only what a provider has at hand."""
    pipeline = Pipeline(Fallback(ScriptedProvider("only", [after(0.001, "late")])), Timeout(first_token=0))
    with pytest.raises(AttemptTimeoutError) as raised:
        await pipeline.complete("Why?")
    assert raised.value.phase == "first_token"


@pytest.mark.virtual_time
async def test_the_wait_for_a_slot_is_not_charged_to_the_provider() -> None:
    """An attempt's time starts when it has its connection slot; the record says how long it was queued."""
    provider = ScriptedProvider("only", [after(2, "fine")])
    provider.slots = asyncio.Semaphore(1)
    pipeline = Pipeline(Fallback(provider), Timeout(seconds=3, connect=3))
    first, second = await asyncio.gather(pipeline.complete("one"), pipeline.complete("two"))
    assert first.attempts[0].queued == 0
    assert second.attempts[0].queued == 2
    assert second.attempts[0].seconds == 2
    assert provider.slots._value == 1


@pytest.mark.virtual_time
async def test_a_call_whose_time_ends_with_its_wait_for_a_slot_gives_the_slot_back() -> None:
    """The slot comes and the deadline passes in one moment: the call is out of time, the slot is free."""
    provider = ScriptedProvider("only", [after(2, "fine")])
    provider.slots = asyncio.Semaphore(1)
    pipeline = Pipeline(Fallback(provider), Timeout(connect=None))
    first = asyncio.create_task(pipeline.complete("one"))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceededError):
        await pipeline.complete("two", deadline=2)
    await first
    assert provider.slots._value == 1
    assert provider.in_progress == 0
    assert (await pipeline.complete("three")).text == "fine"


@pytest.mark.virtual_time
async def test_a_limit_that_was_met_leaves_nothing_for_the_garbage_collector() -> None:
    """Those that waited for the same second knew each other."""
    pipeline = Pipeline(Fallback(ScriptedProvider("only", [stall(), stall()])), Timeout(0.5))

    async def ask() -> None:
        with suppress(AttemptTimeoutError):
            await pipeline.complete("Why?")

    def watches() -> set[int]:
        return {id(each) for each in gc.get_objects() if isinstance(each, Watch)}

    gc.collect()
    gc.disable()
    try:
        before = watches()  # of other tests
        await asyncio.gather(ask(), ask())
        await asyncio.sleep(0)
        assert watches() <= before
    finally:
        gc.enable()


@pytest.mark.virtual_time
async def test_without_a_connect_limit_a_slot_is_waited_for_ten_seconds() -> None:
    """A provider without a free connection is left in the end even where nothing bounds an attempt."""
    provider = ScriptedProvider("only", ["fine"])
    provider.slots = asyncio.Semaphore(0)
    began = asyncio.get_running_loop().time()
    with pytest.raises(LocalCapacityError) as raised:
        await Pipeline(Fallback(provider)).complete("Why?")
    assert asyncio.get_running_loop().time() - began == 10
    assert raised.value.attempts == ()


# --- timeouts of others --------------------------------------------------------------------------


@pytest.mark.virtual_time
@pytest.mark.parametrize("seconds", [1.0, 2.0])
async def test_asyncio_timeout_around_a_call_composes(seconds: float) -> None:
    """The caller's own timeout ends the call, also when a limit of ours is met at the same moment."""
    tied = Tied("attempt")
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError) as raised:
        async with asyncio.timeout(seconds):
            await tied.pipeline.complete("Why?")
    assert seconds == 2.0 or not isinstance(raised.value, RanvierError)
    assert task.cancelling() == 0
    await asyncio.sleep(1)
    assert live_timers() == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("seconds", [1.0, 2.0])
async def test_wait_for_around_a_call_composes(seconds: float) -> None:
    """`asyncio.wait_for` may give up on a call, and on the opening of a stream."""
    tied = Tied("first_token")
    for ask in (tied.pipeline.complete, tied.pipeline.stream):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask("Why?", tenant=ask.__name__), seconds)
    assert tied.provider.in_progress == 0
    assert live_timers() == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("seconds", [1.0, 2.0])
async def test_anyio_fail_after_around_a_stream_composes(seconds: float) -> None:
    """A cancel scope around a whole stream ends its opening, its reading and its closing."""
    provider = ScriptedProvider("only", [stream("one", stall())])
    pipeline = Pipeline(Fallback(provider), Timeout(idle=2.0))
    task = asyncio.current_task()
    assert task is not None

    async def read() -> None:
        with anyio.fail_after(seconds):
            async with pipeline.stream("Why?") as answer:
                await answer.collect()

    with pytest.raises((TimeoutError, StreamInterruptedError)):
        await read()
    assert task.cancelling() == 0
    assert provider.in_progress == 0
    await asyncio.sleep(1)
    assert live_timers() == []


class OwnTimeout(ScriptedProvider):
    """A provider with timeouts of its own, inside ours."""

    def __init__(self, scope: Any, seconds: float) -> None:
        super().__init__("only", [stall()])
        self.scope = scope
        self.seconds = seconds

    async def complete(self, call: Any) -> Any:
        try:
            async with self.scope(self.seconds):
                return await super().complete(call)
        except TimeoutError as error:
            raise RanvierError("its own timeout") from error


def anyio_scope(seconds: float) -> Any:
    class Scope:
        async def __aenter__(self) -> None:
            self.scope = anyio.fail_after(seconds)
            self.scope.__enter__()

        async def __aexit__(self, *error: Any) -> Any:
            return self.scope.__exit__(*error)

    return Scope()


@pytest.mark.virtual_time
@pytest.mark.parametrize("ours", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("scope", [asyncio.timeout, anyio_scope])
async def test_timeouts_inside_a_provider_compose(scope: Any, ours: float) -> None:
    """Whichever is earlier ends the attempt, with its own error, and the task's count is balanced."""
    pipeline = Pipeline(Fallback(OwnTimeout(scope, 2.0)), Timeout(seconds=ours))
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(RanvierError) as raised:
        await pipeline.complete("Why?")
    if ours != 2.0:
        assert isinstance(raised.value, AttemptTimeoutError) == (ours < 2.0)
    assert task.cancelling() == 0
    await asyncio.sleep(1)
    assert live_timers() == []


class Stubborn(ScriptedProvider):
    """A provider whose generator catches the cancellation of a read that took too long."""

    def __init__(self, then: str) -> None:
        super().__init__("only")
        self.then = then

    async def stream(self, call: Any) -> Any:
        yield StreamEvent(text="one")
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            if self.then == "fails":
                raise ConnectionFailedError("closed", provider="only") from None
            if self.then == "goes on":
                yield StreamEvent(text="two")


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("then", "outcome"),
    [("returns", AttemptTimeoutError), ("fails", AttemptTimeoutError), ("goes on", None)],
)
async def test_a_provider_that_catches_our_cancellation_does_not_keep_it(then: str, outcome: Any) -> None:
    """A cut reply is no success though its generator returns; the count of the task is balanced."""
    pipeline = Pipeline(Fallback(Stubborn(then)), Timeout(idle=2))
    task = asyncio.current_task()
    assert task is not None
    if outcome is None:
        assert (await pipeline.complete("Why?")).text == "onetwo"
    else:
        with pytest.raises(outcome) as raised:
            await pipeline.complete("Why?")
        assert isinstance(raised.value.__cause__, ConnectionFailedError) == (then == "fails")
    assert task.cancelling() == 0
    await asyncio.sleep(1)
    assert live_timers() == []


@pytest.mark.virtual_time
async def test_a_provider_that_catches_the_deadline_gains_nothing_by_it() -> None:
    """The event that it yields instead is held beyond the deadline, and the stream has ended."""
    pipeline = Pipeline(Deadline(2), Fallback(Stubborn("goes on")))
    answer = await pipeline.stream("Why?")
    assert [(await anext(answer)).text, (await anext(answer)).text] == ["one", "two"]
    await asyncio.sleep(1)
    assert answer.ended
    with pytest.raises(DeadlineExceededError):
        await anext(answer)
