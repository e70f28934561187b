"""Answers by a schema through a whole pipeline: what fits is `parsed`, what does not blames nobody."""

import gc
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from ranvier import (
    AllDeploymentsFailedError,
    ContentFilterError,
    FinishReason,
    InvalidResponseError,
    Pipeline,
    Response,
    Schema,
    StreamEvent,
    StreamInterruptedError,
    ToolCall,
    Usage,
)
from ranvier.events import StreamInterrupted
from ranvier.layers import Fallback
from ranvier.providers import FunctionProvider
from ranvier.testing import ScriptedProvider, stream
from support.pipeline.forms import AS_DICT, OSLO, PARSED, UNFIT, WAYS, WRITTEN, City, Scene, outcomes

pytestmark = pytest.mark.virtual_time

# --- what fits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", WAYS)
@pytest.mark.parametrize(
    ("schema", "parsed"),
    [(City, PARSED), (WRITTEN, AS_DICT), (Schema(WRITTEN), AS_DICT)],
)
async def test_a_whole_answer_that_fits_is_parsed(limits: Any, schema: Any, parsed: Any) -> None:
    """However it travels; its text stays what the model wrote."""
    scene = Scene([stream("```json\n", OSLO, "\n```")], limits=limits)
    answer = await scene.ask(schema)
    assert answer.parsed == parsed
    assert answer.text == f"```json\n{OSLO}\n```"
    assert outcomes(answer) == [("a", 1, None, "succeeded")]
    over_a_stream = answer.attempts[0].first_token is not None
    assert over_a_stream == limits.get("stream_complete", "idle" in limits)


async def test_a_streamed_answer_that_fits_is_parsed_at_its_end() -> None:
    """Its events are those of any stream."""
    scene = Scene([stream(OSLO[:9], OSLO[9:])])
    async with scene.pipeline.stream("Where?", schema=City) as answer:
        assert [event.text async for event in answer] == [OSLO[:9], OSLO[9:], ""]
    assert answer.response is not None
    assert answer.response.parsed == PARSED


async def test_without_a_schema_nothing_is_parsed() -> None:
    """And any text is an answer."""
    answer = await Scene(["anything"]).pipeline.complete("Where?")
    assert answer.parsed is None


@pytest.mark.parametrize("limits", WAYS)
async def test_an_answer_that_calls_tools_has_no_form_yet(limits: Any) -> None:
    """The form is asked of the answer that comes after the results."""
    calls = (ToolCall("c1", "look", {"at": "it"}),)
    scene = Scene([Response("Let me see.", calls, finish_reason=FinishReason.TOOL_CALLS)], limits=limits)
    answer = await scene.ask(repair=1)
    assert (answer.parsed, answer.tool_calls) == (None, calls)
    assert len(scene.providers[0].calls) == 1
    async with scene.pipeline.stream("Where?", schema=City) as streamed:
        assert (await streamed.collect()).tool_calls == calls


async def test_an_answer_that_was_cut_off_where_it_is_whole_fits() -> None:
    """A limit may fall just behind the last brace."""
    answer = await Scene([Response(OSLO, finish_reason=FinishReason.LENGTH)]).ask()
    assert answer.parsed == PARSED


# --- what does not -------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", WAYS)
async def test_a_misfit_is_not_asked_again_counts_in_no_circuit_and_quotes_nothing(limits: Any) -> None:
    """The provider is well, and the same question would have the same answer."""
    scene = Scene([UNFIT, OSLO], limits=limits)
    with pytest.raises(InvalidResponseError) as caught:
        await scene.ask()
    error = caught.value
    assert str(error) == "the answer of a/scripted does not match the schema: at $.size: Field required"
    assert (error.provider, error.model, error.kind) == ("a", "scripted", "invalid_response")
    assert (error.retryable, error.counts_against_provider, error.fails_over) == (False, False, True)
    assert outcomes(error) == [("a", 1, None, "invalid_response")]
    assert len(scene.providers[0].calls) == 1
    assert scene.circuits() == {"a": ("closed", 0, 0)}


@pytest.mark.parametrize("limits", WAYS)
async def test_the_next_target_is_asked_after_a_misfit(limits: Any) -> None:
    """It may do better; the record tells why it was asked, and what the first answer cost."""
    unfit = Response(UNFIT, usage=Usage(10, 20, 30))
    scene = Scene([unfit], [OSLO], limits=limits)
    answer = await scene.ask()
    assert (answer.provider, answer.parsed) == ("b", PARSED)
    assert outcomes(answer) == [
        ("a", 1, None, "invalid_response"),
        ("b", 1, "invalid_response", "succeeded"),
    ]
    assert answer.attempts[0].usage == Usage(10, 20, 30)


async def test_where_no_target_does_better_each_of_them_is_told() -> None:
    """Neither what was asked nor what was answered nor a key is in the error, or in what led to it."""
    scene = Scene([UNFIT], ["SECRET"])
    with pytest.raises(AllDeploymentsFailedError) as caught:
        await scene.ask()
    first, second = caught.value.exceptions
    assert "at $.size: Field required" in str(first)
    assert "at $: not JSON (Expecting value, line 1 column 1)" in str(second)
    for error in (caught.value, first, second):
        told = repr(error) + str(error) + repr(vars(error))
        assert "SECRET" not in told
        assert "sk-secret" not in told
        assert error.__cause__ is None
        assert "SECRET" not in repr(error.__context__)


