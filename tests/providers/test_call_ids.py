"""Ids of tool calls: as they were for their maker, valid for everybody else, and no two alike."""

import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.messages import Message, Native, Request, ToolCall, ToolResult
from ranvier.providers import Anthropic, Gemini
from ranvier.providers._history.call_ids import (
    ANTHROPIC_IDS,
    ANY_ID,
    CHAT_IDS,
    MISTRAL_IDS,
    OPENAI_IDS,
    with_valid_ids,
)
from support.providers.asking import Chunks
from support.providers.openai_apis import Chat
from support.providers.seven import body, collected

RULES = {
    "openai": (OPENAI_IDS, r"[!-~]{1,40}"),
    "chat": (CHAT_IDS, r"[!-~]{1,40}|[!-~]*__thought__[!-~]*"),
    "mistral": (MISTRAL_IDS, r"[a-zA-Z0-9]{9}"),
    "anthropic": (ANTHROPIC_IDS, r"[a-zA-Z0-9_-]+"),
    "any": (ANY_ID, r"(?s).+"),
}
NOTHING = httpx.Response(200, json={})
SIGNED = "call_7a__thought__" + "CqMBAdHtim9" * 12

each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def conversation(*calls: ToolCall) -> tuple[Message, ...]:
    """Calls of one turn, and a result for each."""
    results = tuple(ToolResult(call.id, f"result {number}") for number, call in enumerate(calls))
    return (Message.user("q"), Message("assistant", calls), Message("tool", results))


async def ids_sent(server: Any, messages: tuple[Message, ...], **given: Any) -> list[str]:
    """The ids of calls and of results in a request of chat completions, in their order."""
    sent = (await server.sent(Request(messages), **given))["messages"]
    called = [call["id"] for turn in sent for call in turn.get("tool_calls") or ()]
    answered = [turn["tool_call_id"] for turn in sent if turn["role"] == "tool"]
    assert called == answered
    return called


@pytest.mark.virtual_time
@each_way
async def test_an_id_goes_back_to_its_maker_as_it_was(ask: Any, streamed: bool) -> None:
    """LiteLLM's proxy keeps a signature in its ids; another model of it gets a valid id."""
    content = body("openai", f"tools.{'stream' if streamed else 'json'}")
    content = re.sub(rb'"id": ?"call_[^"]*"', f'"id":"{SIGNED}"'.encode(), content)
    assert SIGNED.encode() in content
    reply = httpx.Response(200, stream=Chunks(content))
    async with ask(Chat, reply, name="litellm", base_url="https://litellm.test") as server:
        answer = collected(await server.stream()) if streamed else await server.complete()
        messages = (Message.user("q"), answer.message, Message.tool(answer.tool_calls[0].id, "x"))
        assert await ids_sent(server, messages) == [SIGNED]
        (elsewhere,) = await ids_sent(server, messages, model="another")
    async with ask(Chat, NOTHING) as server:
        assert await ids_sent(server, messages) == [elsewhere]
    assert re.fullmatch(r"[!-~]{1,40}", elsewhere)


@pytest.mark.virtual_time
@each_way
async def test_a_server_of_anthropics_dialect_gets_its_own_ids_back(ask: Any, streamed: bool) -> None:
    """Some of them give ids that Anthropic itself refuses."""
    content = body("anthropic", f"tools.{'stream' if streamed else 'json'}")
    content = re.sub(rb'"id": ?"toolu_[^"]*"', b'"id":"functions.f:0"', content)
    async with ask(
        Anthropic, httpx.Response(200, stream=Chunks(content)), base_url="https://a.test"
    ) as server:
        answer = collected(await server.stream()) if streamed else await server.complete()
        request = Request((Message.user("q"), answer.message, Message.tool("functions.f:0", "x")))
        assert json.dumps(await server.sent(request)).count("functions.f:0") == 2
        assert "functions.f:0" not in json.dumps(await server.sent(request, key="another-key"))


