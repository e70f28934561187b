"""Names of tools that a wire refuses are mapped in the request and back in the answer."""

import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.messages import Message, Request, Tool, ToolCall, ToolResult
from ranvier.providers._history.tool_names import COMMON, name_rule, sent_names, with_sent_names
from support.providers.asking import Chunks
from support.providers.bedrock_apis import reworded
from support.providers.conversations import MODELS
from support.providers.openai_apis import Chat
from support.providers.seven import APIS, body, collected

GEMINI = APIS["gemini"].tool_names
RULES = {name: kind.tool_names for name, kind in APIS.items()}

PATTERNS = {
    "anthropic": r"[a-zA-Z0-9_-]{1,128}",
    "openai": r"[a-zA-Z0-9_-]{1,64}",
    "responses": r"[a-zA-Z0-9_-]{1,64}",
    "gemini": r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
    "kimi": r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}",
    "glm": r"[a-zA-Z0-9_-]{1,64}",
    "openrouter": r"[a-zA-Z0-9_-]{1,64}",
    "ollama": r"[a-zA-Z0-9_-]{1,64}",
    "converse": r"[a-zA-Z0-9_-]{1,64}",
}
"""What the wires take, as they document it."""

ODD = "devserver/stop now"

each_provider = pytest.mark.parametrize("name", APIS)
each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def names_in(name: str, sent: Any) -> list[str]:
    """The names of tools in a request: offered, chosen, called and answered."""
    text = json.dumps(sent)
    return re.findall(r'"(?:tool_)?name": "([^"]*)"', text) + re.findall(
        r'"allowedFunctionNames": \["([^"]*)"\]', text
    )


def request_with(tool: str) -> Request:
    """A conversation in which a tool of that name has been called, and may be called again."""
    messages = (
        Message.user("q"),
        Message("assistant", (ToolCall("call00001", tool, {}),)),
        Message("tool", (ToolResult("call00001", "done"),)),
    )
    return Request(messages, tools=(Tool(tool, "Stop it."), Tool("look_up")), tool_choice=tool)


@pytest.mark.virtual_time
@each_provider
@pytest.mark.parametrize("tool", [ODD, "devserver.stop", "天気", "x" * 200, "9lives", "-", "a b", "'"])
async def test_each_wire_is_sent_names_that_it_takes(ask: Any, name: str, tool: str) -> None:
    """In the tools, the choice of one, the calls and the results of a history."""
    async with ask(APIS[name], httpx.Response(200, json={})) as server:
        sent = await server.sent(request_with(tool), model=MODELS[name])
    names = names_in(name, sent)
    assert len(names) >= 3
    assert all(re.fullmatch(PATTERNS[name], each) for each in names), names
    assert len(set(names)) == 2


@pytest.mark.virtual_time
@each_way
@each_provider
async def test_an_answer_calls_the_tool_by_the_name_that_was_given(
    ask: Any, name: str, streamed: bool
) -> None:
    """The model knows the name that was sent; the caller sees its own."""
    tools = (Tool(ODD), Tool("devserver_stop_now"))
    sent = sent_names(Request((Message.user("q"),), tools=tools), RULES[name])[ODD]
    content = body(name, f"tools.{'stream' if streamed else 'json'}")
    assert b"get_weather" in content
    content = reworded(content, lambda text: text.replace(b"get_weather", sent.encode()))
    reply = httpx.Response(200, stream=Chunks(content))
    async with ask(APIS[name], reply) as server:
        request = Request((Message.user("q"),), tools=tools)
        if streamed:
            events = await server.stream(request, model=MODELS[name])
            names = {each.tool_call.name for each in events if each.tool_call is not None}
            assert names - {None} == {ODD}
            answer = collected(events)
        else:
            answer = await server.complete(request, model=MODELS[name])
    (call,) = answer.tool_calls
    assert call.name == ODD
    assert answer.message.tool_calls == (call,)


