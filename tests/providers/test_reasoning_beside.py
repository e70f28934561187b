"""The option `reasoning` beside limits, sampling, tools, and fields of the user; summaries of thoughts."""

from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.errors import UnsupportedRequestError
from ranvier.layers import Fallback
from ranvier.messages import Message, Native, Request, Tool, ToolCall
from ranvier.messages.native import account_of
from ranvier.providers import Anthropic, Gemini, OpenRouter
from ranvier.testing import ScriptedProvider
from support.providers.openai_apis import Chat, Responses
from support.providers.repairs import added, adjusted, left_out, tuned
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

NOTHING = httpx.Response(200, json={})
LOOK_UP = Tool("look_up", "Look it up.", {"type": "object"})


@pytest.mark.parametrize(
    ("limit", "wish", "sent"),
    [
        (None, 60_000, (59_904, 64_000)),
        (20_000, 19_999, (19_999, 20_000)),
        (20_000, 20_000, (10_000, 20_000)),
        (20_000, "max", (10_000, 20_000)),
        (1_500, "high", (1_024, 1_500)),
        (1_025, "low", (1_024, 1_025)),
        (1_024, "low", (None, 1_024)),
    ],
)
async def test_a_budget_of_claude_stays_below_the_limit(
    ask: Any, limit: int | None, wish: str | int, sent: tuple[int | None, int]
) -> None:
    """There is room for an answer; a limit without room for the least budget leaves no thinking."""
    async with ask(Anthropic, NOTHING) as asked:
        fields = await asked.sent(tuned(reasoning=wish, max_tokens=limit), model="claude-haiku-4-5")
        assert (fields.get("thinking", {}).get("budget_tokens"), fields["max_tokens"]) == sent
        assert left_out(asked) == ([] if sent[0] else ["reasoning"])


async def test_the_limit_that_old_models_get_is_raised_for_a_budget(ask: Any) -> None:
    """It is lower than the budget, which would be refused."""
    async with ask(Anthropic, NOTHING) as asked:
        fields = await asked.sent(tuned(reasoning="high"), model="claude-3-7-sonnet")
        assert (fields["thinking"]["budget_tokens"], fields["max_tokens"]) == (16_384, 20_480)


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-haiku-4-5"])
async def test_claude_takes_no_sampling_while_it_thinks(ask: Any, model: str) -> None:
    """It is left out, as the error of the API demands; without thinking it is sent."""
    async with ask(Anthropic, NOTHING) as asked:
        sent = await asked.sent(tuned(reasoning="high", temperature=0.3, top_p=0.5), model=model)
        assert not sent.keys() & {"temperature", "top_p"}
        assert left_out(asked) == ["temperature", "top_p"]
        assert (await asked.sent(tuned(reasoning="off", temperature=0.3), model=model))["temperature"] == 0.3


@pytest.mark.parametrize(
    ("kind", "model", "options", "words"),
    [
        (Anthropic, "claude-haiku-4-5", {"tool_choice": "required"}, "reasoning together with tool_choice"),
        (Chat, "gpt-5.2", {}, "reasoning together with tools, only 'off'"),
        (Chat, "gpt-5.6", {}, "reasoning together with tools, only 'off'"),
    ],
)
async def test_neither_tools_nor_thinking_are_given_up(
    ask: Any, kind: Any, model: str, options: Any, words: str
) -> None:
    """A target that does not take both is passed over."""
    async with ask(kind, NOTHING) as asked:
        with pytest.raises(UnsupportedRequestError, match=words):
            await asked.complete(tuned(tools=(LOOK_UP,), reasoning="high", **options), model=model)
        assert not asked.requests
        second = ScriptedProvider("second", ["from the second"])
        async with Pipeline(Fallback(Deployment(asked.provider, model), second)) as pipeline:
            answer = await pipeline.complete("Hi", tools=[LOOK_UP], reasoning="high", **options)
            assert answer.provider == "second"
        assert await asked.sent(tuned(tools=(LOOK_UP,), reasoning="off", **options), model=model)
        assert not adjusted(asked)


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-5"])
async def test_a_turn_begun_without_thinking_goes_on_without(ask: Any, model: str) -> None:
    """By another provider, for example: Claude refuses to think on a budget then, and a level it takes."""
    begun = Message.assistant(tool_calls=(ToolCall("call_1", "look_up", {}),))
    history = (Message.user("Hi"), begun, Message.tool("call_1", "So."))
    async with ask(Anthropic, NOTHING) as asked:
        request = Request(history, tools=(LOOK_UP,), reasoning="high")
        levels = model == "claude-sonnet-5"
        assert ("thinking" in await asked.sent(request, model=model)) is levels
        told = ("reasoning", "left out: the turn was begun without")
        assert (told in adjusted(asked)) is not levels
        over = Request((*history, Message.assistant("Done."), Message.user("Why?")), reasoning="high")
        assert "thinking" in await asked.sent(over, model=model)


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking"])
async def test_a_turn_begun_with_thinking_goes_on_with_it(ask: Any, kind: str) -> None:
    """Its signed thought is sent back."""
    async with ask(Anthropic, NOTHING) as asked:
        account = account_of("secret-key")
        data = {"type": kind, "thinking": "Hm.", "signature": "s", "data": "d"}
        thought = Native("anthropic", data, asked.provider.base_url, account, "claude-haiku-4-5")
        begun = Message("assistant", (thought, ToolCall("call_1", "look_up", {})))
        history = (Message.user("Hi"), begun, Message.tool("call_1", "So."))
        sent = await asked.sent(
            Request(history, tools=(LOOK_UP,), reasoning="high"), model="claude-haiku-4-5"
        )
        assert sent["thinking"]["type"] == "enabled"


