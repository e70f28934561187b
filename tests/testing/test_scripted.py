"""A provider that does what a test tells it to."""

import asyncio
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    FinishReason,
    InvalidResponseError,
    Pipeline,
    RateLimitError,
    Response,
    StreamEvent,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from ranvier.layers import Fallback, Retry, Timeout
from ranvier.pipeline import Call, Provider
from ranvier.testing import ScriptedProvider, after, broken, cut, ping, stall, stream

pytestmark = pytest.mark.virtual_time


async def both(*script: Any, **settings: Any) -> list[Response]:
    """The reply whole, and collected from a stream."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", script, **settings)))
    return [await pipeline.complete("Why?"), await (await pipeline.stream("Why?")).collect()]


async def test_it_is_a_provider() -> None:
    """With a name, a model, and both ways of asking."""
    provider = ScriptedProvider("one")
    assert isinstance(provider, Provider)
    assert (provider.name, provider.default_model) == ("one", "scripted")


async def test_replies_come_in_order_and_the_last_one_is_repeated() -> None:
    """Each call takes the next."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", ["a", "b"])))
    assert [(await pipeline.complete("Why?")).text for _ in range(4)] == ["a", "b", "b", "b"]


async def test_a_function_of_the_call_may_reply() -> None:
    """So that tenants, attempts or prompts are answered differently."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", lambda call: call.tenant)))
    assert (await pipeline.complete("Why?", tenant="acme")).text == "acme"


async def test_an_async_function_of_the_call_may_reply() -> None:
    """With anything that a script may hold; so a test decides when, and a reply may be a future."""

    async def reply(call: Call) -> Any:
        await asyncio.sleep(2)
        return after(1, stream("for ", call.tenant)) if call.tenant == "acme" else decided

    decided = asyncio.get_running_loop().create_future()
    pipeline = Pipeline(Fallback(ScriptedProvider("one", reply)))
    assert (await pipeline.complete("Why?", tenant="acme")).text == "for acme"
    assert asyncio.get_running_loop().time() == 3
    asyncio.get_running_loop().call_later(10, decided.set_result, "decided")
    assert (await pipeline.complete("Why?")).text == "decided"
    assert asyncio.get_running_loop().time() == 13


async def test_pings_are_no_content() -> None:
    """They keep a stream alive, and its first token waiting."""
    pings = [after(4, ping())] * 9
    slow = ScriptedProvider("one", [stream(*pings, "late"), stream("early ", *pings, "late")])
    pipeline = Pipeline(Fallback(slow), Timeout(first_token=20, idle=5))
    with pytest.raises(AttemptTimeoutError) as raised:
        await pipeline.complete("Why?")
    assert raised.value.phase == "first_token"
    assert (await pipeline.complete("Why?")).text == "early late"


@pytest.mark.parametrize(
    "reply",
    [
        "one two",
        stream("one ", "two"),
        stream(StreamEvent(text="one "), after(1, "two"), StreamEvent(finish_reason=FinishReason.STOP)),
        after(2, "one two"),
        after(1, after(1, stream("one ", after(1, "two")))),
    ],
)
async def test_a_reply_is_the_same_whole_and_streamed(reply: Any) -> None:
    """A text, steps, and delays around either."""
    whole, streamed = await both(reply)
    assert whole.text == streamed.text == "one two"
    assert whole.finish_reason == streamed.finish_reason == FinishReason.STOP


async def test_a_response_is_given_with_all_that_it_holds() -> None:
    """Tools, reasoning and usage too, whole and streamed; each time a new one."""
    calls = (ToolCall("c1", "look", {"at": "it"}),)
    reply = Response(
        "words",
        calls,
        "hm",
        FinishReason.TOOL_CALLS,
        usage=Usage(1, 2, 3),
        id="m1",
        raw_finish_reason="tool_use",
    )
    for answer in await both(reply):
        assert answer is not reply
        assert (answer.text, answer.tool_calls, answer.reasoning) == ("words", calls, "hm")
        assert (answer.finish_reason, answer.raw_finish_reason) == (FinishReason.TOOL_CALLS, "tool_use")
        assert (answer.usage, answer.id) == (Usage(1, 2, 3), "m1")
    assert reply.attempts == ()


async def test_steps_may_call_tools() -> None:
    """Asked whole, they are gathered."""
    delta = StreamEvent(tool_call=ToolCallDelta(0, "c1", "look", '{"at": "it"}'))
    for answer in await both(stream("Hm.", delta)):
        assert answer.tool_calls == (ToolCall("c1", "look", {"at": "it"}),)


async def test_delays_take_their_time() -> None:
    """Before a reply, and between its steps."""
    loop = asyncio.get_running_loop()
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [after(2, stream("a", after(3, "b")))])))
    answer = await pipeline.stream("Why?")
    assert loop.time() == 2
    await answer.collect()
    assert loop.time() == 5


async def test_an_error_is_raised_as_a_fresh_copy_each_time() -> None:
    """With its facts, and the provider's name where none was given; no two share a traceback."""
    told = RateLimitError("slow down", provider="other", retry_after=3)
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [told, told, broken(), stream("a", cut())])))
    raised: list[Any] = []
    for kind in (RateLimitError, RateLimitError, ConnectionFailedError, InvalidResponseError):
        with pytest.raises(kind) as error:
            await pipeline.complete("Why?")
        raised.append(error.value)
    assert raised[0] is not raised[1] is not told
    assert [error.provider for error in raised] == ["other", "other", "one", "one"]
    assert raised[0].retry_after == 3
    assert told.__traceback__ is None


async def test_any_exception_may_be_scripted() -> None:
    """Also those that are bugs."""
    with pytest.raises(ZeroDivisionError):
        await both(ZeroDivisionError())


async def test_it_counts_calls_those_in_flight_and_those_cut_short() -> None:
    """So that a test sees what reached it, and what was left of it."""
    provider = ScriptedProvider("one", [stall(), stream("a", stall()), "fine"])
    pipeline = Pipeline(Fallback(provider), Retry(max_retries=0), Timeout(seconds=5))
    call = asyncio.create_task(pipeline.complete("Why?", tenant="acme"))
    await asyncio.sleep(1)
    assert (len(provider.calls), provider.in_progress, provider.cancelled) == (1, 1, 0)
    call.cancel()
    await asyncio.wait([call])
    async with pipeline.stream("Why?"):
        assert provider.in_progress == 1
    await pipeline.complete("Why?")
    assert (len(provider.calls), provider.in_progress, provider.cancelled) == (3, 0, 2)
    assert [call.tenant for call in provider.calls] == ["acme", "default", "default"]


async def test_it_may_be_one_that_cannot_stream() -> None:
    """Then it is asked whole in any case."""
    whole, streamed = await both("fine", streaming=False)
    assert whole.text == streamed.text == "fine"


@pytest.mark.parametrize("script", [[], (), "fine"])
def test_a_script_that_says_nothing_is_refused(script: Any) -> None:
    """And a single text, which would be read letter by letter."""
    with pytest.raises(ConfigurationError, match=r"script=.*pass a list of replies"):
        ScriptedProvider("one", script)