@pytest.mark.virtual_time
async def test_names_that_a_wire_takes_are_sent_as_they_are(ask: Any) -> None:
    """Gemini takes dots and colons, and Anthropic 128 characters."""
    for name, tool in (("gemini", "devserver.stop:all"), ("anthropic", "x" * 128), ("openai", "x" * 64)):
        async with ask(APIS[name], httpx.Response(200, json={})) as server:
            sent = await server.sent(request_with(tool), model=MODELS[name])
        assert tool in names_in(name, sent)


@pytest.mark.virtual_time
async def test_a_tool_that_was_not_offered_is_called_as_the_model_said(ask: Any) -> None:
    """Only names that were mapped are mapped back."""
    content = body("openai", "tools.json")
    async with ask(Chat, httpx.Response(200, stream=Chunks(content))) as server:
        answer = await server.complete(Request((Message.user("q"),), tools=(Tool(ODD),)))
    assert answer.tool_calls[0].name == "get_weather"


# --- for any names -------------------------------------------------------------------------------

names = st.lists(st.text(min_size=1, max_size=150) | st.sampled_from(["a.b", "a/b", "a_b", "tool", "_"]))


@given(names, st.sampled_from(sorted(RULES)))
def test_any_names_become_different_names_that_the_wire_takes(given_names: list[str], name: str) -> None:
    """Each is valid, no two tools share one, and those that the wire takes stay as they were."""
    rule = RULES[name]
    request = Request((Message.user("q"),), tools=tuple(map(Tool, given_names)))
    sent = sent_names(request, rule)
    final = [sent.get(each, each) for each in dict.fromkeys(given_names)]
    assert all(re.fullmatch(PATTERNS[name], each) for each in final)
    assert len(set(final)) == len(final)
    assert not any(re.fullmatch(PATTERNS[name], each) for each in sent)
    assert sent_names(request, rule) == sent


@given(names)
def test_a_request_without_odd_names_is_left_alone(given_names: list[str]) -> None:
    """Nothing is mapped where every name is valid."""
    valid = [re.sub("[^a-z]", "x", each)[:60] for each in given_names]
    assert sent_names(Request((Message.user("q"),), tools=tuple(map(Tool, valid))), COMMON) == {}


def test_two_names_that_would_be_sent_alike_are_told_apart() -> None:
    """The one that needs no mapping keeps its name, wherever it stands."""
    tools = tuple(map(Tool, ("a.b", "a/b", "a_b")))
    sent = sent_names(Request((Message.user("q"),), tools=tools), COMMON)
    assert sent.keys() == {"a.b", "a/b"}
    assert len({"a_b", *sent.values()}) == 3


def test_a_name_keeps_its_mapping_as_the_conversation_goes_on() -> None:
    """The same tools get the same names in each turn, which caches of prompts need."""
    tools = tuple(map(Tool, ("a.b", "a/b")))
    first = Request((Message.user("q"),), tools=tools)
    later = Request((*first.messages, Message("assistant", (ToolCall("1", "b a", {}),))), tools=tools)
    assert sent_names(first, COMMON).items() <= sent_names(later, COMMON).items()


def test_a_request_is_renamed_as_a_whole() -> None:
    """Tools, choice, calls and results; what is named otherwise is the same object."""
    request = request_with(ODD)
    renamed = with_sent_names(request, {ODD: "x"})
    assert [tool.name for tool in renamed.tools] == ["x", "look_up"]
    assert renamed.tool_choice == "x"
    assert renamed.messages[0] is request.messages[0]
    assert renamed.messages[1].tool_calls[0].name == "x"
    assert request.tools[0].name == ODD


def test_a_rule_needs_no_more_than_characters() -> None:
    """The first character may be of fewer kinds."""
    rule = name_rule("a-z0-9", 4, first="a-z")
    assert rule.allowed.fullmatch("a123")
    assert not rule.allowed.fullmatch("1abc")
    assert not rule.allowed.fullmatch("abcde")
