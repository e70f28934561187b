"""A target that cannot serve a request is skipped before anything is sent, admitted or counted."""

from typing import Any

import httpx
import pytest

from ranvier import (
    Audio,
    ContextLengthError,
    Deployment,
    Document,
    Image,
    InvalidRequestError,
    Message,
    Pipeline,
    ToolCall,
    UnsupportedRequestError,
    WirePart,
    WireTool,
    resilient,
)
from ranvier.events import CallRejected, Event, FallbackTaken
from ranvier.layers import Breaker, Fallback
from ranvier.pipeline import Call, Provider
from ranvier.providers import GLM, Anthropic, Gemini, Kimi, Ollama, OpenAI
from ranvier.testing import ScriptedProvider
from support.providers.openai_apis import Chat

pytestmark = pytest.mark.virtual_time

PNG = b"\x89PNG\r\n\x1a\nnot a picture at all"
PICTURE = [Message("user", ["What is this?", Image(data=PNG)])]
SHOWN = [
    Message.user("Look."),
    Message.assistant(tool_calls=[ToolCall("call_1", "look")]),
    Message.tool("call_1", [Image(data=PNG)], name="look"),
]
PDF = [Message("user", [Document(data=b"%PDF-1.7")])]
PDF_BY_URL = [Message("user", [Document("https://x.test/a.pdf")])]
NOTES = [Message("user", [Document.from_text("words")])]
SOUND = [Message("user", [Audio(data=b"ID3 song")])]
DOCUMENT = [Message("user", [WirePart("anthropic", {"type": "document", "source": {}})])]
FILE = [Message("user", [WirePart("chat_completions", {"type": "file", "file": {}})])]
FORM = {"type": "object"}
SEARCH = WireTool("anthropic", {"type": "web_search_20250305", "name": "web_search"})


def look_up(what: str) -> str:
    """Look it up."""
    return what


