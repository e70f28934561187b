"""The options `cache`, `cache_key` and `seed`: one name for all providers."""

from typing import Any

import httpx
import pytest

from ranvier import Pipeline
from ranvier.errors import ConfigurationError
from ranvier.layers import Fallback
from ranvier.messages.build import build_request
from ranvier.providers import Anthropic, Gemini
from ranvier.testing import ScriptedProvider
from support.providers.openai_apis import Chat, Responses
from support.providers.repairs import added, adjusted, left_out, refusal, server, tuned
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

NOTHING = httpx.Response(200, json={})


def marked(**more: str) -> dict[str, Any]:
    """The mark of Anthropic."""
    return {"cache_control": {"type": "ephemeral", **more}}


def kept(ttl: str) -> dict[str, Any]:
    """The field of OpenAI."""
    return {"prompt_cache_options": {"mode": "implicit", "ttl": ttl}}


ITSELF = "how long is left to the provider"

CACHES: list[tuple[str, str, Any, dict[str, Any], str | None]] = [
    ("anthropic", "claude-sonnet-5", True, marked(), None),
    ("anthropic", "claude-sonnet-5", "5m", marked(ttl="5m"), None),
    ("anthropic", "claude-sonnet-5", "1h", marked(ttl="1h"), None),
    ("anthropic", "claude-sonnet-5", "30m", marked(ttl="5m"), "sent as 5m"),
    ("anthropic", "claude-sonnet-5", "12h", marked(ttl="1h"), "sent as 1h"),
    ("anthropic", "claude-sonnet-5", False, {}, None),
    ("openai", "gpt-5.6", True, {}, None),
    ("openai", "gpt-5.6", "30m", kept("30m"), None),
    ("openai", "gpt-5.6", "12h", kept("30m"), "sent as 30m"),
    ("openai", "gpt-5.6", "1h", kept("30m"), "sent as 30m"),
    ("openai", "gpt-6-sol", "5m", kept("30m"), "sent as 30m"),
    ("openai", "gpt-5.2", True, {}, None),
    ("openai", "gpt-5.2", "1h", {}, ITSELF),
    ("responses", "gpt-5.6", True, {}, None),
    ("responses", "gpt-5.6", "12h", kept("12h"), None),
    ("responses", "gpt-5.6", "1h", kept("30m"), "sent as 30m"),
    ("responses", "gpt-6-sol", "5m", kept("30m"), "sent as 30m"),
    ("responses", "gpt-5.2", "12h", {}, ITSELF),
    ("gemini", "gemini-3.6-flash", True, {}, None),
    ("gemini", "gemini-3.6-flash", "1h", {}, ITSELF),
    ("kimi", "kimi-k3", "1h", {}, ITSELF),
    ("glm", "glm-5.2", True, {}, None),
    ("openrouter", "anthropic/claude-sonnet-5", "1h", marked(ttl="1h"), None),
    ("openrouter", "openai/gpt-5.2", True, {}, None),
    ("ollama", "qwen3", True, {}, None),
]


@pytest.mark.parametrize(("name", "model", "wish", "fields", "told"), CACHES)
async def test_who_caches_by_itself_is_sent_nothing(
    ask: Any, name: str, model: str, wish: Any, fields: Any, told: str | None
) -> None:
    """All others get a mark, with the next shorter time that they know, or their shortest."""
    async with ask(APIS[name], NOTHING) as asked:
        assert await added(asked, model, cache=wish) == fields
        assert (adjusted(asked), left_out(asked)) == ([("cache", told)] if told else [], [])


@pytest.mark.parametrize("name", APIS)
async def test_a_key_goes_to_those_who_know_one(ask: Any, name: str) -> None:
    """Listeners hear where it is left out."""
    async with ask(APIS[name], NOTHING) as asked:
        known = name in ("openai", "responses")
        sent = await added(asked, "gpt-5.2" if known else "m", cache_key="acme-7")
        assert sent == ({"prompt_cache_key": "acme-7"} if known else {})
        assert left_out(asked) == ([] if known else ["cache_key"])


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("anthropic", None), ("openai", ("seed",)), ("responses", None),
        ("gemini", ("generationConfig", "seed")),
        ("kimi", ("seed",)), ("glm", ("seed",)), ("openrouter", ("seed",)), ("ollama", ("options", "seed")),
    ],
)  # fmt: skip
async def test_a_seed_stands_where_the_api_has_it(ask: Any, name: str, place: Any) -> None:
    """Anthropic and the Responses API have none: it is left out, and listeners hear of it."""
    async with ask(APIS[name], NOTHING) as asked:
        sent = await added(asked, "m", seed=7)
        for key in place or ():
            sent = sent[key]
        assert (sent, left_out(asked)) == ((7, []) if place else ({}, ["seed"]))


# --- marks and fields of the user ----------------------------------------------------------------


@pytest.mark.parametrize("where", ["text", "system", "tool"])
async def test_marks_in_the_conversation_are_enough(ask: Any, where: str) -> None:
    """Four are accepted, the longer times first: another one could be refused."""
    own = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}
    text = {"type": "text", "text": "Hi", **(own if where == "text" else {})}
    system = {"type": "text", "text": "Be brief.", **(own if where == "system" else {})}
    tool = {"name": "now", "input_schema": {"type": "object"}, **(own if where == "tool" else {})}
    messages = [{"role": "system", "content": [system]}, {"role": "user", "content": [text]}]
    async with ask(Anthropic, NOTHING) as asked:
        request = build_request(messages, {"cache": "1h", "tools": [tool]})  # type: ignore[list-item]
        sent = await asked.sent(request)
        assert str(sent).count("cache_control") == 1
        assert adjusted(asked) == [("cache", "left to the marks in the conversation")]


