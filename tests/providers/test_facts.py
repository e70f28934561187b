"""What a request may hold is known from the server and the model, never from a name that the user chose."""

import json
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.errors import ConfigurationError, UnsupportedRequestError
from ranvier.layers import Fallback
from ranvier.messages import Message, Request, Tool
from ranvier.presets import resilient
from ranvier.providers import GLM, Anthropic, FunctionProvider, Kimi, Ollama, OpenRouter, Stub
from ranvier.testing import ScriptedProvider
from support.providers.openai_apis import Chat
from support.providers.repairs import adjusted, refusal, server, tuned

NOTHING = httpx.Response(200, json={})
AZURE = "https://mine.openai.azure.com/openai/v1"
LOOK_UP = Tool("look_up", "Looks it up", {"type": "object", "properties": {}})

UNSUPPORTED = "Unsupported parameter: '{0}' is not supported with this model."


def limits(fields: Any) -> dict[str, Any]:
    """The limit and the temperature of a request, under their names."""
    names = ("max_tokens", "max_completion_tokens", "temperature", "reasoning_effort")
    return {name: fields[name] for name in names if name in fields}


@pytest.mark.parametrize("name", [None, "openai", "azure", "eu", "deepseek", "kimi"])
@pytest.mark.parametrize(
    ("base_url", "model", "sent"),
    [
        (None, "gpt-5", {"max_completion_tokens": 5}),
        (None, "gpt-4o", {"max_completion_tokens": 5, "temperature": 0.2}),
        ("https://eu.api.openai.com/v1", "gpt-5", {"max_completion_tokens": 5}),
        (AZURE, "gpt-5", {"max_completion_tokens": 5, "temperature": 0.2}),
        ("https://mine.services.ai.azure.com/openai/v1", "prod",
         {"max_completion_tokens": 5, "temperature": 0.2}),
        ("https://api.deepseek.com", "deepseek-chat", {"max_tokens": 5, "temperature": 0.2}),
        ("https://api.moonshot.ai/v1", "kimi-k2.6", {"max_tokens": 5}),
    ],
)  # fmt: skip
async def test_the_address_decides_and_not_the_name(
    ask: Any, name: str | None, base_url: str | None, model: str, sent: dict[str, Any]
) -> None:
    """At Azure the name of a model is that of a deployment, and says nothing."""
    async with ask(Chat, NOTHING, name=name, base_url=base_url) as asked:
        request = tuned(max_tokens=5, temperature=0.2)
        assert limits(await asked.sent(request, model=model)) == sent


@pytest.mark.parametrize("name", [None, "azure"])
def test_azure_is_not_asked_without_a_key(name: str | None) -> None:
    """Whatever it is called."""
    assert Chat(name=name, base_url=AZURE).needs_credential
    assert not Chat(name="gpu", base_url="https://my.openai.com.example/v1").needs_credential


@pytest.mark.parametrize("name", [None, "azure"])
@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_facts_of_a_model_are_those_of_its_public_id(ask: Any, name: str | None, way: str) -> None:
    """A deployment that is called anything is asked as the model behind it."""
    reply = server("openai", lambda fields: None)
    async with ask(Chat, reply, name=name, base_url=AZURE) as asked:
        call = asked.call(tuned(max_tokens=5, temperature=0.2))
        call = call.to(Deployment(asked.provider, "prod-chat", facts_of="gpt-5"), "key")
        if way == "complete":
            await asked.provider.complete(call)
        else:
            assert [event async for event in asked.provider.stream(call)]
    (request,) = asked.requests
    assert json.loads(request.content)["model"] == "prod-chat"
    assert limits(json.loads(request.content)) == {"max_completion_tokens": 5}


def azure(fields: Any) -> httpx.Response | None:
    """Mistral at Azure: it knows the old name of the limit alone."""
    if "max_completion_tokens" not in fields:
        return None
    error = {"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs"}
    return httpx.Response(422, json={"detail": [{**error, "msg": "Extra inputs are not permitted"}]})


