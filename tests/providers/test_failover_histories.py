"""A conversation begun at one provider goes on at another, and back again, for every pair of the seven.

What the second one is sent is held against the rules of its wire, which are written down in `wire_rules`,
apart from the adapters. What only the first understands has to stay away, and to be there again when it
returns.
"""

import itertools
import json
from typing import Any

import pytest

from ranvier.messages import Message
from support.providers.conversations import (
    KEPT,
    OWN_PLACES,
    answer,
    asked,
    call_ids,
    first_turn,
    foreign,
    used_a_tool,
)
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

PAIRS = list(itertools.permutations(APIS, 2))
each_pair = pytest.mark.parametrize(("first", "second"), PAIRS)
each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@each_way
@each_pair
async def test_a_result_is_handed_to_another_provider(
    ask: Any, first: str, second: str, streamed: bool
) -> None:
    """The second takes over in the middle, where the first waits for the result of its tool."""
    sent = await asked(ask, second, *await used_a_tool(ask, first, streamed=streamed))
    assert foreign(sent, first) == []
    text = json.dumps(sent, ensure_ascii=False)
    assert "Sunny, 21 °C" in text
    assert '"city' in text.replace("\\", "")


@each_way
@each_pair
async def test_a_finished_conversation_goes_on_elsewhere(
    ask: Any, first: str, second: str, streamed: bool
) -> None:
    """With the first one's words in it, and nothing that only the first understands."""
    history = await used_a_tool(ask, first, streamed=streamed)
    said = await answer(ask, first, "answer", streamed=streamed)
    sent = await asked(ask, second, *history, said.message, Message.user("And tomorrow?"))
    assert foreign(sent, first) == []
    text = json.dumps(sent, ensure_ascii=False)
    assert text.index("Sunny, 21 °C.") < text.index("And tomorrow?")


@each_way
@each_pair
async def test_the_first_one_finds_its_own_again(ask: Any, first: str, second: str, streamed: bool) -> None:
    """After both have called tools, the first sees its own thoughts and ids, and none of the second's."""
    begun = await used_a_tool(ask, first, streamed=streamed)
    went_on = await used_a_tool(ask, second, streamed=streamed)
    said = await answer(ask, second, "answer", streamed=streamed)
    sent = await asked(ask, first, *begun, *went_on, said.message, Message.user("And tomorrow?"))
    assert foreign(sent, second) == []
    assert OWN_PLACES[first](first_turn(sent)) == KEPT[first]
    assert next(call_ids(first, sent)) == begun[1].tool_calls[0].id
