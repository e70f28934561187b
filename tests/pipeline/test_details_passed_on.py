"""What an answer has beside its content passes through every layer, streamed or not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.errors import ConfigurationError, StreamInterruptedError
from ranvier.layers import Fallback, Timeout
from ranvier.messages import Citation, Details, FinishReason, Message, Reply, Request, Response, StreamEvent
from ranvier.messages.build import build_request
from ranvier.messages.collector import Collector, steps_of
from ranvier.providers import FunctionProvider

pytestmark = pytest.mark.virtual_time


def details() -> Details:
    """What a provider says beside an answer."""
    reply = Reply({"server": "own"}, {"id": 1})
    return Details([Citation("https://example.com")], [], None, "flex", "req_1", reply)


async def complete(call: Any) -> Response:
    """A whole answer with details."""
    return Response("Hi", details=details())


async def stream(call: Any) -> AsyncIterator[StreamEvent | str]:
    """A streamed answer with details."""
    yield StreamEvent(text="Hi", details=Details(service_tier="auto"))
    yield StreamEvent(finish_reason=FinishReason.STOP, details=details())


PROVIDERS = {
    "whole": FunctionProvider("own", complete),
    "streamed": FunctionProvider("own", stream=stream),
    "both": FunctionProvider("own", complete, stream),
}

LIMITS = {"on the whole": Timeout(60), "on silence": Timeout(first_token=9, idle=9)}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
async def test_details_pass_through_a_pipeline(provider: FunctionProvider, limits: Timeout) -> None:
    """The last ones that a provider gives count; a stream has them in its last event, and in its answer."""
    async with Pipeline(Fallback(provider), limits) as pipeline:
        answer = await pipeline.complete("Why?")
        async with pipeline.stream("Why?") as streamed:
            last = [event async for event in streamed][-1]
    assert streamed.response is not None
    for found in (answer.details, streamed.response.details, last.details):
        assert found == details()
        assert found is not None
        assert found.request_id == "req_1"
        assert found.reply is not None
        assert found.reply.raw == {"id": 1}
    for attempt in (answer.attempts[-1], streamed.attempts[-1]):
        assert attempt.request_id == "req_1"


async def test_details_pass_through_a_pipeline_behind_a_pipeline() -> None:
    """Whole and streamed."""
    async with Pipeline(Fallback(PROVIDERS["both"])) as inner:

        async def ask(call: Any) -> Response:
            return await inner.complete("Why?")

        async def read(call: Any) -> AsyncIterator[StreamEvent | str]:
            async with inner.stream("Why?") as events:
                async for event in events:
                    yield event

        async with Pipeline(Fallback(FunctionProvider("outer", ask, read))) as outer:
            assert (await outer.complete("Why?")).details == details()
            async with outer.stream("Why?") as events:
                answer = await events.collect()
    assert answer.details == details()
    assert answer.raw == {"id": 1}


async def test_a_stream_that_breaks_has_the_id_of_its_request() -> None:
    """In the attempt and in what was received."""

    async def breaks(call: Any) -> AsyncIterator[StreamEvent | str]:
        yield StreamEvent(text="Hi", details=details())
        raise ConnectionResetError("gone")

    async with Pipeline(Fallback(FunctionProvider("own", stream=breaks))) as pipeline:
        with pytest.raises(StreamInterruptedError) as caught:
            async with pipeline.stream("Why?") as events:
                await events.collect()
    assert caught.value.received is not None
    assert caught.value.received.request_id == "req_1"
    assert caught.value.attempts[-1].request_id == "req_1"


def test_a_whole_answer_as_events_is_the_same_answer() -> None:
    """With the same details."""
    answer, collector = Response("Hi", details=details()), Collector()
    for step in steps_of(answer):
        collector.add(step)
    assert collector.answer("", "").details is answer.details


async def test_keep_raw_is_checked() -> None:
    """At once; a request has it as well."""
    for wrong in ("yes", 1, []):
        with pytest.raises(ConfigurationError, match=r"keep_raw=.*: give True or False"):
            build_request("Hi", {"keep_raw": wrong})  # type: ignore[typeddict-item]
    kept = build_request("Hi", {"keep_raw": True})
    assert kept.keep_raw
    assert build_request(kept, {}).keep_raw
    assert not build_request(kept, {"keep_raw": False}).keep_raw
    assert not Request((Message.user("Hi"),)).keep_raw
