"""What a pipeline's model sends, what it rejects, and which errors it raises."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from pydantic_ai import Agent, BinaryContent, ImageUrl, ToolOrOutput
from pydantic_ai import exceptions as theirs
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import (
    AudioUrl,
    CachePoint,
    DocumentUrl,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    ToolAvailabilityDeltaPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.native_tools import WebSearchTool
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition

from ranvier import ConfigurationError, Response, ToolCall, errors
from ranvier.errors import CircuitOpenError, RanvierError
from ranvier.integrations.pydantic_ai import PipelineModel
from ranvier.messages import Usage
from ranvier.simulator import Cut, Status
from ranvier.testing import ScriptedProvider
from support.pydantic_ai_models.models import Models

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7 a report"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ASKED = [ModelRequest(parts=[UserPromptPart("Why?")])]
TOOLS = [ToolDefinition(name="one"), ToolDefinition(name="two")]
OUTPUT = ToolDefinition(name="output", kind="output")


def scripted(models: Models, *script: Any) -> tuple[PipelineModel, ScriptedProvider]:
    provider = ScriptedProvider("scripted", list(script) or ["Because."])
    return PipelineModel(models.pipeline(provider)), provider


async def sent(models: Models, settings: Any = None, **parameters: Any) -> Any:
    """The request of ours that a request of theirs becomes."""
    model, provider = scripted(models)
    messages = parameters.pop("messages", ASKED)
    await model.request(messages, settings, ModelRequestParameters(**parameters))
    return provider.calls[0].request


SETTINGS = [
    ({"max_tokens": 7}, "max_tokens", 7),
    ({"temperature": 0.5}, "temperature", 0.5),
    ({"top_p": 0.5}, "top_p", 0.5),
    ({"seed": 3}, "seed", 3),
    ({"stop_sequences": ["."]}, "stop", (".",)),
    ({"thinking": "low"}, "reasoning", "low"),
    ({"thinking": True}, "reasoning", "medium"),
    ({"thinking": False}, "reasoning", "off"),
    ({"cache": True}, "cache", True),
    ({"cache": "1h"}, "cache", "1h"),
    ({"cache": {"retention": "5m"}}, "cache", "5m"),
    ({"extra_body": {"openai": {"user": "u"}}}, "extra", {"openai": {"user": "u"}}),
    ({"max_retries": 0, "parallel_tool_calls": True, "temperature": None}, "temperature", None),
]


@pytest.mark.parametrize(("settings", "option", "value"), SETTINGS, ids=lambda each: str(each)[:40])
async def test_a_setting_becomes_an_option(settings: Any, option: str, value: Any, models: Models) -> None:
    assert getattr(await sent(models, settings), option) == value


@pytest.mark.parametrize(
    "settings",
    [
        *({"timeout": 3}, {"max_retries": 2}, {"extra_headers": {"a": "secret"}}, {"top_k": 3}),
        *({"parallel_tool_calls": False}, {"service_tier": "flex"}, {"logit_bias": {"1": 2}}),
        *({"openai_user": "secret"}, {"cache": {"messages": False}}, {"framing_announcement": "always"}),
    ],
    ids=str,
)
async def test_a_setting_that_is_not_sent_is_an_error(settings: Any, models: Models) -> None:
    """It names the setting and what to do instead, and quotes no value."""
    with pytest.raises(theirs.UserError, match=next(iter(settings))) as caught:
        await sent(models, settings)
    assert "secret" not in str(caught.value)


async def test_a_deadline_of_a_request_is_that_of_the_call(models: Models) -> None:
    """So that no retry begins that could not end."""
    model, provider = scripted(models)
    await model.request(ASKED, {"request_timeout": 3}, ModelRequestParameters())
    (call,) = provider.calls
    assert call.deadline is not None
    assert call.deadline - call.record.started_at == pytest.approx(3)


CHOICES = [
    (None, ["one", "two"], "auto"),
    ("auto", ["one", "two"], "auto"),
    ("none", ["one", "two"], "none"),
    ("required", ["one", "two"], "required"),
    (["two"], ["two"], "two"),
    (["one", "two"], ["one", "two"], "required"),
    (ToolOrOutput(function_tools=["one"]), ["one"], "auto"),
]


@pytest.mark.parametrize(("choice", "names", "mode"), CHOICES, ids=lambda each: str(each)[:40])
async def test_a_choice_among_tools(choice: Any, names: list[str], mode: str, models: Models) -> None:
    request = await sent(models, {"tool_choice": choice}, function_tools=TOOLS)
    assert [tool.name for tool in request.tools] == names
    assert request.tool_choice == mode


@pytest.mark.parametrize(
    ("choice", "names", "mode"),
    [
        (None, ["one", "two", "output"], "required"),
        ("none", ["output"], "output"),
        ("required", ["one", "two"], "required"),
    ],
)
async def test_a_choice_where_the_output_is_a_tool(
    choice: Any, names: list[str], mode: str, models: Models
) -> None:
    """An answer in words is not allowed then."""
    request = await sent(
        models,
        {"tool_choice": choice},
        function_tools=TOOLS,
        output_tools=[OUTPUT],
        output_mode="tool",
        allow_text_output=False,
    )
    assert [tool.name for tool in request.tools] == names
    assert request.tool_choice == mode


@pytest.mark.parametrize("choice", ["required", ["three"], 7])
async def test_a_choice_of_no_tool_is_an_error(choice: Any, models: Models) -> None:
    tools = TOOLS if choice != "required" else []
    with pytest.raises(theirs.UserError, match="tool_choice"):
        await sent(models, {"tool_choice": choice}, function_tools=tools)


async def test_instructions_and_system_prompts(models: Models) -> None:
    """Instructions are the system text; system prompts stay in their place."""
    messages = [
        ModelRequest(parts=[SystemPromptPart("Be kind."), UserPromptPart("Why?")], instructions="Be brief.")
    ]
    request = await sent(models, messages=messages)
    assert request.system == "Be brief."
    assert [message.role for message in request.messages] == ["system", "user"]


async def test_pictures_and_results_with_pictures(models: Models) -> None:
    """By address and by bytes, in a prompt and in the result of a tool that has failed."""
    picture = BinaryContent(PNG, media_type="image/png", vendor_metadata={"detail": "low"})
    messages: list[Any] = [
        ModelRequest(parts=[UserPromptPart(["See", ImageUrl("https://example.com/a.png"), picture])]),
        ModelResponse(parts=[ToolCallPart("one", {}, "c1")]),
        ModelRequest(parts=[ToolReturnPart("one", ["no", picture], "c1", outcome="failed")]),
    ]
    first, _, result = (await sent(models, messages=messages)).messages
    assert [type(part).__name__ for part in first.parts] == ["Text", "Image", "Image"]
    assert (first.parts[2].data, first.parts[2].detail) == (PNG, "low")
    (part,) = result.parts
    assert (part.name, part.call_id, part.is_error) == ("one", "c1", True)
    assert part.parts[-1].data == PNG


@pytest.mark.parametrize(
    "content",
    [
        AudioUrl("https://example.com/a"),
        VideoUrl("https://example.com/a.mp4"),
        DocumentUrl("https://example.com/a.docx"),
        BinaryContent(b"PK", media_type=DOCX),
        BinaryContent(b"%PDX", media_type="application/pdf"),
        BinaryContent(b"..", media_type="video/mp4"),
        BinaryContent(PDF, media_type="application/pdf", vendor_metadata={"media_resolution": 1}),
        UploadedFile("file-1", provider_name="openai"),
        ImageUrl("https://example.com/a.png", force_download=True),
        ImageUrl("https://example.com/a.png", vendor_metadata={"media_resolution": 1}),
        CachePoint(),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_content_that_is_not_sent_is_an_error(content: Any, models: Models) -> None:
    with pytest.raises(theirs.UserError, match="does not send"):
        await sent(models, messages=[ModelRequest(parts=[UserPromptPart(["See", content])])])


async def test_a_part_that_was_not_prepared_is_an_error(models: Models) -> None:
    """An agent prepares it."""
    with pytest.raises(theirs.UserError, match="prepare_messages"):
        await sent(models, messages=[ModelRequest(parts=[ToolAvailabilityDeltaPart()])])


async def test_the_description_of_an_output_is_in_its_schema(models: Models) -> None:
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    described = OutputObjectDefinition(json_schema=schema, name="Word", description="One word.")
    model, provider = scripted(models, '{"word": "yes"}')
    parameters = ModelRequestParameters(output_mode="native", output_object=described)
    await model.request(ASKED, None, parameters)
    sent = provider.calls[0].request.schema
    assert sent is not None
    assert (sent.name, sent.definition) == ("Word", {**schema, "description": "One word."})


async def test_native_tools_are_rejected(models: Models) -> None:
    model, provider = scripted(models)
    with pytest.raises(theirs.UserError, match="WebSearchTool"):
        await model_request(
            model, ASKED, model_request_parameters=ModelRequestParameters(native_tools=[WebSearchTool()])
        )
    assert not provider.calls


async def test_calls_that_make_no_sense_reach_the_agent(models: Models) -> None:
    """It asks again, with what is wrong; nothing is repaired in silence."""
    broken = Response("", tool_calls=(ToolCall("c1", "length", {}, invalid='{"word": '),))
    model, provider = scripted(models, broken, "Four.")
    agent = Agent(model)

    @agent.tool_plain
    def length(word: str) -> int:
        return len(word)

    assert (await agent.run("How long?")).output == "Four."
    assert "Invalid JSON" in str(provider.calls[1].request.messages[-1])


async def test_usage_that_no_provider_reports_is_unmeasured(models: Models) -> None:
    """And the rest is counted the way pydantic-ai counts it."""
    told = Usage(input=9, output=5, total=14, cache_read=4, cache_write=2, reasoning=3)
    model, _ = scripted(models, Response("One.", usage=told), Response("Two."))
    usage = (await Agent(model).run("Why?")).usage
    assert (usage.input_tokens, usage.output_tokens) == (9, 5)
    assert (usage.cache_read_tokens, usage.cache_write_tokens, usage.output_reasoning_tokens) == (4, 2, 3)
    response = await model_request(model, ASKED)
    assert response.usage.unmeasured_requests == 1


# --- errors --------------------------------------------------------------------------------------

FAILURES = [
    (Status(429, retry_after=7200), theirs.ModelRateLimitError, 429),
    (Status(529), theirs.ModelOverloadedError, 529),
    (Status(500), theirs.ModelServerError, 500),
    (Status(401), theirs.ModelAuthenticationError, 401),
    (Status(404), theirs.ModelNotFoundError, 404),
    (Status(400), theirs.ModelRequestRejectedError, 400),
]


async def _streamed(model: PipelineModel) -> None:
    async with model_request_stream(model, ASKED) as stream:
        async for _ in stream:
            pass


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "kind", "status"), FAILURES, ids=lambda each: str(each)[:30])
async def test_an_error_is_of_their_class(
    fault: Any, kind: type[Exception], status: int, streamed: bool, models: Models
) -> None:
    """With the status, and our error as its cause."""
    models.simulator.always("openai", fault)
    model = models.ours()
    with pytest.raises(kind) as caught:
        await (_streamed(model) if streamed else model_request(model, ASKED))
    assert isinstance(caught.value, theirs.ModelHTTPError)
    assert caught.value.status_code == status
    assert isinstance(caught.value.__cause__, RanvierError)
    assert str(caught.value) == str(caught.value.__cause__)


async def test_a_stream_that_breaks_is_a_failed_connection(models: Models) -> None:
    """It says that the answer had begun."""
    models.simulator.play("openai", Cut(after=3))
    with pytest.raises(theirs.ModelConnectionError) as caught:
        await _streamed(models.ours())
    assert caught.value.in_stream
    assert isinstance(caught.value.__cause__, errors.StreamInterruptedError)


async def test_an_open_circuit_is_an_unavailable_model(models: Models) -> None:
    models.simulator.always("openai", Status(503))
    model = models.ours()
    for _ in range(5):
        with pytest.raises(theirs.ModelUnavailableError) as caught:
            await model_request(model, ASKED)
    assert isinstance(caught.value.__cause__, CircuitOpenError)


async def test_their_fallback_goes_on_to_the_next_model(models: Models) -> None:
    """Their `FallbackModel` knows our errors."""
    models.simulator.always("openai", Status(503))
    first = PipelineModel(models.pipeline())
    second, _ = scripted(models, "The second.")
    assert (await Agent(FallbackModel(first, second)).run("Why?")).output == "The second."


async def test_a_misused_pipeline_is_told_as_it_is(models: Models) -> None:
    """`ConfigurationError` says what to do; no other model would help."""
    with pytest.raises(ConfigurationError, match="nobody") as caught:
        await model_request(PipelineModel(models.pipeline(), to="nobody/x"), ASKED)
    assert caught.value.__cause__ is not caught.value  # whoever follows the causes would never end
    with pytest.raises(ConfigurationError, match="give a Pipeline"):
        PipelineModel("openai")  # type: ignore[arg-type]


async def test_no_setting_of_ours_warns(models: Models) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await Agent(models.ours(), model_settings={"thinking": "low", "max_tokens": 9}).run("Why?")
