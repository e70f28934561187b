"""A stream that breaks is answered again from the beginning, and never mixes two answers."""

import asyncio
import dataclasses
import gc
import weakref
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    FinishReason,
    NotAllowedError,
    Pipeline,
    Response,
    ServerError,
    StreamEvent,
    StreamInterruptedError,
    Usage,
)
from ranvier.events import CallEnded, Event, FallbackTaken, RetryScheduled, StreamInterrupted, StreamRestarted
from ranvier.layers import Breaker, Deadline, Fallback, Retry, RetryBudget, Throttle, Timeout
from ranvier.messages.response import ToolCallDelta
from ranvier.pipeline import Call, Handler, Layer
from ranvier.testing import ScriptedProvider, after, assert_settled, broken, cut, settled, stall, stream

pytestmark = pytest.mark.virtual_time


class Scene:
    """Targets a, b and c, read with `on_break`."""

    def __init__(
        self, *scripts: Sequence[Any], retries: int = 0, layers: Sequence[Layer] = (), **settings: Any
    ) -> None:
        self.providers = [
            ScriptedProvider(name, list(script)) for name, script in zip("abc", scripts, strict=False)
        ]
        self.events: list[Event] = []
        self.ends: list[CallEnded] = []
        retry = [Retry(max_retries=retries, jitter="none", base_delay=1.0)] if retries else []
        self.pipeline = Pipeline(
            *layers,
            Deadline(settings.pop("deadline", 60)),
            Fallback(*self.providers, **settings),
            *retry,
            Throttle(max_wait=1),
            Breaker(failure_threshold=1000),
            Timeout(None, first_token=12, idle=5),
            listeners=[self.events.append],
        )
        self.pipeline.events.add(self._ended, verbose=True)

    def _ended(self, event: Event) -> None:
        if isinstance(event, CallEnded):
            self.ends.append(event)

    @property
    def sent(self) -> list[int]:
        return [len(provider.calls) for provider in self.providers]

    def kinds(self, *wanted: type[Event]) -> list[type[Event]]:
        return [type(event) for event in self.events if isinstance(event, wanted)]


class Reader:
    """Shows an answer as a user interface would: what is void is taken back."""

    def __init__(self) -> None:
        self.text = ""
        self.arguments = ""
        self.restarts = 0
        self.events: list[StreamEvent] = []

    def show(self, event: StreamEvent) -> None:
        self.events.append(event)
        if event.restarted:
            assert event == StreamEvent(restarted=True)
            self.text, self.arguments = "", ""
            self.restarts += 1
        self.text += event.text
        if event.tool_call is not None:
            self.arguments += event.tool_call.arguments

    async def read(self, pending: Any) -> Any:
        async with pending as answer:
            async for event in answer:
                self.show(event)
            return answer.response


async def test_the_next_target_answers_from_the_beginning() -> None:
    scene, reader = Scene([stream("wrong ", "wro", cut())], [stream("right ", "answer")]), Reader()
    response = await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert (reader.text, reader.restarts, scene.sent) == ("right answer", 1, [1, 1])
    assert (response.text, response.provider) == ("right answer", "b")
    told = (StreamInterrupted, FallbackTaken, StreamRestarted)
    assert scene.kinds(*told) == list(told)
    assert [attempt.outcome for attempt in response.attempts] == ["stream_dropped", "succeeded"]
    assert "b/scripted answers from the beginning, after the stream of a/scripted broke" in response.explain()
    assert [(event.outcome, len(event.story.attempts)) for event in scene.ends] == [("succeeded", 2)]
    assert_settled(scene.pipeline)


async def test_without_being_asked_a_break_is_raised() -> None:
    scene = Scene([stream("wrong ", cut())], ["right"])
    with pytest.raises(StreamInterruptedError):
        await Reader().read(scene.pipeline.stream("Why?"))
    assert scene.sent == [1, 0]


async def test_the_same_target_is_asked_again_where_the_stack_retries() -> None:
    scene, reader = Scene([stream("wrong ", broken()), "right"], ["other"], retries=2), Reader()
    response = await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert (reader.text, scene.sent) == ("right", [2, 0])
    assert [(each.number, each.delay, each.reason) for each in response.attempts] == [
        (1, 0.0, None), (2, 1.0, "network")
    ]  # fmt: skip
    assert response.attempts[1].started == pytest.approx(1.0)
    assert scene.kinds(RetryScheduled) == [RetryScheduled]