def gpt_5(fields: Any) -> httpx.Response | None:
    """A model that reasons: it knows the new name of the limit, and takes no sampling."""
    for name in ("max_tokens", "temperature", "top_p"):
        if name in fields:
            instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            return refusal(UNSUPPORTED.format(name) + instead, param=name, code="unsupported_parameter")
    return None


@pytest.mark.parametrize(
    ("refuses", "kind", "arguments", "model"),
    [
        (azure, Chat, {"base_url": AZURE, "name": "azure"}, "mistral"),
        (gpt_5, Chat, {"base_url": AZURE, "name": "azure"}, "prod"),
        (gpt_5, Chat, {"base_url": AZURE}, "prod"),
        (gpt_5, Chat, {"base_url": "http://gateway.test", "name": "gateway"}, "gpt-5"),
        (gpt_5, Kimi, {}, "kimi-gpt"),
        (gpt_5, OpenRouter, {}, "openai/gpt-5"),
    ],
)
@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_without_facts_one_refusal_says_it(
    ask: Any, refuses: Any, kind: Any, arguments: dict[str, Any], model: str, way: str
) -> None:
    """The first call is repaired once, the second one is right at once."""
    several = kind is Chat and model != "mistral"
    request = tuned(max_tokens=5, temperature=0.2, top_p=0.5) if several else tuned(max_tokens=5)
    async with ask(kind, server("openai", refuses), **arguments) as asked:
        for requests in (2, 3):
            await getattr(asked, way)(request, model=model)
            assert len(asked.requests) == requests
        assert {parameter for parameter, _ in adjusted(asked)} <= {"max_tokens", "temperature", "top_p"}
        assert adjusted(asked)


@pytest.mark.parametrize(
    ("provider", "facts_of"),
    [
        (Chat(), "gpt-0"),
        (Chat(), ""),
        (Chat(), 5),
        (Anthropic(), "gpt-5.2"),
        (OpenRouter(), "gpt-5.2"),
        (Stub(), "gpt-5.2"),
        (FunctionProvider("mine", lambda call: None), "gpt-5.2"),  # type: ignore[arg-type]
    ],
)
def test_facts_of_a_model_that_nobody_knows_are_refused(provider: Any, facts_of: Any) -> None:
    """When the deployment is made, with what to do about it."""
    with pytest.raises(ConfigurationError, match="facts_of"):
        Deployment(provider, "m", facts_of=facts_of)


@pytest.mark.parametrize(
    ("provider", "facts_of"),
    [
        (Chat(), "gpt-5.2"),
        (Chat(name="gpu", base_url="http://gpu"), "ft:gpt-4o-mini:acme"),
        (Anthropic(base_url="http://proxy"), "claude-sonnet-5"),
        (Kimi(), "kimi-k3"),
        (GLM(), "glm-5.3"),
        (Ollama(), "gpt-oss"),
    ],
)
def test_facts_of_a_model_that_is_known_are_taken(provider: Any, facts_of: str) -> None:
    """Of every provider that has a table of models."""
    assert Deployment(provider, "m", facts_of=facts_of).facts_of == facts_of


def test_the_time_for_a_first_token_is_that_of_the_model_behind_the_name() -> None:
    """A model that thinks silently gets the time it needs, whatever its deployment is called."""
    target = Deployment(Chat(base_url=AZURE), "prod", facts_of="gpt-5.2")
    (timeout,) = (layer for layer in resilient(target).layers if type(layer).__name__ == "Timeout")
    assert "first_token=120" in repr(timeout)


