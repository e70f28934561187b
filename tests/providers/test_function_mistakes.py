"""Functions that are not what they should be: an error that says so, and the next target answers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    AttemptTimeoutError,
    ConnectionFailedError,
    DeadlineExceededError,
    InvalidResponseError,
    OverloadedError,
    Pipeline,
    RanvierError,
    Response,
    ServerError,
    StreamEvent,
    StreamInterruptedError,
    deadline,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.providers import FunctionProvider, Stub

pytestmark = pytest.mark.virtual_time


def raising(error: BaseException) -> Any:
    """A function that raises."""

    async def fail(call: Any) -> str:
        raise error

    return fail


def returning(value: Any) -> Any:
    """A function that returns something."""

    async def answer(call: Any) -> Any:
        return value

    return answer


def yielding(*values: Any) -> Any:
    """A stream of these."""

    async def steps(call: Any) -> AsyncIterator[Any]:
        for value in values:
            yield value

    return steps


async def coroutine(call: Any) -> str:
    """No stream, but what looks like one."""
    return "text"


async def ask(streaming: bool, **functions: Any) -> tuple[RanvierError, Any]:
    """What the one target fails with, and the circuit of it; a second target would have answered."""
    provider = FunctionProvider("mine", **functions)
    spared = Pipeline(Fallback(provider, Stub("here")), listeners=())
    assert (await spared.complete("Why?")).text == "here"
    pipeline = Pipeline(Fallback(provider), Retry(max_retries=1, base_delay=0), Breaker(), listeners=())
    with pytest.raises(RanvierError) as raised:
        await (pipeline.stream("Why?") if streaming else pipeline.complete("Why?"))
    ((_, circuit),) = pipeline.circuits
    assert circuit.in_flight == 0
    return raised.value, circuit


MISTAKES = [
    ({"complete": lambda call: "text"}, r"complete returned a str synchronously: make it `async def`"),
    ({"complete": lambda call: None}, r"complete returned a NoneType synchronously"),
    ({"complete": yielding("text")}, r"complete returned a async_generator synchronously"),
    ({"complete": returning(None)}, r"complete returned a NoneType: return a Response or a str"),
    ({"complete": returning(b"x")}, r"complete returned a bytes"),
    ({"complete": returning(Response(text=None))}, r"the text of its Response is a NoneType: give a str"),  # type: ignore[arg-type]
    ({"complete": returning(coroutine(None))}, r"complete returned a coroutine"),
    (
        {"stream": lambda call: (each for each in "text")},
        r"stream returned a generator: make it an async generator",
    ),
    ({"stream": coroutine}, r"returned a coroutine: make it an async generator"),
    ({"stream": lambda call: None}, r"returned a NoneType: make it an async generator"),
    ({"stream": yielding(None)}, r"yielded a NoneType: yield StreamEvents or strs"),
    ({"stream": yielding(3)}, r"yielded a int"),
    ({"stream": yielding(StreamEvent(text=None))}, r"whose text, reasoning or arguments are no str"),  # type: ignore[arg-type]
    ({"stream": yielding(StreamEvent(tool_call=7))}, r"whose text, reasoning or arguments are no str"),  # type: ignore[arg-type]
    ({"stream": yielding({"text": "x"})}, r"yielded a dict"),
    ({"complete": raising(StopIteration())}, r"raised StopIteration"),
    ({"complete": raising(StopAsyncIteration())}, r"raised StopAsyncIteration"),
]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("functions", "words"), MISTAKES, ids=[each[1] for each in MISTAKES])
async def test_a_function_that_breaks_its_contract_is_told_so(
    functions: dict[str, Any], words: str, streaming: bool
) -> None:
    """By an InvalidResponseError that says what to do, and falls over like any other."""
    if "coroutine" in words and "complete" in functions:
        functions = {"complete": lambda call: returning(coroutine(call))(call)}  # a new one for each attempt
    error, circuit = await ask(streaming, **functions)
    assert isinstance(error, InvalidResponseError)
    assert error.args[0].startswith("mine: ")
    assert (error.provider, error.model) == ("mine", "mine")
    assert circuit.failures == 2
    with pytest.raises(InvalidResponseError, match=words):
        raise error


async def test_a_nonsense_in_the_middle_of_a_stream_interrupts_it() -> None:
    """What had come is kept; the reason is that of an invalid response."""
    pipeline = Pipeline(Fallback(FunctionProvider("mine", stream=yielding("one", None, "two"))))
    with pytest.raises(StreamInterruptedError) as raised:
        await (await pipeline.stream("Why?")).collect()
    assert (raised.value.reason, raised.value.received.text) == ("invalid_response", "one")


GROUPS = [
    (ExceptionGroup("g", [ConnectionError("reset")]), ConnectionFailedError, "reset"),
    (
        ExceptionGroup("g", [ExceptionGroup("h", [OSError("deep")]), TimeoutError()]),
        ConnectionFailedError,
        "deep",
    ),
    (ExceptionGroup("g", [OverloadedError("busy", provider="x"), OSError()]), OverloadedError, "busy"),
    (ExceptionGroup("g", [KeyError("known")]), ServerError, "classified"),
]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("group", "kind", "words"), GROUPS, ids=[each[2] for each in GROUPS])
async def test_a_group_of_known_errors_is_the_first_of_them(
    group: Exception, kind: type[RanvierError], words: str, streaming: bool
) -> None:
    """As they come out of a task group; raised from the group."""

    def classify(error: Exception) -> RanvierError | None:
        return ServerError("classified", provider="mine") if isinstance(error, KeyError) else None

    error, circuit = await ask(streaming, complete=raising(group), classify=classify)
    assert isinstance(error, kind)
    assert words in str(error)
    assert error.__cause__ is group
    assert circuit.failures == 2


async def test_a_group_with_an_unknown_error_passes_unchanged() -> None:
    """It may be a bug, which nothing must hide."""
    group = ExceptionGroup("g", [ConnectionError("reset"), ValueError("bug")])
    pipeline = Pipeline(Fallback(FunctionProvider("mine", raising(group)), Stub("here")))
    with pytest.raises(ExceptionGroup) as raised:
        await pipeline.complete("Why?")
    assert raised.value is group


@pytest.mark.parametrize(
    "answer",
    ["a text", ServerError, 7, coroutine, asyncio.CancelledError(), KeyError("own")],
    ids=["a text", "a class", "a number", "a coroutine", "CancelledError", "KeyError"],
)
async def test_a_classify_that_misbehaves_is_logged_once_and_overruled(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is treated as if nobody knew it: an OSError is a failed connection."""

    def classify(error: Exception) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return coroutine(None) if answer is coroutine else answer

    error, _ = await ask(False, complete=raising(OSError("reset")), classify=classify)
    assert isinstance(error, ConnectionFailedError)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "classify of FunctionProvider('mine')" in told[0]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_what_ends_the_program_travels_on(error: type[BaseException], plain: bool) -> None:
    """Nothing is made of it; the slot is free, and no call is in flight."""

    def plainly(call: Any) -> Any:
        raise error

    provider: Any = FunctionProvider("mine", plainly if plain else raising(error()))
    provider.slots = asyncio.Semaphore(1)
    pipeline = Pipeline(Fallback(provider, Stub("here")), Breaker())
    with pytest.raises(error):
        # Driven by hand: a task that ends so would end the loop of the test as well.
        pipeline.complete("Why?").send(None)
    assert not provider.slots.locked()
    assert pipeline.lifecycle.in_flight == (0, 0)
    assert [circuit.in_flight for _, circuit in pipeline.circuits] == [0]