async def test_breaks_count_as_the_retries_of_a_target() -> None:
    scene, reader = Scene([stream("x", broken()) for _ in range(9)], ["right"], retries=2), Reader()
    await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert (reader.text, reader.restarts, scene.sent) == ("right", 3, [3, 1])


async def test_the_retry_budget_holds() -> None:
    class Empty(RetryBudget):
        def take(self, tenant: str, provider: str, now: float) -> bool:
            return False

    provider, other = ScriptedProvider("a", [stream("x", broken())]), ScriptedProvider("b", ["right"])
    pipeline = Pipeline(Fallback(provider, other), Retry(max_retries=3, budget=Empty()))
    reader = Reader()
    response = await reader.read(pipeline.stream("Why?", on_break="restart"))
    assert (reader.text, len(provider.calls), len(other.calls)) == ("right", 1, 1)
    assert "retry withheld" in response.explain()


async def test_targets_that_were_asked_before_are_not_asked_again() -> None:
    down = ServerError("down", provider="a")
    scene, reader = Scene([down, "again"], [stream("x", cut())], ["right"]), Reader()
    await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert (reader.text, scene.sent) == ("right", [1, 1, 1])


@pytest.mark.parametrize("retries", [0, 1])
async def test_if_nothing_answers_again_the_break_is_raised(retries: int) -> None:
    scripts: list[list[Any]] = [
        [stream("one ", broken()), ServerError("down", provider="a")],
        [ServerError("down", provider="b")] * 2,
    ]
    scene, reader = Scene(*scripts, retries=retries), Reader()
    with pytest.raises(StreamInterruptedError) as failure:
        await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    error = failure.value
    assert (error.received.text, reader.text, error.reason) == ("one ", "one ", "network")  # type: ignore[union-attr]
    assert isinstance(error.__cause__, AllDeploymentsFailedError)
    assert len(error.attempts) == 2 + 2 * retries
    assert [event.outcome for event in scene.ends] == ["stream_dropped"]
    assert_settled(scene.pipeline)


async def test_a_single_target_without_retries_has_nothing_to_restart_with() -> None:
    scene = Scene([stream("one ", broken())])
    with pytest.raises(StreamInterruptedError) as failure:
        await Reader().read(scene.pipeline.stream("Why?", on_break="restart"))
    assert isinstance(failure.value.__cause__, ConnectionFailedError)
    assert scene.sent == [1]


async def test_the_deadline_goes_on() -> None:
    scene = Scene([stream("one ", after(4, broken()))], [stall()], deadline=10)
    began = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceededError) as failure:
        await Reader().read(scene.pipeline.stream("Why?", on_break="restart"))
    assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=0.01)
    assert failure.value.received is not None
    assert failure.value.received.text == "one "
    assert [event.outcome for event in scene.ends] == ["deadline_exceeded"]
    await settled(scene.pipeline)


async def test_a_restart_is_hedged_like_any_call() -> None:
    scene, reader = Scene([stream("x", cut())], [stall()], ["right"], hedge_after=2.0), Reader()
    await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert (reader.text, scene.sent) == ("right", [1, 1, 1])
    await asyncio.sleep(100)  # the loser may go on until its hang threshold
    assert_settled(scene.pipeline)


async def test_allow_is_asked_again() -> None:
    answers = iter([True, False, False])
    first = ScriptedProvider("a", [stream("x", broken()), "again"])
    pipeline = Pipeline(Fallback(first), Retry(max_retries=3), allow=lambda call, deployment: next(answers))
    with pytest.raises(StreamInterruptedError) as failure:
        await Reader().read(pipeline.stream("Why?", on_break="restart"))
    assert isinstance(failure.value.__cause__, NotAllowedError)
    assert len(first.calls) == 1


async def test_tokens_of_the_abandoned_attempt_count() -> None:
    used = StreamEvent(usage=Usage(input=7, output=3, total=10))
    done = StreamEvent(finish_reason=FinishReason.STOP, usage=Usage(input=7, output=5, total=12))
    scene, reader = Scene([stream("x", used, cut())], [stream("right", done)]), Reader()
    response = await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert (response.usage.total, response.record.story().usage.total) == (12, 22)
    assert response.record.story().wasted_usage.total == 10


