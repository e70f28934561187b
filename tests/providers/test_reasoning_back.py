"""Reasoning goes back to the servers that demand it, and to none that refuse it."""

import json
from typing import Any

import httpx
import pytest

from ranvier.messages import CHAT_COMPLETIONS, Message, Native, Request, Text, ToolCall
from ranvier.providers import GLM, Kimi
from ranvier.providers.chat_completions.reasoning import rounds_with_tools
from support.providers.asking import Chunks
from support.providers.openai_apis import Chat
from support.providers.seven import collected

pytestmark = pytest.mark.virtual_time

CALL = {"index": 0, "id": "call_00_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THOUGHT = "I need the weather"
NOTHING = httpx.Response(200, json={})

DEMANDING: dict[str, tuple[Any, dict[str, str], str]] = {
    "deepseek by its model": (Chat, {"name": "ours", "base_url": "https://llm.test"}, "deepseek-v4-pro"),
    "deepseek by its host": (Chat, {"name": "ours", "base_url": "https://api.deepseek.com"}, "v4"),
    "deepseek elsewhere": (
        Chat,
        {"name": "vllm", "base_url": "https://llm.test"},
        "deepseek-ai/DeepSeek-V4-Flash",
    ),
    "kimi": (Kimi, {}, "kimi-k2.6"),
    "kimi elsewhere": (Chat, {"name": "ours", "base_url": "https://llm.test"}, "moonshotai/kimi-k3"),
}

each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
each_demanding = pytest.mark.parametrize("case", DEMANDING)


def reply(*, streamed: bool, calls: bool = True) -> httpx.Response:
    """An answer with reasoning that calls a tool, or says a word."""
    said: dict[str, Any] = {"tool_calls": [CALL]} if calls else {"content": "Hi."}
    finish = "tool_calls" if calls else "stop"
    if not streamed:
        choice = {"message": {"reasoning_content": THOUGHT, **said}, "finish_reason": finish}
        return httpx.Response(200, json={"choices": [choice]})
    deltas = [{"reasoning_content": THOUGHT[:8]}, {"reasoning_content": THOUGHT[8:]}, said]
    choices = [{"delta": delta} for delta in deltas] + [{"delta": {}, "finish_reason": finish}]
    events = "".join(f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices)
    return httpx.Response(200, stream=Chunks(f"{events}data: [DONE]\n\n".encode()))


async def answer(server: Any, model: str, *, streamed: bool) -> Message:
    """The answer as it goes into a history."""
    if streamed:
        return collected(await server.stream(model=model)).message
    return (await server.complete(model=model)).message


async def turns_sent(server: Any, model: str, *messages: Message) -> list[Any]:
    """The turns of the model in what is sent."""
    sent = await server.sent(Request(messages), model=model)
    return [turn for turn in sent["messages"] if turn["role"] == "assistant"]


RESULT = Message.tool("call_00_a", "18", name="f")
USER = Message.user("q")


@each_way
@pytest.mark.parametrize(
    ("kind", "arguments", "model"),
    [
        *DEMANDING.values(),
        (GLM, {}, "glm-5.2"),
        (Chat, {"name": "sglang", "base_url": "https://llm.test"}, "qwen3"),
    ],
    ids=[*DEMANDING, "glm", "another server"],
)
async def test_a_turn_that_called_a_tool_goes_back_with_its_reasoning(
    ask: Any, kind: Any, arguments: dict[str, str], model: str, streamed: bool
) -> None:
    """In the next request and in all later ones."""
    async with ask(kind, reply(streamed=streamed), **arguments) as server:
        said = await answer(server, model, streamed=streamed)
        for more in ((), (Message.assistant("18 degrees"), Message.user("And now?"))):
            first = (await turns_sent(server, model, USER, said, RESULT, *more))[0]
            assert first["reasoning_content"] == THOUGHT


@each_way
async def test_a_plain_answer_goes_back_without_its_reasoning(ask: Any, streamed: bool) -> None:
    """The first reasoner of DeepSeek answers 400 to it, and later ones ignore it."""
    arguments = {"name": "deepseek", "base_url": "https://api.deepseek.com"}
    async with ask(Chat, reply(streamed=streamed, calls=False), **arguments) as server:
        said = await answer(server, "deepseek-v4-pro", streamed=streamed)
        (turn,) = await turns_sent(server, "deepseek-v4-pro", USER, said, Message.user("Go on."))
    assert turn == {"role": "assistant", "content": "Hi."}


@each_demanding
async def test_a_call_of_another_makers_has_the_least_reasoning(ask: Any, case: str) -> None:
    """Whoever demands reasoning takes a blank, and gets none of another maker's."""
    kind, arguments, model = DEMANDING[case]
    foreign = Native("anthropic", {"type": "thinking", "thinking": "Hm.", "signature": "s"})
    said = Message("assistant", (foreign, ToolCall("call_00_a", "f", {})))
    async with ask(kind, NOTHING, **arguments) as server:
        (turn,) = await turns_sent(server, model, USER, said, RESULT)
    assert turn["reasoning_content"] == " "


@pytest.mark.parametrize("model", ["deepseek-r1", "deepseek-ai/DeepSeek-R1-0528"])
async def test_the_first_reasoner_is_sent_no_blank(ask: Any, model: str) -> None:
    """It refuses reasoning instead of demanding it."""
    said = Message("assistant", (ToolCall("call_00_a", "f", {}),))
    async with ask(Chat, NOTHING, name="ours", base_url="https://llm.test") as server:
        (turn,) = await turns_sent(server, model, USER, said, RESULT)
    assert "reasoning_content" not in turn


async def test_openai_is_sent_no_reasoning(ask: Any) -> None:
    """It has no such field, whatever the model is called."""
    native = Native(CHAT_COMPLETIONS, {"reasoning_content": THOUGHT})
    said = Message("assistant", (native, ToolCall("call_00_a", "f", {})))
    async with ask(Chat, NOTHING) as server:
        for model in ("gpt-5.2", "deepseek-v4-pro"):
            (turn,) = await turns_sent(server, model, USER, said, RESULT)
            assert "reasoning_content" not in turn


def test_a_round_lasts_until_the_user_speaks_again() -> None:
    """All turns of the model in it belong to it, also those after the results."""
    call = Message("assistant", (ToolCall("a", "f", {}),))
    plain, result = Message("assistant", (Text("Hi."),)), Message.tool("a", "x")
    assert rounds_with_tools([USER, plain, USER, plain, call, result, plain, USER, plain]) == {3, 4, 6}
    assert rounds_with_tools([USER, call, result]) == {1}
    assert rounds_with_tools([call, result, plain]) == {0, 2}
    assert rounds_with_tools([USER]) == frozenset()
