"""A model of pydantic-ai behind the layers: what it is sent, what it answers, and how it fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import exceptions as theirs
from pydantic_ai.messages import (
    BinaryImage,
    FilePart,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.usage import RequestUsage

from ranvier import ConfigurationError, Message, Pipeline, Tool, ToolCall, errors
from ranvier.errors import AllDeploymentsFailedError
from ranvier.messages import FinishReason, Image, ToolCallDelta, WirePart, WireTool
from ranvier.providers import Stub, from_pydantic_ai
from ranvier.simulator import Cut, Slow, Status
from ranvier.testing import assert_settled
from support.pydantic_ai_models.models import Models

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


def weather(city: str) -> str:
    """The weather.

    Args:
        city: The city.
    """
    return f"sunny in {city}"


class Played:
    """A model of pydantic-ai that answers what it is told to, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, AgentInfo]] = []

    def __call__(self, messages: Any, info: AgentInfo) -> ModelResponse:
        self.asked.append((messages, info))
        answer = self.answers.pop(0) if self.answers else ModelResponse(parts=[TextPart("Because.")])
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, ModelResponse)
        return answer

    def behind(self, models: Models, *others: Any) -> Pipeline:
        return models.whole(from_pydantic_ai(FunctionModel(self, model_name="played"), name="agent"), *others)


# --- answers -------------------------------------------------------------------------------------


async def test_a_whole_answer(models: Models) -> None:
    """With usage, the names of provider and model, and the id."""
    answer = await models.behind().complete("Why?")
    (exchange,) = models.simulator.requests
    assert answer.text
    assert (answer.provider, answer.model, answer.finish_reason) == ("openai", "gpt-5.2", FinishReason.STOP)
    assert (answer.usage.input, answer.usage.output) == (exchange.input_tokens, exchange.output_tokens)
    assert answer.usage.complete
    assert answer.id is not None
    assert answer.attempts[0].target == "openai/gpt-5.2"


async def test_a_streamed_answer(models: Models) -> None:
    """Piece by piece; it adds up to the whole one."""
    whole = await models.behind().complete("Why?")
    async with models.behind().stream("Why?") as stream:
        pieces = [event.text async for event in stream if event.text]
    assert stream.response is not None
    assert "".join(pieces) == stream.response.text == whole.text
    assert len(pieces) > 5
    assert stream.response.usage == whole.usage


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_loop_of_tools(streamed: bool, models: Models) -> None:
    """Calls come with their arguments; the result finds its call."""
    pipeline, history = models.behind(), [Message.user("What does weather say?")]
    answer = await _ask(pipeline, history, streamed)
    (call,) = answer.tool_calls
    assert (call.name, set(call.arguments)) == ("weather", {"city"})
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    history += [answer.message, Message.tool(call.id, weather(**call.arguments))]
    assert (await _ask(pipeline, history, streamed)).text
    assert all(exchange.refused is None for exchange in models.simulator.requests)


async def _ask(pipeline: Pipeline, history: list[Message], streamed: bool) -> Any:
    if not streamed:
        return await pipeline.complete(history, tools=[weather])
    async with pipeline.stream(history, tools=[weather]) as stream:
        return await stream.collect()


async def test_a_structured_answer(models: Models) -> None:
    answer = await models.behind().complete("Where?", schema=City)
    assert isinstance(answer.parsed, City)


async def test_reasoning_goes_back_to_its_model(models: Models) -> None:
    """As that model gave it; to nobody else."""
    pipeline = models.behind(settings={"openai_reasoning_summary": "auto"})
    history = [Message.user("What does weather say?")]
    answer = await _ask(pipeline, history, streamed=False)
    assert answer.reasoning
    history += [answer.message, Message.tool(answer.tool_calls[0].id, "sunny")]
    await pipeline.complete(history, tools=[weather])
    sent = models.simulator.requests[-1].body["input"]
    assert "reasoning" in [item.get("type") for item in sent]
    await models.pipeline().complete(history, tools=[weather])
    assert "reasoning" not in [item.get("type") for item in models.simulator.requests[-1].body["input"]]