async def test_permits_are_given_back_and_asked_anew() -> None:
    """One connection slot, and a bulkhead of your own: both are free when the answer is asked for again."""
    held: list[int] = []

    class Bulkhead(Layer):
        async def handle(self, call: Call, inner: Handler[Any]) -> Any:
            held.append(1)
            assert sum(held) == 1
            answer = await inner(call)
            answer.on_end(lambda outcome: held.append(-1))
            return answer

    scene = Scene([stream("x", broken()), "right"], retries=1, layers=[Bulkhead()])
    scene.providers[0].slots = asyncio.Semaphore(1)  # type: ignore[attr-defined]
    reader = Reader()
    await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert reader.text == "right"
    assert held == [1, -1, 1, -1]
    assert_settled(scene.pipeline)


async def test_a_layers_transform_is_applied_to_each_answer() -> None:
    class Shout(Layer):
        async def handle(self, call: Call, inner: Handler[Any]) -> Any:
            answer = await inner(call)
            kept: list[str] = []

            def hold(event: StreamEvent) -> StreamEvent | None:
                kept.append(event.text.upper())
                return None if len(kept) % 2 else dataclasses.replace(event, text="".join(kept[-2:]))

            answer.transform(hold, lambda: StreamEvent(text=kept[-1]) if len(kept) % 2 else None)
            return answer

    scene = Scene([stream("a", "b", "c", broken())], [stream("d", "e", "f")], layers=[Shout()])
    reader = Reader()
    response = await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert reader.text == response.text == "DEF"


async def test_a_schema_that_the_answer_misses_is_asked_of_the_next_target() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    scene, reader = Scene([stream('{"a": ', '"no"}')], [stream('{"a"', ": 1}")]), Reader()
    response = await reader.read(scene.pipeline.stream("Why?", schema=schema, on_break="restart"))
    assert (reader.text, response.parsed) == ('{"a": 1}', {"a": 1})


# --- tools ---------------------------------------------------------------------------------------


def fragments(*pieces: str, index: int = 0) -> list[StreamEvent]:
    """A tool call in pieces."""
    first = ToolCallDelta(index, f"call_{index}", "look", pieces[0])
    return [StreamEvent(tool_call=first)] + [
        StreamEvent(tool_call=ToolCallDelta(index, arguments=piece)) for piece in pieces[1:]
    ]


WHOLE = [
    pytest.param(fragments('{"a":', ' {"b": "}"}}'), True, id="complete arguments"),
    pytest.param(fragments('{"a": "}', '\\"}"'), False, id="a brace in a string"),
    pytest.param(fragments('{"a": {}', ""), False, id="an inner object"),
    pytest.param(fragments(""), False, id="a name only"),
    pytest.param([*fragments(""), StreamEvent(text="so")], True, id="text after it"),
    pytest.param([*fragments(""), *fragments("", index=1)], True, id="another call after it"),
    pytest.param([*fragments(""), StreamEvent(usage=Usage(input=1))], False, id="usage after it"),
]


@pytest.mark.parametrize(("events", "whole"), WHOLE)
@pytest.mark.parametrize("on_break", ["restart", "restart_after_tools"])
async def test_nothing_is_repeated_after_a_whole_tool_call_unless_asked(
    events: list[StreamEvent], whole: bool, on_break: Any
) -> None:
    scene, reader = Scene([stream(*events, cut())], ["right"]), Reader()
    if whole and on_break == "restart":
        with pytest.raises(StreamInterruptedError):
            await reader.read(scene.pipeline.stream("Why?", on_break=on_break))
        assert scene.sent == [1, 0]
    else:
        await reader.read(scene.pipeline.stream("Why?", on_break=on_break))
        assert (reader.text, reader.arguments, scene.sent) == ("right", "", [1, 1])


# --- cut anywhere --------------------------------------------------------------------------------

FIRST = {
    "text": [*"first answer"],
    "json": ['{"who"', ": ", '"first"', "}"],
    "tools": [StreamEvent(reasoning="hm "), *fragments('{"who"', ": ", '"first"', "}")],
}
SECOND = {
    "text": [*"2nd"],
    "json": ["{", '"who": "second"', "}"],
    "tools": fragments('{"who": ', '"second"}'),
}
CUTS = [(kind, index) for kind, steps in FIRST.items() for index in range(1, len(steps) + 1)]


