"""Answers that hold nothing: what counts as one, who is asked instead, and what is told of it."""

from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    FinishReason,
    Message,
    Pipeline,
    Response,
    ServerError,
    StreamEvent,
    ToolCall,
    ToolCallDelta,
    Usage,
    resilient,
)
from ranvier.events import AttemptEnded, CallEnded, Event, FallbackTaken
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.messages import Native, Text
from ranvier.providers import FunctionProvider
from ranvier.testing import ScriptedProvider, after, stream

pytestmark = pytest.mark.virtual_time

NOTHING = Response("", usage=Usage(9, 1, 10))

EMPTY: dict[str, Response] = {
    "no words": Response(),
    "blank words": Response(" \n", parts=(Text(" \n"),)),
    "tokens all the same": NOTHING,
    "thoughts": Response("", reasoning="Hm.", parts=(Native("anthropic", {"type": "thinking"}),)),
    "hidden thoughts": Response("", parts=(Native("anthropic", {"type": "redacted_thinking", "data": "x"}),)),
    "a thought of Gemini's": Response("", parts=(Native("gemini", {"text": "Hm.", "thought": True}),)),
    "a signature alone": Response("", parts=(Native("gemini", {"text": "", "thoughtSignature": "x"}),)),
    "reasoning that goes back": Response("", parts=(Native("kimi", {"reasoning_content": "Hm."}),)),
    "stopped for a reason that is unknown": Response("", finish_reason=FinishReason.OTHER),
}  # fmt: skip

NOT_EMPTY: dict[str, Response] = {
    "words": Response("x"),
    "a tool call": Response("", (ToolCall("c1", "look"),)),
    "hit max_tokens": Response("", finish_reason=FinishReason.LENGTH),
    "filtered": Response("", finish_reason=FinishReason.CONTENT_FILTER),
    "broken off": Response("", finish_reason=None),
    "a picture": Response("", parts=(Native("gemini", {"inlineData": {"data": "x"}}),)),
    "sound": Response("", parts=(Native("openai", {"audio": {"data": "x"}}),)),
    "a server's own tool": Response("", parts=(Native("anthropic", {"type": "server_tool_use"}),)),
    "parsed": Response("", parsed={"a": 1}),
}


@pytest.mark.parametrize("response", EMPTY.values(), ids=EMPTY)
def test_an_answer_without_words_calls_or_media_is_empty(response: Response) -> None:
    """Thoughts are no words, and reported tokens are no content."""
    assert response.empty


@pytest.mark.parametrize("response", NOT_EMPTY.values(), ids=NOT_EMPTY)
def test_an_answer_that_holds_something_or_says_why_not_is_not_empty(response: Response) -> None:
    """A limit and a filter are known reasons; any other stop promises an answer."""
    assert not response.empty


# --- who is asked instead ------------------------------------------------------------------------

WAYS = {"whole": (), "over a stream": (Timeout(first_token=5, idle=5),)}


def pipeline(*targets: Any, layers: Any = (), listeners: Any = (), **settings: Any) -> Pipeline:
    """These targets, with a breaker that one failure opens."""
    rules = Breaker(failure_threshold=1, cooldown=10)
    return Pipeline(Fallback(*targets, **settings), Retry(), rules, *layers, listeners=listeners)


async def ask(pipe: Pipeline, way: str, prompt: Any = "Why?") -> Response:
    """The answer, whole or as what a stream adds up to."""
    if way != "streamed":
        return await pipe.complete(prompt)
    async with pipe.stream(prompt) as answer:
        return await answer.collect()


def two(*first: Any) -> tuple[ScriptedProvider, ScriptedProvider]:
    """A target with that script, and one that answers."""
    return ScriptedProvider("a", first), ScriptedProvider("b", ["from b"])