# --- clean-up ------------------------------------------------------------------------------------


def leaving_badly(how: str) -> Any:
    """A stream whose generator does something wrong when it is closed."""

    async def steps(call: Any) -> AsyncIterator[str]:
        try:
            yield "one"
            yield "two"
            if how == "fails first":
                raise ConnectionResetError("reset")
        finally:
            if how == "ignores":
                yield "three"
            if how == "hangs":
                await asyncio.get_running_loop().create_future()
            if how == "cancels":
                raise asyncio.CancelledError
            raise ValueError("clean-up")

    return steps


class Iterator:
    """An iterator, and no generator, whose `aclose` does what a clean-up must not."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.events = iter(("one", "two", ConnectionResetError("reset")))

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> str:
        event = next(self.events)
        if isinstance(event, Exception):
            raise event
        return event

    async def aclose(self) -> None:
        if self.how == "hangs":
            await asyncio.get_running_loop().create_future()
        if self.how == "cancels":
            raise asyncio.CancelledError
        raise ValueError("clean-up")


class OwnProvider:
    """A provider of a user's own class, whose stream is such an iterator."""

    name = default_model = "mine"

    def __init__(self, how: str) -> None:
        self.how = how

    async def complete(self, call: Any) -> Any:
        raise AssertionError

    def stream(self, call: Any) -> Any:
        return Events(self.how)


class Events(Iterator):
    """The same, of events and our own errors."""

    async def __anext__(self) -> Any:
        try:
            return StreamEvent(text=await super().__anext__())
        except ConnectionResetError as error:
            raise ConnectionFailedError("reset", provider="mine") from error