@pytest.mark.parametrize(("kind", "index"), CUTS)
@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("how", [cut, broken, stall])
async def test_cut_anywhere_the_answer_is_that_of_one_attempt(
    kind: str, index: int, retries: int, how: Any
) -> None:
    again = stream(*SECOND[kind])
    scene = Scene([stream(*FIRST[kind][:index], how()), again], [again], retries=retries)
    reader = Reader()
    options: dict[str, Any] = {"schema": {"type": "object"}} if kind == "json" else {}
    pending = scene.pipeline.stream("Why?", on_break="restart_after_tools", **options)
    response = await reader.read(pending)
    assert reader.restarts == 1
    if kind == "tools":
        assert reader.arguments == '{"who": "second"}'
        assert [each.arguments for each in response.tool_calls] == [{"who": "second"}]
    else:
        assert reader.text == response.text == "".join(SECOND[kind])
    assert response.parsed == ({"who": "second"} if kind == "json" else None)
    assert [event.outcome for event in scene.ends] == ["succeeded"]
    assert_settled(scene.pipeline)


@pytest.mark.parametrize("index", range(1, 6))
async def test_cut_again_and_again(index: int) -> None:
    """Each restart voids all before it; the pieces of three attempts are never put together."""
    scene = Scene(
        [stream(*["a"] * index, broken())] * 2, [stream(*["b"] * index, broken())] * 2, ["c"], retries=1
    )
    reader = Reader()
    response = await reader.read(scene.pipeline.stream("Why?", on_break="restart"))
    assert (reader.text, response.text, reader.restarts, scene.sent) == ("c", "c", 4, [2, 2, 1])


# --- cancellation and closing --------------------------------------------------------------------


def waiting_scene() -> Scene:
    """The restart waits for the silent second target."""
    return Scene([stream("x", broken())], [stall()])


async def start(scene: Scene) -> tuple[Any, asyncio.Task[Any]]:
    """A stream that is being restarted, and the task that reads it."""
    answer = await scene.pipeline.stream("Why?", on_break="restart")
    assert (await anext(answer)).text == "x"
    read = asyncio.ensure_future(anext(answer))
    await asyncio.sleep(1)
    assert scene.sent == [1, 1]
    assert scene.pipeline.lifecycle.in_flight == (1, 0)
    return answer, read


async def test_a_cancelled_restart_leaves_nothing() -> None:
    scene = waiting_scene()
    answer, read = await start(scene)
    read.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read
    with pytest.raises(StreamInterruptedError) as failure:
        await anext(answer)
    assert failure.value.reason == "cancelled"
    assert [event.outcome for event in scene.ends] == ["abandoned"]
    await settled(scene.pipeline)


async def test_closing_a_stream_ends_its_restart() -> None:
    scene = waiting_scene()
    answer, read = await start(scene)
    await answer.aclose()
    with pytest.raises(StopAsyncIteration):
        await read
    assert answer.ended
    assert read.done()
    assert len(scene.ends) == 1
    await settled(scene.pipeline)


