"""Streams of pydantic-ai in which a part begins again, and replaces what there was of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.messages import (
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
    ToolCallPartDelta,
)

from ranvier import Response
from ranvier.errors import InvalidResponseError, RanvierError
from ranvier.providers import from_pydantic_ai
from support.pydantic_ai_models.models import Models
from support.pydantic_ai_models.replayed import Whole

BERGEN = '{"city": "Bergen"}'


async def streamed(models: Models, *events: Any) -> Response:
    model = Whole(ModelResponse(parts=[]), list(events))
    async with models.whole(from_pydantic_ai(model)).stream("Why?") as stream:
        return await stream.collect()


def call(arguments: Any) -> PartStartEvent:
    return PartStartEvent(index=0, part=ToolCallPart("weather", arguments, "c1"))


def more(arguments: Any) -> PartDeltaEvent:
    return PartDeltaEvent(index=0, delta=ToolCallPartDelta(args_delta=arguments))


@pytest.mark.parametrize(
    "events",
    [
        (call(BERGEN),),
        (call({"city": "Bergen"}),),
        (call(None), more({"city": "Bergen"})),
        (call('{"city": '), more('"Bergen"}')),
        (call('{"city": '), more('"Ber'), call(BERGEN)),
        (call(""), more(BERGEN), call(BERGEN)),
        (call(BERGEN), call({"city": "Bergen"})),
    ],
    ids=["whole", "a dict", "a dict later", "pieces", "again with more", "again", "again as a dict"],
)
async def test_arguments_are_handed_out_once(events: Any, models: Models) -> None:
    answer = await streamed(models, *events)
    (found,) = answer.tool_calls
    assert (found.id, found.name, found.arguments) == ("c1", "weather", {"city": "Bergen"})
    assert found.invalid is None


async def test_texts_and_thoughts_are_handed_out_once(models: Models) -> None:
    answer = await streamed(
        models,
        PartStartEvent(index=0, part=ThinkingPart("Hm")),
        PartStartEvent(index=0, part=ThinkingPart("Hm.", signature="s", provider_name="played")),
        PartStartEvent(index=1, part=TextPart("Be")),
        PartDeltaEvent(index=1, delta=TextPartDelta("cau")),
        PartStartEvent(index=1, part=TextPart("Because.")),
    )
    assert (answer.reasoning, answer.text) == ("Hm.", "Because.")


@pytest.mark.parametrize(
    "events",
    [
        (PartStartEvent(index=0, part=TextPart("Yes")), PartStartEvent(index=0, part=TextPart("No"))),
        (call('{"city": "Oslo"'), call(BERGEN)),
        (call({"city": "Oslo"}), more({"more": 1})),
        (call(""), PartDeltaEvent(index=0, delta=ToolCallPartDelta(tool_name_delta="_tomorrow"))),
        (call(""), PartStartEvent(index=0, part=ToolCallPart("weather_tomorrow", BERGEN, "c1"))),
    ],
    ids=["a text", "arguments", "a dict", "a name that grows", "another name"],
)
async def test_what_is_taken_back_is_no_answer(events: Any, models: Models) -> None:
    """A mix of both would be neither."""
    with pytest.raises(RanvierError, match=r"takes back|invalid_response") as caught:
        await streamed(models, *events)
    error = caught.value
    assert isinstance(error, InvalidResponseError) or isinstance(error.__cause__, InvalidResponseError)
