"""Conversations of any kind: whoever wrote them, each of the seven is sent what its wire allows."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.messages import Message, Native, Part, Text, ToolCall, ToolResult
from support.providers.asking import opened
from support.providers.conversations import asked, call_ids
from support.providers.seven import APIS

WORDS = st.sampled_from(["Let me look.", "Sunny.", "Zürich?"])
ANYTHING = st.sampled_from(["", " ", "\n\n"]) | WORDS
IDS = st.sampled_from(["call_0", "call_1", "functions.look:0", "", "Zürich", "x" * 64])

OWN: dict[str, dict[str, Any]] = {
    "anthropic": {"type": "thinking", "thinking": "Hm.", "signature": "s"},
    "gemini": {"thoughtSignature": "s"},
    "kimi": {"reasoning_content": "Hm."},
    "glm": {"reasoning_content": "Hm."},
    "openrouter": {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "index": 0}]},
    "ollama": {"thinking": "Hm."},
    "responses": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
    "elsewhere": {"type": "thought", "of": "somebody"},
}
"""What each provider keeps in an answer for itself."""

thoughts = st.lists(st.sampled_from(sorted(OWN)).map(lambda name: Native(name, OWN[name])), max_size=2)
calls = st.builds(
    ToolCall,
    IDS,
    st.sampled_from(["look", "get_weather"]),
    st.just({"city": "Bern"}) | st.just({}),
    st.none() | st.just('{"city": "Be'),
)


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    """A question, some rounds of calls and their results, and perhaps an answer."""
    messages = [Message.user(draw(WORDS))]
    for asked_for in draw(st.lists(st.lists(calls, min_size=1, max_size=3), max_size=2)):
        said: list[Part] = [*draw(thoughts), Text(draw(ANYTHING)), *asked_for]
        results = [ToolResult(call.id, draw(ANYTHING), is_error=draw(st.booleans())) for call in asked_for]
        messages.append(Message("assistant", tuple(said)))
        if draw(st.booleans()):
            messages.append(Message("tool", tuple(results)))
        else:
            messages += [Message("tool", (result,)) for result in results]
    messages.append(Message("assistant", (*draw(thoughts), Text(draw(ANYTHING)))))
    return messages


histories = st.lists(turns(), max_size=3).map(lambda parts: [message for part in parts for message in part])


@pytest.mark.parametrize("name", APIS)
@settings(max_examples=25, deadline=None)
@given(history=histories)
def test_any_conversation_is_sent_by_the_rules_of_the_wire(name: str, history: list[Message]) -> None:
    """No call or result is lost, no id is used twice, and nothing in the request would be refused."""
    sent = asyncio.run(asked(opened, name, *history, Message.user("Go on.")))
    ids = list(call_ids(name, sent))
    assert len(ids) == sum(len(message.tool_calls) for message in history)
    assert len(set(ids)) == len(ids)
    assert "somebody" not in json.dumps(sent)
