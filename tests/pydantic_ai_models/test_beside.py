"""What answers have beside their content, between pydantic-ai and ranvier, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai import messages as theirs
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ThinkingPart, ToolCallPart

from ranvier import Pipeline, Response, ToolCall, errors
from ranvier.integrations.pydantic_ai import PipelineModel
from ranvier.messages import Text
from ranvier.messages.beside.details import Citation, Details, TokenLogprob
from ranvier.providers import from_pydantic_ai
from ranvier.testing import ScriptedProvider
from support.pydantic_ai_models.models import Models
from support.pydantic_ai_models.replayed import Whole

WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])

TEXT = "It rains. See [1]."
DETAILS = Details(
    citations=[
        Citation(url="https://a.example", title="A", quote="rain", passage="It rains.", start=0, end=999),
        Citation(title="report.pdf", start=14, end=17, source={"file_id": "f1"}),
        Citation(source={"file_id": "f2"}),
        Citation(url="https://b.example", start=90, end=99),
    ],
    logprobs=[TokenLogprob("It", -0.1, (TokenLogprob("He", -2.0),))],
    refusal="No more.",
    service_tier="flex",
    request_id="req_1",
)


async def answered(models: Models, answer: Response, streamed: bool) -> ModelResponse:
    """What an agent over a pipeline has for an answer."""
    agent = Agent(PipelineModel(models.pipeline(ScriptedProvider("scripted", [answer]))))
    if streamed:
        async with agent.run_stream("Why?") as run:
            await run.get_output()
        last = run.all_messages()[-1]
    else:
        last = (await agent.run("Why?")).all_messages()[-1]
    assert isinstance(last, ModelResponse)
    return last


@WAYS
async def test_an_agent_gets_what_stands_beside_the_answer(streamed: bool, models: Models) -> None:
    """Citations at the text, and the rest under the names that pydantic-ai's own models use."""
    response = await answered(models, Response(TEXT, parts=(Text(TEXT),), details=DETAILS), streamed)
    (text,) = response.parts
    assert isinstance(text, TextPart)
    assert text.citations == [
        theirs.Citation(
            [theirs.WebCitationSource("https://a.example", title="A", excerpts=["rain"])],
            anchor=theirs.ContentCitationAnchor(start=0, end=9),
        ),
        theirs.Citation(
            [theirs.DocumentCitationSource(title="report.pdf")],
            anchor=theirs.MarkerCitationAnchor(start=14, end=17),
        ),
        theirs.Citation([theirs.WebCitationSource("https://b.example")]),
    ]
    assert response.provider_details == {
        "service_tier": "flex",
        "refusal": "No more.",
        "request_id": "req_1",
        "logprobs": [{"token": "It", "logprob": -0.1, "top_logprobs": [{"token": "He", "logprob": -2.0}]}],
        "citations": [{"file_id": "f1"}, {"file_id": "f2"}],
    }


@WAYS
async def test_a_passage_that_occurs_twice_has_no_place(streamed: bool, models: Models) -> None:
    """Providers count places in several ways, so that a guess may be wrong."""
    details = Details(citations=[Citation(url="https://a.example", passage="na", start=2, end=4)])
    response = await answered(models, Response("banana", parts=(Text("banana"),), details=details), streamed)
    assert response.parts[0].citations[0].anchor is None  # type: ignore[union-attr, index]


@WAYS
async def test_a_plain_answer_has_nothing_beside_it(streamed: bool, models: Models) -> None:
    response = await answered(models, Response("Yes.", parts=(Text("Yes."),)), streamed)
    assert response.provider_details is None
    assert response.parts == [TextPart("Yes.")]


# --- behind the layers -----------------------------------------------------------------------------------


async def asked(models: Models, streamed: bool, response: ModelResponse) -> Response:
    pipeline: Pipeline = models.whole(from_pydantic_ai(Whole(response)))
    if not streamed:
        return await pipeline.complete("Why?")
    async with pipeline.stream("Why?") as stream:
        return await stream.collect()


@WAYS
async def test_a_pipeline_gets_what_stands_beside_their_answer(streamed: bool, models: Models) -> None:
    source = theirs.WebCitationSource("https://a.example", title="A", excerpts=["one", "two"])
    anchor = theirs.ContentCitationAnchor(start=0, end=4)
    marker = theirs.MarkerCitationAnchor(start=5, end=8)
    tokens = [{"token": "Yes", "bytes": None, "logprob": -0.1, "top_logprobs": []}]
    answer = await asked(
        models,
        streamed,
        ModelResponse(
            parts=[
                TextPart("Well. ", provider_name="played", provider_details={"logprobs": tokens}),
                TextPart(
                    "Yes. [1]",
                    citations=[theirs.Citation([source], anchor=each) for each in (anchor, marker, None)],
                ),
            ],
            provider_details={"service_tier": "flex", "refusal": "No more."},
            finish_reason="stop",
        ),
    )
    places = [(each.passage, each.start, each.end) for each in answer.citations]
    assert places == [("Yes.", 6, 10), (None, 11, 14), (None, None, None)]
    assert (answer.citations[0].url, answer.citations[0].quote) == ("https://a.example", "one\ntwo")
    assert answer.text[6:10] == "Yes."
    assert answer.logprobs == (TokenLogprob("Yes", -0.1),)
    assert (answer.service_tier, answer.refusal) == ("flex", "No more.")


@WAYS
@pytest.mark.parametrize("parts", [[], [ThinkingPart("Hm.")]], ids=["nothing", "thoughts"])
async def test_a_refusal_without_an_answer_is_an_error(parts: Any, streamed: bool, models: Models) -> None:
    """As of our own providers."""
    refused = ModelResponse(
        parts=parts, provider_details={"refusal": "I cannot."}, finish_reason="content_filter"
    )
    with pytest.raises(errors.RanvierError) as caught:
        await asked(models, streamed, refused)
    kinds = (errors.ContentFilterError, errors.StreamInterruptedError)
    assert isinstance(caught.value, kinds)
    assert "content filter" in str(caught.value).replace("_", " ")


@WAYS
async def test_texts_and_calls_keep_their_order(streamed: bool, models: Models) -> None:
    """Also where a text follows a call; texts in a row are one part."""
    parts = (
        Text("One. "),
        Text("Two."),
        ToolCall("c1", "look", {}),
        Text("Three."),
        ToolCall("c2", "look", {}),
    )
    calls = tuple(part for part in parts if isinstance(part, ToolCall))
    answer = Response("One. Two.Three.", calls, "Hm.", parts=parts)
    model = PipelineModel(models.pipeline(ScriptedProvider("scripted", [answer])))
    asked = [ModelRequest.user_text_prompt("Why?")]
    if streamed:
        async with model_request_stream(model, asked) as stream:
            async for _ in stream:
                pass
            response = stream.get()
    else:
        response = await model_request(model, asked)
    shown = [part.tool_call_id if isinstance(part, ToolCallPart) else part.content for part in response.parts]
    assert shown == ["Hm.", "One. Two.", "c1", "Three.", "c2"]