@pytest.mark.parametrize("way", ["twice", "again", "stream first", "pipeline first"])
async def test_a_restart_may_be_closed_by_several_tasks(way: str) -> None:
    """The reader is cancelled once; afterwards its task is as if it had never been."""
    scene = waiting_scene()
    answer, read = await start(scene)
    if way == "again":
        closing = asyncio.create_task(answer.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await answer.aclose()
    else:
        second = answer.aclose if way == "twice" else scene.pipeline.aclose
        closes = [answer.aclose(), second()]
        await asyncio.gather(*(reversed(closes) if way == "pipeline first" else closes))
    with pytest.raises((StopAsyncIteration, StreamInterruptedError)):
        await read
    assert not read.cancelling()
    assert len(scene.ends) == 1


async def test_closing_the_pipeline_ends_a_restart() -> None:
    scene = waiting_scene()
    _, read = await start(scene)
    await scene.pipeline.aclose()
    with pytest.raises(StreamInterruptedError) as failure:
        await read
    assert failure.value.reason == "closed"
    assert len(scene.ends) == 1


async def test_a_drain_waits_for_a_restart() -> None:
    scene = Scene([stream("x", after(2, broken()))], [after(3, "right")])
    answer, reader = await scene.pipeline.stream("Why?", on_break="restart"), Reader()
    read = asyncio.ensure_future(reader.read(Entered(answer)))
    await asyncio.sleep(1)
    await scene.pipeline.aclose(drain=30)
    await read
    assert reader.text == "right"


class Entered:
    """A stream that was entered already."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def __aenter__(self) -> Any:
        return self.answer

    async def __aexit__(self, *_: object) -> None:
        await self.answer.aclose()


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("way", ["cancel", "aclose", "close"])
async def test_whenever_it_is_ended_nothing_is_left(seconds: float, way: str) -> None:
    slow = [after(0.5, "a"), after(0.5, "b")]
    scene = Scene([stream(*slow, broken())], [after(0.5, stream(*slow))])
    async with scene.pipeline:
        answer = await scene.pipeline.stream("Why?", on_break="restart")
        read = asyncio.ensure_future(_drain(answer))
        await asyncio.sleep(seconds)
        if way == "cancel":
            read.cancel()
        elif way == "aclose":
            await answer.aclose()
        else:
            await scene.pipeline.aclose()
        with suppress(asyncio.CancelledError, StreamInterruptedError):
            await read
        await answer.aclose()
        await asyncio.sleep(0)
        assert len(scene.ends) == 1
        if way != "close":
            await settled(scene.pipeline)


async def _drain(answer: Any) -> None:
    async for _ in answer:
        pass


async def test_two_tasks_cannot_read_it_at_once() -> None:
    scene = waiting_scene()
    answer, read = await start(scene)
    with pytest.raises(RuntimeError, match="another task"):
        await anext(answer)
    await answer.aclose()
    with suppress(StopAsyncIteration):
        await read


class Forgetful:
    """A provider that breaks the first stream, and keeps nothing of it."""

    default_model = "m"

    def __init__(self, name: str) -> None:
        self.name = name

    async def complete(self, call: Call) -> Response:
        raise NotImplementedError

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        yield StreamEvent(text="x")
        if not call.record.attempts[1:]:
            raise ConnectionFailedError("reset", provider=self.name)
        yield StreamEvent(finish_reason=FinishReason.STOP)


@pytest.mark.parametrize("retries", [0, 1])
async def test_a_restart_leaves_no_cycle_behind(retries: int) -> None:
    retry = [Retry(max_retries=1, base_delay=0.1)] if retries else []
    pipeline = Pipeline(Fallback(Forgetful("a"), Forgetful("b")), *retry, listeners=())
    gc.collect()
    gc.disable()
    try:
        async with pipeline.stream("Why?", on_break="restart") as answer:
            held = weakref.ref(answer)
            await answer.collect()
        del answer
        assert held() is None
    finally:
        gc.enable()


# --- mistakes, and a pipeline behind a pipeline --------------------------------------------------


async def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="on_break"):
        Scene(["a"]).pipeline.stream("Why?", on_break="again")  # type: ignore[arg-type]


async def test_a_stream_that_may_be_restarted_is_transformed_by_layers() -> None:
    async with Scene(["a"]).pipeline.stream("Why?", on_break="restart") as answer:
        with pytest.raises(RuntimeError, match="in handle"):
            answer.transform(lambda event: event)
        assert (await answer.collect()).text == "a"


@pytest.mark.parametrize("on_break", ["raise", "restart"])
async def test_a_restart_behind_a_provider_is_a_break_of_that_provider(on_break: Any) -> None:
    """Otherwise the pipeline in front would put two answers together."""
    inner = Scene([stream("wrong ", broken())], ["right"])

    class Outer(ScriptedProvider):
        async def stream(self, call: Call) -> Any:  # type: ignore[override]
            async with inner.pipeline.stream("Why?", on_break="restart") as answer:
                async for event in answer:
                    yield event

    pipeline = Pipeline(Fallback(Outer("outer", ["unused"]), ScriptedProvider("spare", ["spare"])))
    reader = Reader()
    with suppress(StreamInterruptedError):
        await reader.read(pipeline.stream("Why?", on_break=on_break))
    assert reader.text == {"raise": "wrong ", "restart": "spare"}[on_break]