@pytest.mark.parametrize("way", [*WAYS, "streamed"])
@pytest.mark.parametrize("nothing", [NOTHING, stream(), stream(StreamEvent(finish_reason=FinishReason.STOP))])
async def test_the_next_target_is_asked_after_an_empty_answer(way: str, nothing: Any) -> None:
    """Once each: an empty answer is not retried, opens no circuit, and its tokens are known."""
    a, b = two(nothing)
    pipe = pipeline(a, b, layers=WAYS.get(way, ()))
    answer = await ask(pipe, way)
    assert (answer.text, answer.provider, answer.empty) == ("from b", "b", False)
    assert [(each.target, each.reason, each.outcome) for each in answer.attempts] == [
        ("a/scripted", None, "empty"),
        ("b/scripted", "empty", "succeeded"),
    ]
    assert pipe.circuits.state("default", "a") == "closed"
    assert answer.story is not None
    assert answer.story.outcome == "succeeded"
    assert "a/scripted, attempt 1: empty" in answer.explain()
    if nothing is NOTHING:
        assert answer.story.wasted_usage.total == 10


@pytest.mark.parametrize("way", [*WAYS, "streamed"])
async def test_if_every_answer_is_empty_the_first_one_is_returned(way: str) -> None:
    """It is an answer, and no error; `empty` says what it is."""
    targets = [ScriptedProvider(name, [NOTHING]) for name in "abc"]
    answer = await ask(pipeline(*targets, layers=WAYS.get(way, ())), way)
    assert (answer.empty, answer.provider, answer.finish_reason) == (True, "a", FinishReason.STOP)
    assert [each.outcome for each in answer.attempts] == ["empty"] * 3
    assert answer.story is not None
    assert answer.story.outcome == "succeeded"


@pytest.mark.parametrize("way", [*WAYS, "streamed"])
async def test_an_empty_answer_stands_where_all_others_fail(way: str) -> None:
    """Whatever their errors are, also those after which no other target would be asked."""
    failing = ScriptedProvider("b", [ServerError("down", provider="b")] * 9)
    answer = await ask(pipeline(ScriptedProvider("a", [NOTHING]), failing, layers=WAYS.get(way, ())), way)
    assert (answer.empty, answer.provider) == (True, "a")
    assert answer.story is not None
    assert answer.story.outcome == "succeeded"
    assert answer.attempts[-1].outcome == "server_error"


async def test_an_empty_answer_stands_where_the_time_is_over() -> None:
    """No error of ours takes its place, before or while the next target is asked."""
    for first, second in ((after(5, NOTHING), "late"), (after(3, NOTHING), after(9, "late"))):
        pipe = Pipeline(
            Deadline(5), Fallback(ScriptedProvider("a", [first]), ScriptedProvider("b", [second]))
        )
        try:
            answer = await pipe.complete("Why?")
        except TimeoutError:  # the deadline has overtaken the first answer
            assert first.seconds == 5
        else:
            assert (answer.empty, answer.provider) == (True, "a")


async def test_an_error_before_an_empty_answer_is_forgotten() -> None:
    """An empty answer is still better than an error."""
    a, b = ScriptedProvider("a", [ServerError("down", provider="a")] * 9), ScriptedProvider("b", [NOTHING])
    answer = await pipeline(a, b).complete("Why?")
    assert (answer.empty, answer.provider) == (True, "b")
    with pytest.raises(AllDeploymentsFailedError):
        await pipeline(a, ScriptedProvider("c", [ServerError("down", provider="c")] * 9)).complete("Why?")


@pytest.mark.parametrize("way", [*WAYS, "streamed"])
async def test_after_the_result_of_a_tool_nothing_may_be_said(way: str) -> None:
    """A model that has done what was asked need not talk about it."""
    a, b = two(NOTHING)
    history = [
        Message.user("Book it."),
        Message.assistant(tool_calls=[ToolCall("c1", "book")]),
        Message.tool("c1", "booked"),
    ]
    answer = await ask(pipeline(a, b, layers=WAYS.get(way, ())), way, history)
    assert (answer.empty, answer.provider, b.calls) == (True, "a", [])


