"""Histories as servers and models really leave them: each of the seven takes them, by its own rules."""

import json
from typing import Any

import pytest

from ranvier.messages import Message, Native, Text, ToolCall, ToolResult
from support.providers.conversations import asked, call_ids
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

each_provider = pytest.mark.parametrize("name", APIS)

NATIVE = tuple(
    Native(owner, {"type": "thinking", "thinking": "Hm.", "signature": "s"}) for owner in (*APIS, "elsewhere")
)
"""Parts of everybody's."""


def others_parts(name: str) -> tuple[Native, ...]:
    """What only others than that provider understand."""
    return tuple(part for part in NATIVE if part.provider != name)


def turn(*calls: ToolCall, words: str = "") -> Message:
    """An answer that calls tools."""
    return Message("assistant", (*([Text(words)] if words else []), *calls))


@each_provider
async def test_ids_that_a_server_counts_anew_in_each_turn_are_told_apart(ask: Any, name: str) -> None:
    """The same id in two turns is two calls, each with its own result."""
    call, again = ToolCall("call_0", "get_weather", {"city": "Bern"}), ToolCall("call_0", "get_time")
    history = (
        Message.user("Weather?"),
        turn(call),
        Message.tool("call_0", "Sunny"),
        turn(again),
        Message.tool("call_0", "Noon"),
    )
    sent = await asked(ask, name, *history)
    ids = list(call_ids(name, sent))
    assert ids[0] == "call_0"
    assert len(set(ids)) == 2
    text = json.dumps(sent)
    assert text.index("Sunny") < text.index("get_time") < text.index("Noon")


@each_provider
async def test_two_calls_of_one_turn_with_the_same_id_get_a_result_each(ask: Any, name: str) -> None:
    """In the order in which they were made."""
    calls = [ToolCall("call_0", "get_weather", {"city": city}) for city in ("Bern", "Basel")]
    results = [Message.tool("call_0", result) for result in ("Sunny", "Rain")]
    sent = await asked(ask, name, Message.user("Weather?"), turn(*calls), *results)
    first, second = call_ids(name, sent)
    assert first != second
    text = json.dumps(sent)
    assert text.index("Sunny") < text.index("Rain")
    assert text.rindex(second) > text.index("Rain") - 200


@each_provider
@pytest.mark.parametrize("id", ["functions.get_weather:0", "x" * 64, "Zürich 1", "", "a|b"])
async def test_an_id_of_another_providers_is_made_valid(ask: Any, name: str, id: str) -> None:
    """The call and its result still belong together."""
    call = ToolCall(id, "get_weather", {"city": "Bern"})
    sent = await asked(ask, name, Message.user("Weather?"), turn(call), Message.tool(id, "Sunny"))
    (used,) = call_ids(name, sent)
    assert json.dumps(sent).count(json.dumps(used)) == 2


@each_provider
async def test_words_that_are_none_beside_a_call_are_no_empty_content(ask: Any, name: str) -> None:
    """Some models write two line ends before they call a tool."""
    call = ToolCall("call_1", "get_weather", {"city": "Bern"})
    history = (Message.user("Weather?"), turn(call, words="\n\n"), Message.tool("call_1", "Sunny"))
    await asked(ask, name, *history)


@each_provider
async def test_an_answer_of_nothing_but_another_providers_thoughts_is_left_out(ask: Any, name: str) -> None:
    """A model that reached its limit while it thought has said nothing that another could be told."""
    thought = Message("assistant", others_parts(name))
    sent = await asked(ask, name, Message.user("Think!"), thought, Message.user("Go on."))
    assert "Hm." not in json.dumps(sent)


async def test_thoughts_after_which_nothing_came_do_not_go_back_to_anthropic(ask: Any) -> None:
    """It refuses an answer that ends with a thought, its own too."""
    (thought,) = (part for part in NATIVE if part.provider == "anthropic")
    answers = (Message("assistant", (thought,)), Message("assistant", (Text("Well,"), thought)))
    for said in answers:
        sent = await asked(ask, "anthropic", Message.user("Think!"), said, Message.user("Go on."))
        assert "Hm." not in json.dumps(sent)


@each_provider
async def test_results_out_of_order_and_failed_ones_still_answer_their_calls(ask: Any, name: str) -> None:
    """Two calls at once, one of them cut off by a limit, and the result of the other comes first."""
    calls = (
        ToolCall("a", "get_weather", {}, '{"city": "Be'),
        ToolCall("b", "get_weather", {"city": "Basel"}),
    )
    history = (
        Message.user("Weather?"),
        Message("assistant", (*others_parts(name), Text("Let me look."), *calls)),
        Message.tool("b", "Rain"),
        Message("tool", (ToolResult("a", "which city?", is_error=True),)),
        Message.user("Go on."),
    )
    sent = await asked(ask, name, *history)
    text = json.dumps(sent)
    assert list(call_ids(name, sent)) == ["a", "b"]
    assert "Rain" in text
    assert "which city?" in text