@pytest.mark.virtual_time
async def test_an_id_of_a_dict_is_kept_for_a_proxy_and_made_valid_for_openai(ask: Any) -> None:
    """Nobody says who made it: a signature in it tells that LiteLLM did."""
    messages = conversation(ToolCall(SIGNED, "f"), ToolCall("x" * 50, "f"))
    async with ask(Chat, NOTHING, name="litellm", base_url="https://litellm.test") as server:
        kept, shortened = await ids_sent(server, messages)
        assert kept == SIGNED
        assert len(shortened) <= 40
    for arguments in ({}, {"name": "azure", "base_url": "https://me.openai.azure.com/openai/v1"}):
        async with ask(Chat, NOTHING, **arguments) as server:
            assert all(len(each) <= 40 for each in await ids_sent(server, messages))


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "arguments", [{"name": "mistral"}, {"name": "m", "base_url": "https://api.mistral.ai/v1"}]
)
async def test_mistral_is_sent_ids_of_nine_characters(ask: Any, arguments: dict[str, str]) -> None:
    """Its own stay; those of others are made from them, always the same."""
    messages = conversation(ToolCall("D681PevKs", "f"), ToolCall("call_abc", "f"), ToolCall("call_abc", "f"))
    async with ask(Chat, NOTHING, **{"base_url": "https://mistral.test", **arguments}) as server:
        ids = await ids_sent(server, messages)
        assert await ids_sent(server, messages) == ids
    assert ids[0] == "D681PevKs"
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", each) for each in ids)
    assert len(set(ids)) == 3


@pytest.mark.virtual_time
async def test_vertex_is_sent_no_ids_and_results_in_the_order_of_their_calls(ask: Any) -> None:
    """It refuses the field, so that the order alone tells which result is whose."""
    calls = (ToolCall("a", "f"), ToolCall("b", "f"))
    results = (ToolResult("b", "second"), ToolResult("a", "first"))
    messages = (Message.user("q"), Message("assistant", calls), Message("tool", results))
    vertex = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google"
    async with ask(Gemini, NOTHING, base_url=vertex) as server:
        text = json.dumps(await server.sent(Request(messages)))
    assert '"id"' not in text
    assert text.index("first") < text.index("second")
    async with ask(Gemini, NOTHING) as server:
        assert json.dumps(await server.sent(Request(messages))).count('"id"') == 4


# --- for any ids ---------------------------------------------------------------------------------

ids = st.text(max_size=60) | st.sampled_from(["", "call_0", "D681PevKs", "x" * 64, SIGNED, "a|b", "Zürich"])
calls = st.lists(st.builds(ToolCall, ids, st.just("f")), min_size=1, max_size=6)


@given(st.lists(calls, min_size=1, max_size=3), st.sampled_from(sorted(RULES)))
def test_any_ids_become_different_ids_that_the_wire_takes(turns: list[list[ToolCall]], name: str) -> None:
    """Each is valid and unique, a result keeps to its call, and what may stay stays."""
    rule, pattern = RULES[name]
    messages = [message for turn in turns for message in conversation(*turn)]
    sent = with_valid_ids(messages, rule, lambda native: False)
    called = [call.id for message in sent for call in message.tool_calls]
    answered = [part.call_id for message in sent for part in message.parts if isinstance(part, ToolResult)]
    assert called == answered
    assert len(set(called)) == len(called)
    assert all(re.fullmatch(pattern, each) for each in called)
    given_ids = [call.id for turn in turns for call in turn]
    for given_id, used in zip(given_ids, called, strict=True):
        if given_ids.count(given_id) == 1 and re.fullmatch(pattern, given_id):
            assert used == given_id
    assert with_valid_ids(messages, rule, lambda native: False) == sent


@given(st.lists(ids, min_size=1, max_size=5, unique=True), st.sampled_from(sorted(RULES)))
def test_whoever_made_ids_sees_them_again_as_they_were(given_ids: list[str], name: str) -> None:
    """Whatever they are, as long as they tell calls apart."""
    made = tuple(ToolCall(each, "f", native=Native("own", {"id": each})) for each in given_ids)
    messages = conversation(*made)
    assert with_valid_ids(messages, RULES[name][0], lambda native: True) is messages
    assert [message.role for message in messages] == ["user", "assistant", "tool"]


@given(st.lists(ids, min_size=2, max_size=6))
def test_made_ids_never_meet_given_ones(given_ids: list[str]) -> None:
    """An id that was made for one conversation may be the given one of another call."""
    made = MISTRAL_IDS.made("call_0")
    messages = conversation(
        ToolCall(made, "f"), ToolCall("call_0", "f"), *(ToolCall(each, "f") for each in given_ids)
    )
    sent = with_valid_ids(messages, MISTRAL_IDS, lambda native: False)
    called = [call.id for message in sent for call in message.tool_calls]
    assert len(set(called)) == len(called)
    if given_ids.count(made) == 0:
        assert called[0] == made


def test_a_conversation_without_calls_is_left_alone() -> None:
    """There is nothing to make valid."""
    messages = (Message.user("q"), Message.assistant("a"))
    assert with_valid_ids(messages, ANTHROPIC_IDS, lambda native: False) is messages