@pytest.mark.parametrize("way", [*WAYS, "streamed"])
async def test_a_target_that_stands_alone_has_succeeded(way: str) -> None:
    """There is nobody else to ask; `empty` says the rest."""
    answer = await ask(pipeline(ScriptedProvider("a", [NOTHING]), layers=WAYS.get(way, ())), way)
    assert (answer.empty, [each.outcome for each in answer.attempts]) == (True, ["succeeded"])


async def test_it_can_be_turned_off() -> None:
    """Then an empty answer is returned as it is; `resilient` has it on."""
    a, b = two(NOTHING)
    assert (await pipeline(a, b, on_empty=False).complete("Why?")).empty
    assert b.calls == []
    assert (await resilient(*two(NOTHING)).complete("Why?")).text == "from b"


async def test_a_stream_that_thinks_aloud_is_handed_out_and_only_says_that_it_is_empty() -> None:
    """From its first content on, thoughts included, nothing is repeated silently."""
    a, b = two(stream(StreamEvent(reasoning="Hm.")))
    async with pipeline(a, b).stream("Why?") as answer:
        response = await answer.collect()
    assert (response.empty, response.reasoning, answer.empty, b.calls) == (True, "Hm.", True, [])
    answered = await pipeline(*two(stream(StreamEvent(reasoning="Hm.")))).complete("Why?")
    assert answered.text == "from b"


async def test_an_empty_stream_that_is_handed_out_tells_why_it_stopped() -> None:
    """Its reader gets the finish reason, and then the end."""
    async with Pipeline(Fallback(ScriptedProvider("a", [NOTHING]))).stream("Why?") as answer:
        events = [event async for event in answer]
    assert [event.finish_reason for event in events if event.finish_reason] == [FinishReason.STOP]
    assert answer.response is not None
    assert (answer.response.empty, answer.response.usage.total) == (True, 10)


async def test_a_tool_call_is_content_before_its_arguments_are() -> None:
    """A stream that begins with one is handed out, and is not empty."""
    a, b = two(stream(StreamEvent(tool_call=ToolCallDelta(0, "c1", "look"))))
    answer = await ask(pipeline(a, b), "streamed")
    assert ([call.name for call in answer.tool_calls], b.calls) == (["look"], [])


async def test_functions_may_say_nothing_too() -> None:
    """Whole, and in steps."""

    async def silent(call: Any) -> str:
        return ""

    async def streaming(call: Any) -> Any:
        for piece in ("", " "):
            yield piece

    for provider in (FunctionProvider("f", silent), FunctionProvider("f", stream=streaming)):
        pipe = Pipeline(Fallback(provider, ScriptedProvider("b", ["from b"])))
        assert (await pipe.complete("Why?")).text == "from b"


# --- the layers inside, and what is told ---------------------------------------------------------


async def test_an_empty_probe_proves_that_its_provider_is_well() -> None:
    """No circuit counts an empty answer as a failure, and no gate is closed by one."""
    a = ScriptedProvider("a", [NOTHING] * 9)
    pipe = Pipeline(Fallback(a), Retry(), Throttle(), Breaker(failure_threshold=1, success_threshold=1))
    for _ in range(5):
        assert (await pipe.complete("Why?")).empty
    assert pipe.circuits.state("default", "a") == "closed"
    assert len(a.calls) == 5


async def test_listeners_hear_of_the_empty_answer_and_of_the_fallback() -> None:
    """The attempt ends as empty, the fallback is for that, and the call has succeeded."""
    heard: list[Event] = []
    pipe = pipeline(*two(NOTHING))
    pipe.events.add(heard.append, verbose=True)
    await pipe.complete("Why?")
    assert [each.attempt.outcome for each in heard if isinstance(each, AttemptEnded)] == [
        "empty",
        "succeeded",
    ]
    assert [(each.provider, each.kind, each.to) for each in heard if isinstance(each, FallbackTaken)] == [
        ("a", "empty", "b/scripted")
    ]
    assert [each.outcome for each in heard if isinstance(each, CallEnded)] == ["succeeded"]
