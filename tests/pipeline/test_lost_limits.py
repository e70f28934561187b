"""A limit ends the wait for code that does what it likes with the cancellations of its task."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pydantic
import pytest

from ranvier import (
    AttemptTimeoutError,
    ConnectionFailedError,
    CredentialLookupError,
    DeadlineExceededError,
    Pipeline,
    StreamInterruptedError,
)
from ranvier.layers import Breaker, Deadline, Fallback, Timeout
from ranvier.providers import FunctionProvider, Stub
from support.scenes import live_timers

LIMIT = 2.0

Code = Callable[[], Awaitable[str]]


class OwnError(Exception):
    """Of the code that is waited for."""


async def forever() -> str:
    """Wait for nothing."""
    await asyncio.get_running_loop().create_future()
    return "never"


async def times_out_in_the_same_turn() -> str:
    """A timeout of its own comes due with ours, and is swallowed."""
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + LIMIT):
            await forever()
    except TimeoutError:
        pass
    return await forever()


async def fails_in_a_task_group() -> str:
    """A child fails while another one takes its time to clean up, beyond the limit."""

    async def cleans_up_slowly() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(1)

    async def fails() -> None:
        await asyncio.sleep(LIMIT - 0.5)
        raise OwnError

    async with asyncio.TaskGroup() as group:
        group.create_task(cleans_up_slowly())
        group.create_task(fails())
    return "never"


async def fails_when_it_is_cancelled() -> str:
    """A child of a task group fails in its clean-up, so that a group comes out and no CancelledError."""

    async def breaks() -> None:
        try:
            await forever()
        finally:
            raise OwnError

    async with asyncio.TaskGroup() as group:
        group.create_task(breaks())
    return "never"


async def translates_cancellations() -> str:
    """It makes an error of its own of whatever happens."""
    try:
        return await forever()
    except asyncio.CancelledError:
        raise OwnError from None


async def takes_our_cancellation_back() -> str:
    """It believes that every cancellation is its own."""
    try:
        return await forever()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        return await forever()


def swallows(times: int) -> Code:
    """Code that goes on after so many cancellations."""

    async def code() -> str:
        for _ in range(times):
            try:
                await forever()
            except asyncio.CancelledError:
                continue
        return await forever()

    code.__name__ = f"swallows_{times}"
    return code


KINDS: list[tuple[Code, float, type[BaseException] | None]] = [
    (forever, LIMIT, None),
    (times_out_in_the_same_turn, LIMIT, None),
    (fails_in_a_task_group, LIMIT + 0.5, ExceptionGroup),
    (fails_when_it_is_cancelled, LIMIT, ExceptionGroup),
    (translates_cancellations, LIMIT, OwnError),
    (takes_our_cancellation_back, LIMIT + 0.25, None),
    (swallows(1), LIMIT + 0.25, None),
    (swallows(2), LIMIT + 1.25, None),
    (swallows(4), LIMIT + 3.25, None),
]
"""What it does, when it has ended, and what the error for the limit is raised from."""


LEFT_BY_PYTHON = 1 if sys.version_info < (3, 13) else 0
"""Cancellations that a TaskGroup leaves behind whose child fails while it waits for its children."""


def waiting_for(code: Code, limit: str) -> tuple[Pipeline, type[Exception]]:
    """A pipeline in which a call waits for `code` until `limit`, and the error for that."""

    async def complete(call: Any) -> str:
        return await code()

    async def steps(call: Any) -> AsyncIterator[str]:
        if limit == "idle":
            yield "one"
        yield await code()

    async def resolver(tenant: str, provider: str) -> str:
        return await code()

    if limit == "resolver":
        function = FunctionProvider("mine", complete)
        return Pipeline(Deadline(LIMIT), Fallback(function), credentials=resolver), DeadlineExceededError
    if limit in ("first_token", "idle"):
        streaming = FunctionProvider("mine", stream=steps)
        limits: dict[str, Any] = {limit: LIMIT}
        return Pipeline(Fallback(streaming), Timeout(**limits)), AttemptTimeoutError
    layers = [Deadline(LIMIT if limit == "deadline" else None), Fallback(FunctionProvider("mine", complete))]
    timeout = Timeout(seconds=LIMIT if limit == "attempt" else None)
    return Pipeline(*layers, timeout), DeadlineExceededError if limit == "deadline" else AttemptTimeoutError


LIMITS = ["attempt", "deadline", "first_token", "idle", "resolver"]


@pytest.mark.virtual_time
@pytest.mark.parametrize("unwinding", [False, True], ids=["fresh", "unwinding"])
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(("code", "ends", "cause"), KINDS, ids=[each[0].__name__ for each in KINDS])
async def test_a_limit_ends_the_wait_whatever_foreign_code_does(
    code: Code, ends: float, cause: type[BaseException] | None, limit: str, unwinding: bool
) -> None:
    """Also in a task that unwinds from a cancellation; no cancellation of ours is left in it."""
    pipeline, expected = waiting_for(code, limit)
    loop = asyncio.get_running_loop()

    async def ask() -> None:
        task = asyncio.current_task()
        assert task is not None
        before, began = task.cancelling(), loop.time()
        with pytest.raises(expected) as raised:
            await pipeline.complete("Why?")
        assert loop.time() - began == pytest.approx(ends)
        assert isinstance(raised.value.__cause__, cause or type(None))
        assert task.cancelling() == before + (LEFT_BY_PYTHON if code is fails_in_a_task_group else 0)
        await asyncio.sleep(1)  # what was left over would come out here
        assert live_timers() == []

    async def unwind() -> None:
        try:
            await forever()
        finally:
            await ask()

    task = asyncio.create_task(unwind() if unwinding else ask())
    await asyncio.sleep(0)
    if unwinding:
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() if unwinding else task.exception() is None


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_cancellation_that_foreign_code_keeps_to_itself_is_taken_for_the_callers(limit: str) -> None:
    """A home-made timeout without `uncancel` cannot be told from the caller; the wait ends all the same."""

    async def code() -> str:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(LIMIT / 2, task.cancel)
        with suppress(asyncio.CancelledError):
            await forever()
        return await forever()

    pipeline, _ = waiting_for(code, limit)
    task = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.wait([task])
    assert asyncio.get_running_loop().time() == LIMIT
    assert task.cancelled()
    assert task.cancelling() == 1


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    ("code", "when"),
    [(times_out_in_the_same_turn, LIMIT), (swallows(1), LIMIT + 0.125), (swallows(2), LIMIT + 0.375)],
    ids=["times_out", "swallows_1", "swallows_2"],
)
async def test_the_caller_wins_over_a_limit_that_foreign_code_has_swallowed(
    code: Code, when: float, limit: str
) -> None:
    """A cancellation in the turn of the limit, or before it could end the wait, is the caller's."""
    pipeline, _ = waiting_for(code, limit)
    task = asyncio.create_task(pipeline.complete("Why?"))
    asyncio.get_running_loop().call_at(when, task.cancel)
    await asyncio.wait([task])
    assert asyncio.get_running_loop().time() == when
    assert task.cancelled()
    assert task.cancelling() == 1


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_result_that_comes_out_of_a_cancellation_stands(limit: str) -> None:
    """What was waited for has come, if late; nothing of our cancellation is left."""

    async def code() -> str:
        try:
            return await forever()
        except asyncio.CancelledError:
            return "late"

    pipeline, expected = waiting_for(code, limit)
    task = asyncio.current_task()
    assert task is not None
    if limit == "resolver":  # the key is there, but the time for the call is over
        with pytest.raises(expected):
            await pipeline.complete("Why?")
    else:
        assert (await pipeline.complete("Why?")).text == ("onelate" if limit == "idle" else "late")
    assert task.cancelling() == 0
    await asyncio.sleep(2)
    assert live_timers() == []