# --- summaries, and fields of the user -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "model", "options", "fields", "dropped"),
    [
        ("anthropic", "claude-sonnet-5", {}, {"thinking": {"type": "adaptive", "display": "summarized"}}, []),
        ("anthropic", "claude-opus-4-8", {}, {}, []),
        ("anthropic", "claude-sonnet-5", {"reasoning": "off"}, {"thinking": {"type": "disabled"}}, []),
        ("anthropic", "claude-haiku-4-5", {}, {}, []),
        ("openai", "gpt-5.2", {}, {}, ["reasoning_summary"]),
        ("responses", "gpt-5.2", {}, {"reasoning": {"summary": "auto"}}, []),
        (
            "responses",
            "gpt-5.2",
            {"reasoning": "low"},
            {"reasoning": {"effort": "low", "summary": "auto"}},
            [],
        ),
        ("responses", "gpt-5.2", {"reasoning": "off"}, {"reasoning": {"effort": "none"}}, []),
        ("responses", "gpt-4.1", {}, {}, ["reasoning_summary"]),
        (
            "gemini",
            "gemini-3.6-flash",
            {},
            {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
            [],
        ),
        (
            "gemini",
            "gemini-2.5-pro",
            {"reasoning": 500},
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 500, "includeThoughts": True}}},
            [],
        ),
        ("gemini", "gemini-2.0-flash", {}, {}, ["reasoning_summary"]),
        ("kimi", "kimi-k2.6", {}, {}, []),
        ("openrouter", "openai/gpt-5.2", {}, {}, []),
        ("ollama", "qwen3", {}, {}, []),
    ],
)
async def test_summaries_are_requested_where_they_are_not_sent_anyway(
    ask: Any, name: str, model: str, options: Any, fields: Any, dropped: list[str]
) -> None:
    """Nothing is switched on for that."""
    async with ask(APIS[name], NOTHING) as asked:
        assert await added(asked, model, reasoning_summary=True, **options) == fields
        assert left_out(asked) == dropped
        assert "display" not in str(await added(asked, model, reasoning_summary=False, **options))


@pytest.mark.parametrize(
    ("kind", "model", "extra"),
    [
        (Anthropic, "claude-opus-4-6", {"thinking": {"type": "enabled", "budget_tokens": 2_000}}),
        (Anthropic, "claude-sonnet-5", {"output_config": {"effort": "low"}}),
        (Chat, "gpt-5", {"reasoning_effort": "low"}),
        (Chat, "gpt-5", {"openai": {"reasoning_effort": "low"}}),
        (Responses, "gpt-5", {"reasoning_effort": "low"}),
        (Responses, "gpt-5", {"openai": {"reasoning_effort": "low"}}),
        (Responses, "gpt-5", {"reasoning": {"effort": "low"}}),
        (Gemini, "gemini-2.5-pro", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 200}}}),
        (OpenRouter, "x/y", {"reasoning": {"max_tokens": 2_000}}),
    ],
)
async def test_fields_of_the_user_count(ask: Any, kind: Any, model: str, extra: Any) -> None:
    """They are sent as without the option: two halves of two wishes would be refused."""
    async with ask(kind, NOTHING) as asked:
        with_option = await asked.sent(tuned(reasoning="high", extra=extra), model=model)
        assert ("reasoning", "left to the fields of the API") in adjusted(asked)
        assert with_option == await asked.sent(tuned(extra=extra), model=model)