async def test_an_edited_answer_is_sent_as_it_reads_now(models: Models) -> None:
    played = Played(ModelResponse(parts=[ThinkingPart("Hm."), TextPart("Yes.")]))
    pipeline = played.behind(models)
    answer = await pipeline.complete("Why?")
    for message in (answer.message, Message("assistant", ["No. ", *answer.message.parts])):
        await pipeline.complete([Message.user("Why?"), message, Message.user("Really?")])
    kept, changed = (messages[1].parts for messages, _ in played.asked[1:])
    assert [type(part) for part in kept] == [ThinkingPart, TextPart]
    assert [type(part) for part in changed] == [TextPart, TextPart]


async def test_edited_arguments_are_sent_as_they_read_now(models: Models) -> None:
    """A response that was kept with others stays behind."""
    call = ToolCallPart("weather", {"city": "Oslo"}, "c1")
    played = Played(ModelResponse(parts=[ThinkingPart("Hm."), call]))
    pipeline = played.behind(models)
    answer = await pipeline.complete("Why?", tools=[weather])
    edited = Message.assistant(tool_calls=[ToolCall("c1", "weather", {"city": "Bergen"})])
    for message in (answer.message, Message("assistant", [*answer.message.parts[:1], *edited.parts])):
        await pipeline.complete([message, Message.tool("c1", "sunny")], tools=[weather])
    kept, changed = (messages[0].parts for messages, _ in played.asked[1:])
    assert [type(part) for part in kept] == [ThinkingPart, ToolCallPart]
    assert [part.args for part in changed] == [{"city": "Bergen"}]


async def test_pieces_of_thoughts_and_calls(models: Models) -> None:
    """From a model that streams both."""

    async def stream(messages: Any, info: AgentInfo) -> Any:
        yield {0: DeltaThinkingPart(content="Hm.")}
        yield {1: DeltaToolCall("weather", '{"city": ', tool_call_id="c1")}
        yield {1: DeltaToolCall(json_args='"Bergen"}')}

    model = FunctionModel(stream_function=stream, model_name="played")
    async with models.pipeline(from_pydantic_ai(model)).stream("Why?", tools=[weather]) as answer:
        events = [event async for event in answer]
    assert events[0].reasoning == "Hm."
    assert any(isinstance(event.tool_call, ToolCallDelta) for event in events)
    assert answer.response is not None
    assert dict(answer.response.tool_calls[0].arguments) == {"city": "Bergen"}


async def test_usage_that_is_not_reported_is_not_complete(models: Models) -> None:
    told = RequestUsage(input_tokens=9, output_tokens=5, cache_read_tokens=4, output_reasoning_tokens=3)
    missing = RequestUsage(unmeasured_requests=1)
    pipeline = Played(
        *(ModelResponse(parts=[TextPart("Yes.")], usage=each) for each in (told, missing))
    ).behind(models)
    usage = (await pipeline.complete("Why?")).usage
    assert (usage.input, usage.output, usage.total, usage.cache_read, usage.reasoning) == (9, 5, 14, 4, 3)
    assert usage.complete
    assert not (await pipeline.complete("Why?")).usage.complete


async def test_an_answer_that_is_a_picture_is_not_empty(models: Models) -> None:
    """It is kept for the history, and no other target is asked for another."""
    picture = ModelResponse(parts=[FilePart(BinaryImage(PNG, media_type="image/png"))])
    answer = await Played(picture).behind(models, Stub("no")).complete("Draw")
    assert (answer.provider, answer.text) == ("agent", "")


# --- requests ------------------------------------------------------------------------------------


async def test_what_a_request_becomes(models: Models) -> None:
    """The settings, the tools, the instructions and the messages."""
    played = Played()
    await played.behind(models).complete(
        [
            Message("user", ["See", Image("https://example.com/a.png"), Image(data=PNG, detail="low")]),
            Message.assistant("Look.", tool_calls=[ToolCall("c1", "weather", {"city": "Bergen"})]),
            Message.tool("c1", ["sunny", Image(data=PNG)], is_error=True),
        ],
        system="Be brief.",
        tools=[Tool.of(weather)],
        tool_choice="weather",
        max_tokens=7,
        temperature=0.5,
        stop=".",
        reasoning="low",
        extra={"agent": {"a": 1}, "user": "u", "openai": {"b": 2}},
    )
    ((messages, info),) = played.asked
    asked, answered, result = messages
    assert [type(part).__name__ for part in asked.parts[0].content] == ["str", "ImageUrl", "BinaryContent"]
    assert [type(part) for part in answered.parts] == [TextPart, ToolCallPart]
    (part,) = result.parts
    assert isinstance(part, ToolReturnPart)
    assert (part.tool_name, part.tool_call_id, part.outcome) == ("weather", "c1", "failed")
    assert info.instructions == "Be brief."
    assert [tool.name for tool in info.function_tools] == ["weather"]
    settings = dict(info.model_settings or {})
    assert settings == {
        "max_tokens": 7,
        "temperature": 0.5,
        "stop_sequences": ["."],
        "max_retries": 0,
        "tool_choice": ["weather"],
        "extra_body": {"user": "u", "a": 1},
    }