@pytest.mark.virtual_time
async def test_a_provider_that_swallows_every_cancellation_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By its name, and for all its calls together; the calls end when it lets them."""

    async def stubborn(call: Any) -> str:
        ends = asyncio.get_running_loop().time() + 10
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(left)
        raise OwnError

    pipeline = Pipeline(Fallback(FunctionProvider("mule", stubborn)), Timeout(seconds=LIMIT))
    calls = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(3)]
    await asyncio.wait(calls)
    assert asyncio.get_running_loop().time() == 10
    for call in calls:
        assert isinstance(call.exception(), AttemptTimeoutError)
    told = [record for record in caplog.records if record.name == "ranvier.foreign"]
    assert [record.levelno for record in told] == [logging.WARNING]
    assert "mule/mule swallows every cancellation" in told[0].getMessage()


async def test_on_real_loops_a_limit_in_the_turn_of_a_foreign_timeout_is_not_lost() -> None:
    """Asyncio and uvloop: the loop stands still until both are due."""

    async def complete(call: Any) -> str:
        try:
            async with asyncio.timeout(0.019):
                await asyncio.sleep(0.015)
                time.sleep(0.01)  # noqa: ASYNC251  # because: it is what a busy loop does
                await forever()
        except TimeoutError:
            pass
        return await forever()

    for layers in ([Timeout(seconds=0.02)], []):
        pipeline = Pipeline(
            Deadline(None if layers else 0.02), Fallback(FunctionProvider("mine", complete)), *layers
        )
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pipeline.complete("Why?"), 5)
        assert time.monotonic() - began < 0.5


# --- a CancelledError that nobody asked for -------------------------------------------------------


async def cancels_a_task_of_its_own() -> str:
    """Wait for a task that somebody else has cancelled."""
    task = asyncio.create_task(asyncio.sleep(1))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task
    return "never"


def by_function(stage: str) -> FunctionProvider:
    """A provider whose function raises a CancelledError in that way."""

    async def complete(call: Any) -> str:
        return await cancels_a_task_of_its_own()

    async def steps(call: Any) -> AsyncIterator[str]:
        yield await cancels_a_task_of_its_own()

    def plain(call: Any) -> Any:
        raise asyncio.CancelledError

    if stage == "complete":
        return FunctionProvider("mine", complete)
    if stage == "stream":
        return FunctionProvider("mine", stream=steps)
    if stage == "plain complete":
        return FunctionProvider("mine", plain)
    return FunctionProvider("mine", stream=plain)


@pytest.mark.virtual_time
@pytest.mark.parametrize("unwinding", [False, True], ids=["fresh", "unwinding"])
@pytest.mark.parametrize("stage", ["complete", "stream", "plain complete", "plain stream"])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_a_provider_that_raises_a_cancelled_error_has_failed(
    stage: str, streaming: bool, unwinding: bool
) -> None:
    """It is counted, the next target answers, and its slot is free; whatever the task counted before."""
    provider: Any = by_function(stage)
    provider.slots = asyncio.BoundedSemaphore(1)
    pipeline = Pipeline(Fallback(provider, Stub("here")), Breaker(failure_threshold=1), Timeout(idle=5))

    async def ask() -> None:
        answer = await ((await pipeline.stream("Why?")).collect() if streaming else pipeline.complete("Why?"))
        assert [each.outcome for each in answer.attempts] == ["network", "succeeded"]
        assert answer.text == "here"

    async def unwind() -> None:
        try:
            await forever()
        finally:
            await ask()

    task = asyncio.create_task(unwind() if unwinding else ask())
    await asyncio.sleep(0)
    if unwinding:
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() if unwinding else task.exception() is None
    assert not provider.slots.locked()
    circuits = {key[1]: seen for key, seen in pipeline.circuits}
    assert (circuits["mine"].state, circuits["mine"].in_flight) == ("open", 0)


class OwnProvider:
    """A provider of a user's own class, whose `stream` is a plain function that raises."""

    name = "own"
    default_model = "m"

    async def complete(self, call: Any) -> Any:
        raise asyncio.CancelledError

    def stream(self, call: Any) -> Any:
        raise asyncio.CancelledError