class Counted:
    """An adapter whose server answers every request with a 400, and counts them."""

    def __init__(self, kind: Any, **settings: Any) -> None:
        self.requests = 0
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.refuse))
        self.provider: Provider = kind("sk-test", http_client=client, **settings)

    def refuse(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        return httpx.Response(400, json={"error": {"message": "tools is not supported", "param": "tools"}})


LACKS = [
    pytest.param(OpenAI, "gpt-3.5-turbo", PICTURE, {}, "takes only text", id="a picture"),
    pytest.param(GLM, "glm-4.6", PICTURE, {}, "takes only text", id="a picture of glm"),
    pytest.param(Kimi, "moonshot-v1-8k", PICTURE, {}, "takes only text", id="a picture of kimi"),
    pytest.param(OpenAI, "o3-mini", SHOWN, {}, "takes only text", id="a picture of a tool"),
    pytest.param(OpenAI, "gpt-3.5-turbo", FILE, {}, "takes only text", id="a file"),
    pytest.param(OpenAI, "gpt-3.5-turbo", PDF, {}, "takes only text", id="a PDF"),
    pytest.param(Kimi, "kimi-k3", PDF, {}, "takes no PDF", id="a PDF of kimi"),
    pytest.param(Chat, "gpt-5.2", PDF_BY_URL, {}, "takes no PDF by URL", id="a PDF by URL"),
    pytest.param(OpenAI, "gpt-5.2", SOUND, {}, "takes no audio", id="sound"),
    pytest.param(Anthropic, "claude-sonnet-5", SOUND, {}, "takes no audio", id="sound of anthropic"),
    pytest.param(OpenAI, "gpt-5.2", DOCUMENT, {}, "takes no part of the type 'document'", id="a document"),
    pytest.param(Gemini, "gemini-3-pro", "Hi", {"tools": [SEARCH]}, "takes no tool", id="a tool of a wire"),
    pytest.param(Kimi, "kimi-thinking-preview", "Hi", {"tools": [look_up]}, "the given tools", id="tools"),
    pytest.param(Anthropic, "claude-3-haiku", "Hi", {"schema": FORM}, "the given schema", id="schema"),
    pytest.param(
        Chat, "gpt-5.5", "Hi", {"tools": [look_up], "extra": {"reasoning_effort": "high"}},
        "reasoning_effort together with tools", id="reasoning beside tools",
    ),
    pytest.param(OpenAI, "gpt-3.5-turbo", "word " * 30_000, {}, "takes at most 16385", id="the window"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "model", "prompt", "options", "why"), LACKS)
async def test_a_target_that_lacks_something_is_skipped(
    kind: Any, model: str, prompt: Any, options: Any, why: str
) -> None:
    first, second = Counted(kind), ScriptedProvider("second", ['{"a": 1}'])
    events: list[Event] = []
    pipeline = Pipeline(
        Fallback(Deployment(first.provider, model), second), Breaker(), listeners=[events.append]
    )
    answer = await pipeline.complete(prompt, **options)
    assert (first.requests, answer.provider) == (0, "second")
    target = f"{first.provider.name}/{model}"
    assert [attempt.target for attempt in answer.attempts] == ["second/scripted"]
    assert f"{target} passed over: " in answer.explain()
    assert why in answer.explain()
    assert len(pipeline.circuits) == 0 or [key[1] for key, _ in pipeline.circuits] == ["second"]
    assert [(type(event), event.provider) for event in events] == [(CallRejected, first.provider.name)]


@pytest.mark.parametrize(("kind", "model", "prompt", "options", "why"), LACKS)
@pytest.mark.parametrize("several", [False, True])
async def test_if_all_lack_something_the_first_error_is_raised(
    kind: Any, model: str, prompt: Any, options: Any, why: str, several: bool
) -> None:
    first, other = Counted(kind), Counted(kind, name="other")
    targets = [Deployment(first.provider, model)]
    if several:
        targets.append(Deployment(other.provider, model))
    expected = ContextLengthError if "at most" in why else UnsupportedRequestError
    with pytest.raises(expected, match="nothing was sent") as failure:
        await Pipeline(Fallback(*targets)).complete(prompt, **options)
    assert type(failure.value) is expected
    assert why in str(failure.value)
    assert (first.requests, other.requests) == (0, 0)
    assert failure.value.attempts == ()
    assert failure.value.provider == first.provider.name


@pytest.mark.parametrize(
    ("kind", "model", "prompt", "options"),
    [
        (OpenAI, "gpt-99", PICTURE, {}),  # no row
        (OpenAI, "gpt-99", "word " * 3_000_000, {}),
        (OpenAI, "gpt-5.2", PICTURE, {}),
        (Kimi, "moonshot-v1-8k-vision-preview", PICTURE, {}),
        (OpenAI, "gpt-3.5-turbo", "word " * 20_000, {}),  # it may be too long: the server knows
        (Ollama, "qwen3", PICTURE, {}),
        (Ollama, "qwen3", NOTES, {}),
        (OpenAI, "gpt-3.5-turbo", NOTES, {}),
        (OpenAI, "gpt-5.2", PDF_BY_URL, {}),
        (OpenAI, "gpt-audio", SOUND, {}),
        (Gemini, "gemini-3.6-flash", SOUND, {}),
        (Anthropic, "claude-sonnet-5", DOCUMENT, {"tools": [SEARCH]}),
        (Anthropic, "claude-sonnet-5", "Hi", {"temperature": 1.9, "extra": {"seed": 3}}),  # adjusted
        (Chat, "gpt-5.5", "Hi", {"tools": [look_up]}),  # sent without reasoning
        (OpenAI, "gpt-5.5", "Hi", {"tools": [look_up], "extra": {"reasoning_effort": "high"}}),
        (GLM, "glm-4.6", "Hi", {"schema": FORM}),  # described in the prompt
    ],
)
async def test_what_may_be_served_is_sent(kind: Any, model: str, prompt: Any, options: Any) -> None:
    first = Counted(kind)
    with pytest.raises(InvalidRequestError):
        await Pipeline(Fallback(Deployment(first.provider, model))).complete(prompt, **options)
    assert first.requests >= 1


async def test_a_server_of_your_own_is_not_judged_by_the_names_of_its_models() -> None:
    first = Counted(OpenAI, name="gpu", base_url="http://gpu.example/v1")
    with pytest.raises(InvalidRequestError):
        await Pipeline(Fallback(Deployment(first.provider, "gpt-3.5-turbo"))).complete(PICTURE)
    assert first.requests >= 1


async def test_a_window_that_you_give_is_held() -> None:
    small, large = ScriptedProvider("small", ["small"]), ScriptedProvider("large", ["large"])
    route = Fallback(Deployment(small, context_window=8_000), Deployment(large, context_window=100_000))
    pipeline = Pipeline(route)
    assert (await pipeline.complete("word " * 12_000)).text == "small"
    assert (await pipeline.complete("word " * 13_000)).text == "large"
    with pytest.raises(ContextLengthError, match="takes at most 8000 tokens"):
        await pipeline.complete("word " * 200_000)


async def test_a_hedge_does_not_go_to_a_target_that_cannot_serve_it() -> None:
    blind, second = (
        Counted(OpenAI),
        ScriptedProvider("second", [UnsupportedRequestError("no", provider="second")]),
    )
    pipeline = resilient(second, Deployment(blind.provider, "gpt-3.5-turbo"))
    with pytest.raises(UnsupportedRequestError):
        await pipeline.complete(PICTURE)
    assert blind.requests == 0


class Own(ScriptedProvider):
    """A provider of your own that knows what it lacks."""

    answer: Any = None

    def lacks(self, call: Call) -> Any:
        if isinstance(self.answer, BaseException) and not isinstance(self.answer, UnsupportedRequestError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer", [None, "nonsense", ValueError("mine"), UnsupportedRequestError("no", provider="")]
)
async def test_a_provider_of_your_own_may_say_what_it_lacks(answer: Any) -> None:
    own = Own("own", ["own"])
    own.answer = answer
    pipeline = Pipeline(Fallback(own, ScriptedProvider("other", ["other"])))
    skipped = isinstance(answer, UnsupportedRequestError)
    answered = await pipeline.complete("Hi", tools=[look_up])
    assert answered.text == ("other" if skipped else "own")


async def test_a_fallback_is_no_event_for_what_was_never_asked() -> None:
    events: list[Event] = []
    pipeline = resilient(
        Deployment(Counted(OpenAI).provider, "gpt-3.5-turbo"),
        ScriptedProvider("second", ["well"]),
        listeners=[events.append],
    )
    await pipeline.complete(PICTURE)
    assert not any(isinstance(event, FallbackTaken) for event in events)