async def test_what_lies_between_two_answers_is_one_request(models: Models) -> None:
    played = Played()
    await played.behind(models).complete([Message.system("Be kind."), Message.user("A"), Message.user("B")])
    ((messages, _),) = played.asked
    assert [part.part_kind for part in messages[0].parts] == ["system-prompt", "user-prompt", "user-prompt"]
    assert isinstance(messages[0].parts[1], UserPromptPart)


UNSENT: list[tuple[Any, dict[str, Any]]] = [
    ("Why?", {"reasoning": 1024}),
    ("Why?", {"reasoning_summary": True}),
    ("Why?", {"cache_key": "k"}),
    ("Why?", {"tools": [WireTool("openai", {"type": "web_search"})]}),
    ("Why?", {"tools": [Tool("one", extra={"cache_control": {}})]}),
    ([Message("user", [WirePart("openai", {"type": "input_file"})])], {}),
    ([Message("user", "Why?", {"name": "Ada"})], {}),
]


@pytest.mark.parametrize(("prompt", "options"), UNSENT, ids=str)
async def test_what_is_not_sent_passes_the_target_over(
    prompt: Any, options: dict[str, Any], models: Models
) -> None:
    """An error that says so, and the next target; nothing is asked without it."""
    played = Played()
    answer = await played.behind(models, Stub("The next.")).complete(prompt, **options)
    assert answer.text == "The next."
    assert answer.attempts[0].outcome == "invalid_request"
    assert not played.asked


async def test_a_setting_that_the_model_ignores_passes_it_over(models: Models) -> None:
    class Deaf(FunctionModel):
        unsupported_settings = frozenset({"seed", "max_retries"})

    played = Played()
    with pytest.raises(ConfigurationError, match="retries_off=True"):
        from_pydantic_ai(Deaf(played, model_name="played"))
    provider = from_pydantic_ai(Deaf(played, model_name="played"), retries_off=True)
    pipeline = models.whole(provider, Stub("The next."))
    assert (await pipeline.complete("Why?", seed=3)).text == "The next."
    assert (await pipeline.complete("Why?")).text == "Because."
    assert "max_retries" not in (played.asked[0][1].model_settings or {})


async def test_another_model_is_not_asked_for(models: Models) -> None:
    """The object has one model; a target with another name would be asked the wrong one."""
    answer = await models.whole(from_pydantic_ai(models.theirs())).complete("Why?", to="openai/gpt-9")
    assert [attempt.outcome for attempt in answer.attempts] == ["model_not_found", "succeeded"]
    assert [exchange.model for exchange in models.simulator.requests] == ["gpt-5.2"]


# --- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_layers_retry_and_the_sdk_does_not(streamed: bool, models: Models) -> None:
    """Each request is an attempt; the model's own setting does not hold."""
    models.simulator.play("openai", Status(503), Status(429, retry_after=0.01))
    pipeline = models.whole(from_pydantic_ai(models.theirs(settings={"max_retries": 5})))
    if streamed:
        async with pipeline.stream("Why?") as stream:
            answer = await stream.collect()
    else:
        answer = await pipeline.complete("Why?")
    outcomes = [attempt.outcome for attempt in answer.attempts]
    assert outcomes == ["overloaded", "rate_limit", "succeeded"]
    assert len(models.simulator.requests) == 3


FAILURES = [
    (Status(429, retry_after=7200), errors.RateLimitError),
    (Status(529), errors.OverloadedError),
    (Status(500), errors.ServerError),
    (Status(401), errors.AuthenticationError),
    (Status(404), errors.ModelNotFoundError),
    (Status(400), errors.InvalidRequestError),
]