@pytest.mark.virtual_time
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_the_error_names_the_provider_and_keeps_the_cause(streaming: bool) -> None:
    """A failed connection, raised from the CancelledError."""
    pipeline = Pipeline(Fallback(OwnProvider()))
    with pytest.raises(ConnectionFailedError, match="own/m raised a CancelledError") as raised:
        await (pipeline.stream("Why?") if streaming else pipeline.complete("Why?"))
    assert isinstance(raised.value.__cause__, asyncio.CancelledError)


@pytest.mark.virtual_time
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_a_resolver_that_raises_a_cancelled_error_has_failed(plain: bool) -> None:
    """The target is skipped, with that cause; the next call asks it again."""
    asked = 0

    async def resolve(tenant: str, provider: str) -> str:
        nonlocal asked
        asked += 1
        return await cancels_a_task_of_its_own()

    def resolve_plainly(tenant: str, provider: str) -> str:
        nonlocal asked
        asked += 1
        raise asyncio.CancelledError

    pipeline = Pipeline(Fallback(Stub("here")), credentials=resolve_plainly if plain else resolve)
    for _ in range(2):
        with pytest.raises(CredentialLookupError, match="failed for tenant") as raised:
            await pipeline.complete("Why?")
        assert isinstance(raised.value.__cause__, asyncio.CancelledError)
    assert asked == 2
    assert pipeline.credentials.lookups.running == {}