@pytest.mark.parametrize("limits", WAYS)
async def test_an_answer_that_was_cut_off_for_its_length_is_not_mended(limits: Any) -> None:
    """It would end the same way; the next target may have more room."""
    cut_off = Response(OSLO[:20], finish_reason=FinishReason.LENGTH)
    scene = Scene([cut_off], [OSLO], limits=limits)
    assert (await scene.ask(repair=1)).provider == "b"
    assert len(scene.providers[0].calls) == 1
    with pytest.raises(InvalidResponseError, match="hit max_tokens before it was complete: at "):
        await Scene([cut_off], limits=limits).ask(repair=1)


@pytest.mark.parametrize("limits", WAYS)
async def test_an_answer_that_was_filtered_is_neither_mended_nor_asked_of_the_next_target(
    limits: Any,
) -> None:
    """As wherever a provider refuses on policy."""
    scene = Scene([Response(OSLO[:20], finish_reason=FinishReason.CONTENT_FILTER)], [OSLO], limits=limits)
    with pytest.raises(ContentFilterError, match="stopped by the content filter before it was complete: at "):
        await scene.ask(repair=1)
    assert [len(provider.calls) for provider in scene.providers] == [1, 0]
    assert scene.circuits() == {"a": ("closed", 0, 0)}


async def test_a_validator_of_yours_that_breaks_is_raised_as_it_is() -> None:
    """It is no answer of anybody's: nothing is retried or counted, and nothing is left in flight."""

    class Broken(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def look_up(cls, name: str) -> str:
            raise LookupError("no table")

    scene = Scene([OSLO], [OSLO])
    with pytest.raises(LookupError, match="no table"):
        await scene.ask(Broken)
    async with scene.pipeline.stream("Where?", schema=Broken) as answer:
        with pytest.raises(StreamInterruptedError) as caught:  # as whatever breaks a stream
            await answer.collect()
    assert isinstance(caught.value.__cause__, LookupError)
    assert [len(provider.calls) for provider in scene.providers] == [2, 0]
    assert scene.circuits() == {"a": ("closed", 0, 0)}
    assert scene.pipeline.lifecycle.in_flight == (0, 0)


def mismatches() -> list[InvalidResponseError]:
    """All that there are."""
    return [each for each in gc.get_objects() if isinstance(each, InvalidResponseError)]


async def test_a_misfit_leaves_no_garbage() -> None:
    """An error that held the frame that holds it would wait for the collector, with the whole answer."""
    scene = Scene([UNFIT])
    await scene.pipeline.complete("Where?")
    gc.collect()
    before = mismatches()  # of other tests, that somebody keeps
    gc.disable()
    try:
        for options in ({}, {"repair": 1}):
            with pytest.raises(InvalidResponseError):
                await scene.ask(**options)
        left = [each for each in mismatches() if each not in before]
    finally:
        gc.enable()
    assert left == []


# --- streams -------------------------------------------------------------------------------------


async def read(scene: Scene, **options: Any) -> StreamInterruptedError:
    """Read a stream that breaks."""
    async with scene.pipeline.stream("Where?", schema=City, **options) as answer:
        with pytest.raises(StreamInterruptedError) as caught:
            async for _ in answer:
                pass
    assert answer.response is None
    assert answer.attempts[0].outcome == "stream_dropped"
    return caught.value


@pytest.mark.parametrize("options", [{}, {"repair": 1}])
async def test_a_stream_that_does_not_fit_breaks_at_its_end(options: Any) -> None:
    """What came is in the error; the reader has seen it, so that nothing is repeated or mended."""
    scene = Scene([stream(UNFIT[:5], UNFIT[5:]), OSLO])
    error = await read(scene, **options)
    assert (error.reason, error.fails_over, error.counts_against_provider) == (
        "invalid_response",
        False,
        False,
    )
    assert isinstance(error.__cause__, InvalidResponseError)
    assert "at $.size: Field required" in str(error.__cause__)
    assert "SECRET" not in f"{error}{error.__cause__}"
    assert error.received is not None
    assert (error.received.text, error.received.parsed) == (UNFIT, None)
    assert len(scene.providers[0].calls) == 1
    assert scene.circuits() == {"a": ("closed", 0, 0)}
    assert [event.kind for event in scene.events if isinstance(event, StreamInterrupted)] == [
        "invalid_response"
    ]


async def test_a_stream_that_the_filter_cut_off_says_so() -> None:
    """Its cause is the filter's."""
    cut_off = StreamEvent(finish_reason=FinishReason.CONTENT_FILTER)
    error = await read(Scene([stream(OSLO[:9], cut_off)]))
    assert error.reason == "content_filter"
    assert isinstance(error.__cause__, ContentFilterError)


async def test_a_stream_without_any_content_goes_on_to_the_next_target() -> None:
    """It ends before it is handed out: nobody has seen anything of it."""

    async def nothing(call: Any) -> Any:
        for text in ():
            yield text

    pipeline = Pipeline(Fallback(FunctionProvider("empty", stream=nothing), ScriptedProvider("b", [OSLO])))
    async with pipeline.stream("Where?", schema=City) as answer:
        assert (await answer.collect()).parsed == PARSED
    assert outcomes(answer)[0] == ("empty", 1, None, "invalid_response")


async def test_a_provider_that_cannot_stream_is_held_to_the_form_as_well() -> None:
    """Its whole answer comes in steps."""
    for reply, fits in ((OSLO, True), (UNFIT, False)):
        pipeline = Pipeline(Fallback(ScriptedProvider("a", [reply], streaming=False)))
        async with pipeline.stream("Where?", schema=City) as answer:
            if fits:
                assert (await answer.collect()).parsed == PARSED
            else:
                with pytest.raises(StreamInterruptedError):
                    await answer.collect()