@pytest.mark.parametrize(("fault", "kind"), FAILURES, ids=lambda each: str(each)[:40])
async def test_an_error_of_theirs_is_ours(fault: Any, kind: type[Exception], models: Models) -> None:
    """With its status, and without the words of the provider; theirs is the cause."""
    models.simulator.always("openai", fault)
    with pytest.raises(kind) as caught:
        await models.behind().complete("Why?")
    error = caught.value
    assert isinstance(error, errors.ProviderError)
    assert error.status == fault.status
    assert isinstance(error.__cause__, theirs.ModelHTTPError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (theirs.ModelTimeoutError("m", "slow", phase="connect"), errors.AttemptTimeoutError),
        (theirs.ModelConnectionError("m", "reset"), errors.ConnectionFailedError),
        (theirs.ModelQuotaExceededError("m", "no"), errors.QuotaExceededError),
        (theirs.ModelContextWindowExceededError("m", "long"), errors.ContextLengthError),
        (theirs.ContentFilterError("no"), errors.ContentFilterError),
        (theirs.UnexpectedModelBehavior("odd"), errors.InvalidResponseError),
        (theirs.UserError("not supported"), errors.UnsupportedRequestError),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
async def test_an_error_without_a_status_is_ours_too(
    error: Exception, kind: type[Exception], models: Models
) -> None:
    with pytest.raises(kind):
        await Played(*[error] * 9).behind(models).complete("Why?")


async def test_an_error_of_nobody_we_know_propagates(models: Models) -> None:
    with pytest.raises(KeyError):
        await Played(KeyError("mine")).behind(models, Stub("no")).complete("Why?")


async def test_a_stream_that_breaks_is_interrupted(models: Models) -> None:
    models.simulator.always("openai", Cut(after=3))
    with pytest.raises(errors.StreamInterruptedError) as caught:
        await _streamed(models.behind())
    assert caught.value.received is not None
    assert caught.value.received.text


async def _streamed(pipeline: Pipeline) -> None:
    async with pipeline.stream("Why?") as stream:
        await stream.collect()


async def test_an_answer_that_is_not_whole_is_none(models: Models) -> None:
    """A model that was cut off says so in the state of its response."""
    cut = ModelResponse(parts=[TextPart("Bec")], state="incomplete")
    answer = await Played(cut).behind(models).complete("Why?")
    assert answer.text == "Because."
    assert answer.attempts[0].outcome == "invalid_response"


async def test_a_model_that_cannot_stream_answers_whole(models: Models) -> None:
    """Also where silence is limited, for which other models stream."""

    class Whole(Model):
        model_name = system = "whole"

        async def request(self, messages: Any, model_settings: Any, model_request_parameters: Any) -> Any:
            return ModelResponse(parts=[TextPart("Because.")])

    for model in (Whole(), WrapperModel(Whole()), FunctionModel(Played())):
        assert from_pydantic_ai(model, name="whole").stream is None
    provider = from_pydantic_ai(Whole())
    async with models.pipeline(provider).stream("Why?") as stream:
        assert (await stream.collect()).text == "Because."


async def test_all_targets_may_be_theirs(models: Models) -> None:
    first, second = (Played(*[theirs.ModelServerError("m", "down")] * 9) for _ in range(2))
    targets = [
        from_pydantic_ai(FunctionModel(each, model_name="played"), name=name)
        for name, each in (("first", first), ("second", second))
    ]
    with pytest.raises(AllDeploymentsFailedError):
        await models.whole(*targets).complete("Why?")
    assert second.asked


async def test_a_cancelled_call_leaves_nothing_behind(models: Models) -> None:
    models.simulator.always("openai", Slow(5))
    pipeline = models.behind()
    call = asyncio.create_task(pipeline.complete("Why?"))
    await models.asked()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert_settled(pipeline)


async def test_leaving_a_stream_closes_it(models: Models) -> None:
    pipeline = models.behind()
    async with pipeline.stream("Why?") as stream:
        async for _ in stream:
            break
    assert_settled(pipeline)


def test_a_name_is_no_model() -> None:
    with pytest.raises(ConfigurationError, match="OpenAIResponsesModel"):
        from_pydantic_ai("openai:gpt-5.2")  # type: ignore[arg-type]