@pytest.mark.virtual_time
async def test_a_resolvers_own_deadline_is_not_the_calls() -> None:
    """A resolver that asks a pipeline whose deadline passes has failed; the call is not out of time."""

    async def hang(call: Any) -> str:
        return await forever()

    vault = Pipeline(Deadline(1), Fallback(FunctionProvider("vault", hang)))

    async def resolve(tenant: str, provider: str) -> str:
        return (await vault.complete("Which key?")).text

    pipeline = Pipeline(Deadline(60), Fallback(Stub("here")), credentials=resolve)
    with pytest.raises(CredentialLookupError) as raised:
        await pipeline.complete("Why?")
    assert isinstance(raised.value.__cause__, DeadlineExceededError)


@pytest.mark.virtual_time
@pytest.mark.parametrize("leaves", ["deadline", "cancelled"])
async def test_what_a_resolver_shares_is_not_cancelled_for_everybody(leaves: str) -> None:
    """One task for all tenants: whoever leaves early leaves it alone."""
    shared = asyncio.ensure_future(asyncio.sleep(3, "key"))
    pipeline = Pipeline(Fallback(Stub("here")), credentials=lambda tenant, provider: shared)
    early = asyncio.create_task(
        pipeline.complete("Why?", tenant="a", deadline=1 if leaves == "deadline" else None)
    )
    others = [asyncio.create_task(pipeline.complete("Why?", tenant=each)) for each in "bca"]
    await asyncio.sleep(1)
    early.cancel()
    for other in others:
        assert (await other).text == "here"
    assert shared.result() == "key"


@pytest.mark.virtual_time
@pytest.mark.parametrize("where", ["validator", "validator of a stream", "key of a breaker"])
async def test_a_plain_function_of_the_users_that_raises_a_cancelled_error_has_failed(where: str) -> None:
    """It comes out as an error that says who raised it; nobody has cancelled the call."""

    class Answer(pydantic.BaseModel):
        number: int

        @pydantic.field_validator("number")
        @classmethod
        def check(cls, number: int) -> int:
            raise asyncio.CancelledError

    def key(call: Any) -> str:
        raise asyncio.CancelledError

    pipeline = Pipeline(
        Fallback(Stub('{"number": 1}')), Breaker(key=key if where == "key of a breaker" else None)
    )
    schema = None if where == "key of a breaker" else Answer

    async def ask() -> None:
        if where == "validator of a stream":
            await (await pipeline.stream("Why?", schema=schema)).collect()
        else:
            await pipeline.complete("Why?", schema=schema)

    with pytest.raises((RuntimeError, StreamInterruptedError)) as raised:
        await ask()
    cause = raised.value if isinstance(raised.value, RuntimeError) else raised.value.__cause__
    assert isinstance(cause, RuntimeError)
    assert isinstance(cause.__cause__, asyncio.CancelledError)
    assert [circuit.in_flight for _, circuit in pipeline.circuits] in ([], [0])


# --- what ends the program ------------------------------------------------------------------------


class StopProgram(BaseException):
    """As KeyboardInterrupt, which pytest would take for its own."""


@pytest.mark.virtual_time
@pytest.mark.parametrize("event", ["attempt_started", "attempt_ended", "circuit"])
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_whatever_a_listener_raises_slots_and_permits_are_given_back(
    event: str, streaming: bool
) -> None:
    """What ends the program travels on, out of whatever moment; a CancelledError is only logged."""
    raising: list[BaseException] = []

    def listener(told: Any) -> None:
        if told.name == event and raising:
            raise raising[0]

    async def fails(call: Any) -> str:
        raise ConnectionResetError

    provider: Any = FunctionProvider("mine", fails)
    provider.slots = asyncio.BoundedSemaphore(1)
    pipeline = Pipeline(Fallback(provider), Breaker(failure_threshold=1, cooldown=0))
    pipeline.events.add(listener, verbose=True)

    async def ask() -> None:
        await (pipeline.stream("Why?") if streaming else pipeline.complete("Why?"))

    for error, expected in ((StopProgram(), StopProgram), (asyncio.CancelledError(), ConnectionFailedError)):
        raising[:] = [error]
        for _ in range(3):
            with pytest.raises(expected):
                await ask()
            assert not provider.slots.locked()
            assert [seen.in_flight for _, seen in pipeline.circuits] == [0]
            assert pipeline.lifecycle.in_flight == (0, 0)
        raising.clear()
    with pytest.raises(ConnectionFailedError):  # a probe has a place
        await ask()