async def test_the_arguments_of_a_call_are_no_marks(ask: Any) -> None:
    """Only blocks have them."""
    call = {"type": "tool_use", "id": "a", "name": "now", "input": {"cache_control": 1}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "noon"}
    messages: Any = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    async with ask(Anthropic, NOTHING) as asked:
        sent = await asked.sent(build_request(messages, {"cache": True}))
        assert sent["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("kind", "model", "options", "extra"),
    [
        (Anthropic, "claude-sonnet-5", {"cache": "1h"}, marked()),
        (Chat, "gpt-5.6", {"cache": "12h"}, {"prompt_cache_options": {"mode": "explicit"}}),
        (Responses, "gpt-5.6", {"cache": "12h"}, {"prompt_cache_options": {"mode": "explicit"}}),
        (Chat, "gpt-5.6", {"cache_key": "a"}, {"openai": {"prompt_cache_key": "b"}}),
        (Responses, "gpt-5.6", {"cache_key": "a"}, {"openai": {"prompt_cache_key": "b"}}),
        (Chat, "gpt-4.1", {"seed": 1}, {"seed": 2}),
    ],
)
async def test_fields_of_the_user_count(ask: Any, kind: Any, model: str, options: Any, extra: Any) -> None:
    """They are sent as without the option."""
    async with ask(kind, NOTHING) as asked:
        with_option = await asked.sent(tuned(**options, extra=extra), model=model)
        told = [(name, "left to the fields of the API") for name in options if name != "seed"]
        assert adjusted(asked) == told
        assert with_option == await asked.sent(tuned(extra=extra), model=model)


@pytest.mark.parametrize("streamed", [False, True])
async def test_beside_a_cached_content_of_gemini_nothing_stands_twice(ask: Any, streamed: bool) -> None:
    """It holds system, tools and tool choice, and the API refuses them beside it."""
    tool = {"name": "now", "parameters": {"type": "object"}}
    given: Any = {"system": "Be brief.", "tools": [tool], "tool_choice": "required"}
    async with ask(Gemini, NOTHING) as asked:
        plain = await asked.sent(build_request("Hi", given), streamed=streamed)
        assert plain.keys() >= {"systemInstruction", "tools", "toolConfig"}
        given["extra"] = {"gemini": {"cachedContent": "cachedContents/a"}}
        sent = await asked.sent(build_request("Hi", given), streamed=streamed)
        assert sent.keys() == {"contents", "cachedContent"}
        assert {change for _, change in adjusted(asked)} == {"left to the cached content"}


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("api", ["openai", "responses"])
@pytest.mark.parametrize(
    ("field", "option"),
    [("prompt_cache_key", {"cache_key": "a"}), ("prompt_cache_options", {"cache": "12h"})],
)
async def test_a_server_that_does_not_know_the_field_is_asked_without_it(
    ask: Any, way: str, api: str, field: str, option: Any
) -> None:
    """At Azure, for example: it is left out once, and from then on."""

    def refuses(fields: Any) -> httpx.Response | None:
        words = f"Unrecognized request argument supplied: {field}"
        return refusal(words) if field in fields else None

    async with ask(APIS[api], server(api, refuses)) as asked:
        for _ in range(2):
            await getattr(asked, way)(tuned(**option), model="gpt-5.6")
        assert len(asked.requests) == 3
        assert [each for each in adjusted(asked) if each[1] == "left out"] == [
            (next(iter(option)), "left out")
        ] * 2


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("api", ["openai", "responses"])
async def test_summaries_are_given_up_where_the_organization_is_not_verified(
    ask: Any, api: str, way: str
) -> None:
    """OpenAI refuses them with a 400: the request goes out without, and the effort stays."""
    words = (
        "Your organization must be verified to generate reasoning summaries. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify Organization."
    )

    def refuses(fields: Any) -> httpx.Response | None:
        return refusal(words, param="reasoning.summary") if "summary" in fields["reasoning"] else None

    async with ask(APIS[api], server(api, refuses), name="mine", base_url="http://gpu/v1") as asked:
        request = tuned(extra={"reasoning": {"effort": "high", "summary": "auto"}})
        for _ in range(2):
            await getattr(asked, way)(request, model="m")
        assert len(asked.requests) == 3
        assert (await asked.sent(request, model="m"))["reasoning"] == {"effort": "high"}
        assert adjusted(asked)[0] == ("reasoning_summary", "left out")


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("cache", "2h", "cache='2h': give True, or a time out of '5m', '30m', '1h', '12h'"),
        ("cache", 300, "cache=300: give True"),
        ("cache_key", "", "give 1 to 64 printable characters"),
        ("cache_key", "x" * 65, "(65 characters): give 1 to 64 printable characters"),
        ("cache_key", 7, "cache_key=7: give a str"),
        ("seed", 1.5, "seed=1.5: give a whole number"),
        ("seed", True, "seed=True: give a whole number"),
        ("reasoning_summary", "auto", "reasoning_summary='auto': give True or False"),
    ],
)
async def test_a_bad_value_is_an_error_at_the_call(option: str, value: Any, remedy: str) -> None:
    """It names the option, the value and the remedy."""
    async with Pipeline(Fallback(ScriptedProvider("one"))) as pipeline:
        with pytest.raises(ConfigurationError) as caught:
            pipeline.complete("Hi", **{option: value})
    assert remedy in str(caught.value)
    assert option in str(caught.value)