@pytest.mark.parametrize("how", ["raises", "ignores", "cancels", "hangs"])
@pytest.mark.parametrize("made", ["generator", "iterator", "provider"])
@pytest.mark.parametrize("own", [None, LookupError])
async def test_a_clean_up_that_fails_replaces_nothing_for_a_reader_who_leaves(
    how: str, made: str, own: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a mere break nor the reader's own error; it is logged, with the provider's name."""
    stream = leaving_badly(how) if made == "generator" else lambda call: Iterator(how)
    provider: Any = OwnProvider(how) if made == "provider" else FunctionProvider("mine", stream=stream)
    provider.slots = asyncio.BoundedSemaphore(1)
    pipeline = Pipeline(Fallback(provider), Breaker())

    async def read() -> None:
        async with pipeline.stream("Why?") as answer:
            async for _ in answer:
                if own is not None:
                    raise own
                break

    if own is None:
        await read()
    else:
        with pytest.raises(own):
            await read()
    assert asyncio.get_running_loop().time() == (5 if how == "hangs" else 0)
    assert not provider.slots.locked()
    ((_, circuit),) = pipeline.circuits
    assert (circuit.in_flight, circuit.failures) == (0, 0)
    assert [record for record in caplog.records if "mine" in record.getMessage()]


@pytest.mark.parametrize("how", ["raises", "cancels"])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("made", ["iterator", "provider"])
async def test_a_clean_up_that_fails_after_a_failure_replaces_nothing(
    how: str, whole: bool, made: str
) -> None:
    """The stream broke for what broke it first; its circuit counts that."""
    function = FunctionProvider("mine", stream=lambda call: Iterator(how))
    provider: Any = OwnProvider(how) if made == "provider" else function
    pipeline = Pipeline(Fallback(provider), Breaker(), Timeout(idle=9))
    with pytest.raises(ConnectionFailedError if whole else StreamInterruptedError) as raised:
        await (pipeline.complete("Why?") if whole else (await pipeline.stream("Why?")).collect())
    assert isinstance(raised.value.__cause__, ConnectionResetError if whole else ConnectionFailedError)
    ((_, circuit),) = pipeline.circuits
    assert circuit.failures == 1


async def test_a_caller_who_cancels_a_clean_up_is_cancelled() -> None:
    """It is theirs to say how long to wait."""
    pipeline = Pipeline(Fallback(FunctionProvider("mine", stream=lambda call: Iterator("hangs"))))
    answer = await pipeline.stream("Why?")
    closing = asyncio.create_task(answer.aclose())
    await asyncio.sleep(1)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()


# --- a pipeline behind a function ----------------------------------------------------------------


async def hangs(call: Any) -> str:
    """Nothing comes."""
    await asyncio.get_running_loop().create_future()
    return "never"


def down(name: str, error: type[Any] = ServerError) -> FunctionProvider:
    """A provider that fails."""

    async def fail(call: Any) -> str:
        raise error("down", provider=name)

    return FunctionProvider(name, fail)


async def breaks(call: Any) -> AsyncIterator[str]:
    """A stream that breaks after its first word."""
    yield "one "
    raise ServerError("cut", provider="a")


INNER: dict[str, Any] = {
    "two targets down": (lambda: Pipeline(Fallback(down("a"), down("b"))), "server_error"),
    "its deadline passes": (lambda: Pipeline(Deadline(1), Fallback(FunctionProvider("a", hangs))), "timeout"),
    "its stream breaks": (lambda: Pipeline(Fallback(FunctionProvider("a", stream=breaks))), "server_error"),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", INNER)
async def test_a_pipeline_behind_a_function_is_a_target_like_any_other(name: str, streamed: bool) -> None:
    """Where all of it has failed, that is counted against this target, and the next one answers."""
    make, kind = INNER[name]
    inner: Pipeline = make()

    async def complete(call: Any) -> Any:
        return await inner.complete(call.request)

    async def steps(call: Any) -> AsyncIterator[Any]:
        async with inner.stream(call.request) as answer:
            async for event in answer:
                yield event

    functions: dict[str, Any] = {"stream": steps} if streamed else {"complete": complete}
    outer = Pipeline(
        Deadline(60), Fallback(FunctionProvider("eu", **functions), Stub("here")), Breaker(), Timeout(idle=9)
    )
    answer = await outer.complete("Why?")
    assert answer.text == "here"
    assert [each.outcome for each in answer.attempts] == [kind, "succeeded"]
    assert {key[1]: seen.failures for key, seen in outer.circuits} == {"eu": 1, "stub": 0}


async def test_a_group_of_rejections_is_not_counted() -> None:
    """The inner pipeline has asked nobody: there is nothing to count, and the next target answers."""
    inner = Pipeline(Fallback(down("a"), down("b")), Breaker(failure_threshold=1, cooldown=600))
    with pytest.raises(AllDeploymentsFailedError):
        await inner.complete("Why?")

    async def complete(call: Any) -> Any:
        return await inner.complete(call.request)

    outer = Pipeline(Fallback(FunctionProvider("eu", complete), Stub("here")), Breaker())
    assert (await outer.complete("Why?")).text == "here"
    assert {key[1]: seen.failures for key, seen in outer.circuits} == {"eu": 0, "stub": 0}


async def test_the_deadline_of_the_call_itself_stays_a_deadline() -> None:
    """Inner and outer call share it: whoever notices it first, the call is out of time."""
    inner = Pipeline(Fallback(FunctionProvider("a", hangs)))

    async def complete(call: Any) -> Any:
        return await inner.complete(call.request, deadline=1)

    outer = Pipeline(Deadline(1), Fallback(FunctionProvider("eu", complete), Stub("here")))
    with pytest.raises(DeadlineExceededError):
        await outer.complete("Why?")
    with deadline(1), pytest.raises(DeadlineExceededError):
        await Pipeline(Fallback(FunctionProvider("eu", complete), Stub("here"))).complete("Why?")


async def test_the_error_tells_of_the_inner_one() -> None:
    """Which targets failed, and the group itself is the cause."""
    inner = Pipeline(Fallback(down("a"), down("b", OverloadedError)))

    async def complete(call: Any) -> Any:
        return await inner.complete(call.request)

    with pytest.raises(ServerError, match="eu/eu: none of 2 targets answered: a/a") as raised:
        await Pipeline(Fallback(FunctionProvider("eu", complete))).complete("Why?")
    assert isinstance(raised.value.__cause__, AllDeploymentsFailedError)
    assert raised.value.retryable


# --- one error for many calls --------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_an_error_that_is_raised_again_keeps_nothing_of_the_last_time(streamed: bool) -> None:
    """Each call has its own: its attempts, its record, and whether a retry is pointless."""
    kept = ServerError("down", provider="mine")

    async def steps(call: Any) -> AsyncIterator[str]:
        raise kept
        yield "never"

    functions: dict[str, Any] = {"stream": steps} if streamed else {"complete": raising(kept)}
    pipeline = Pipeline(
        Fallback(FunctionProvider("mine", **functions)),
        Retry(max_retries=2, base_delay=0),
        Breaker(failure_threshold=3, cooldown=1),
        Timeout(idle=5),
    )
    errors = []
    for _ in range(3):
        with pytest.raises(ServerError) as raised:
            await pipeline.complete("Why?")
        errors.append(raised.value)
        await asyncio.sleep(2)  # the circuit has opened; then one probe each
    assert errors[0] is kept
    assert len({id(error) for error in errors}) == len({id(error.record) for error in errors}) == 3
    assert [len(error.attempts) for error in errors] == [3, 1, 1]
    assert all(error.record is not None and error.attempts == error.record.attempts for error in errors)


async def test_an_error_that_two_targets_share_spoils_no_retry() -> None:
    """What the circuit of the first had to say of it is not said of the second."""
    kept = ServerError("down", provider="shared")
    pipeline = Pipeline(
        Fallback(FunctionProvider("one", raising(kept)), FunctionProvider("two", raising(kept))),
        Retry(max_retries=2, base_delay=0),
        Breaker(failure_threshold=5, overrides={"one": Breaker(failure_threshold=1)}),
    )
    with pytest.raises(AllDeploymentsFailedError) as raised:
        await pipeline.complete("Why?")
    assert [each.target for each in raised.value.attempts] == ["one/one", *["two/two"] * 3]


async def test_an_error_raised_again_and_again_does_not_grow() -> None:
    """Its traceback would hold every call that it was ever raised in."""
    kept = ServerError("down", provider="mine")
    pipeline = Pipeline(Fallback(FunctionProvider("mine", raising(kept))))
    lengths = []
    for _ in range(5):
        with pytest.raises(ServerError) as raised:
            await pipeline.complete("Why?")
        length, trace = 0, kept.__traceback__
        while trace is not None:
            length, trace = length + 1, trace.tb_next
        lengths.append(length)
        assert raised.value.__context__ is None or raised.value.__suppress_context__
    assert lengths[-1] <= lengths[1]


async def test_a_slow_inner_call_is_a_timeout_of_this_target() -> None:
    """With the phase of an attempt, and no retry."""
    inner = Pipeline(Deadline(1), Fallback(FunctionProvider("a", hangs)))

    async def complete(call: Any) -> Any:
        return await inner.complete(call.request)

    with pytest.raises(AttemptTimeoutError) as raised:
        await Pipeline(Fallback(FunctionProvider("eu", complete)), Retry(base_delay=0)).complete("Why?")
    assert (raised.value.phase, len(raised.value.attempts)) == ("attempt", 1)