# --- an effort beside tools ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "extra", "sent"),
    [
        ("gpt-5.2", {}, None),
        ("gpt-5.4", {"reasoning_effort": "none"}, "none"),
        ("gpt-5.5", {}, "none"),
        ("gpt-5.6-terra", {}, "none"),
        ("gpt-6-sol", {}, "none"),
        ("gpt-5", {"reasoning_effort": "low"}, "low"),
        ("o3", {"reasoning_effort": "low"}, "low"),
        ("gpt-5.2-chat", {}, None),
    ],
)
async def test_tools_are_offered_with_the_effort_that_allows_them(
    ask: Any, model: str, extra: dict[str, Any], sent: str | None
) -> None:
    """A model that reasons unless told not to is told so, and listeners hear of it."""
    async with ask(Chat, NOTHING) as asked:
        fields = await asked.sent(tuned(tools=(LOOK_UP,), extra=extra), model=model)
        assert fields.get("reasoning_effort") == sent
        assert fields["tools"]
        assert adjusted(asked) == (
            [("reasoning_effort", "sent as none")] if sent == "none" != extra.get("reasoning_effort") else []
        )
        assert "reasoning_effort" not in await asked.sent("Hi", model=model)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("gpt-5.2", {"extra": {"reasoning_effort": "low"}}),
        ("gpt-5.6", {"extra": {"openai": {"reasoning_effort": "high"}}}),
        ("gpt-5.4", {"extra": {"reasoning_effort": "max"}}),
        ("gpt-6-astra", {}),
        ("gpt-6.1-sol", {}),
        ("gpt-5.5-pro", {}),
    ],
)
async def test_tools_beside_an_effort_go_to_the_next_target(ask: Any, model: str, given: Any) -> None:
    """Neither the tools nor the effort that was asked for are given up."""
    async with ask(Chat, NOTHING) as asked:
        with pytest.raises(UnsupportedRequestError) as caught:
            await asked.complete(tuned(tools=(LOOK_UP,), **given), model=model)
        assert not asked.requests
        assert caught.value.fails_over
        second = ScriptedProvider("second", ["from the second"])
        async with Pipeline(Fallback(Deployment(asked.provider, model), second)) as pipeline:
            answer = await pipeline.complete("Hi", tools=[LOOK_UP], **given)
            assert answer.text == "from the second"


def beside_tools(fields: Any) -> httpx.Response | None:
    """A model that reasons by default, and takes no tools then."""
    if fields.get("tools") and fields.get("reasoning_effort") != "none":
        words = "Function tools with reasoning_effort are not supported for x: set it to 'none'."
        return refusal(words, param="reasoning_effort")
    return None


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_a_deployment_that_refuses_tools_is_told_not_to_reason(ask: Any, way: str) -> None:
    """Nothing is known of its model: one repair, with an event; without tools it reasons as before."""
    async with ask(Chat, server("openai", beside_tools), base_url=AZURE) as asked:
        for _ in range(2):
            await getattr(asked, way)(tuned(tools=(LOOK_UP,)), model="prod")
        await getattr(asked, way)("Hi", model="prod")
        assert adjusted(asked) == [("reasoning_effort", "sent as none")] * 2
    sent = [json.loads(each.content).get("reasoning_effort") for each in asked.requests]
    assert sent == [None, "none", "none", None]


# --- limits and thinking -------------------------------------------------------------------------


async def test_a_limit_that_the_table_bounds_is_told(ask: Any) -> None:
    """A ceiling that is known is kept before the server says so."""
    async with ask(Anthropic, NOTHING) as asked:
        sent = await asked.sent(tuned(max_tokens=200_000), model="claude-sonnet-5")
        assert sent["max_tokens"] == 128_000
        assert adjusted(asked) == [("max_tokens", "sent as 128000")]


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("qwen3", "high", True),
        ("deepseek-r1", "low", True),
        ("qwen3", "none", False),
        ("gpt-oss:20b", "low", "low"),
    ],
)
async def test_ollama_gets_a_level_of_thinking_only_where_it_knows_levels(
    ask: Any, model: str, effort: str, sent: object
) -> None:
    """All other models think or do not."""
    async with ask(Ollama, NOTHING) as asked:
        request = Request((Message.user("Hi"),), extra={"reasoning_effort": effort})
        assert (await asked.sent(request, model=model))["think"] == sent


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_an_effort_that_was_asked_for_is_not_taken_away(ask: Any, way: str) -> None:
    """Where only the server knows that it takes no tools then, the next target is asked."""
    request = tuned(tools=(LOOK_UP,), extra={"reasoning_effort": "high"})
    async with ask(Chat, server("openai", beside_tools), base_url=AZURE) as asked:
        with pytest.raises(UnsupportedRequestError) as caught:
            await getattr(asked, way)(request, model="prod")
        assert caught.value.fails_over
        assert len(asked.requests) == 1
        assert not adjusted(asked)
