"""A conversation that was saved and loaded goes on at every provider as if it had never been saved."""

from typing import Any

import pytest

from ranvier.messages import Message, dump, dump_response, load, load_response
from support.messages.saving import whole
from support.providers.conversations import KEPT, OPAQUE, OWN_PLACES, answer, asked, first_turn, used_a_tool
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@each_way
@pytest.mark.parametrize("first", APIS)
async def test_a_loaded_conversation_goes_on_everywhere(ask: Any, first: str, streamed: bool) -> None:
    """Each provider is sent what it would have been sent; the first finds its own thoughts and signatures."""
    history = await used_a_tool(ask, first, streamed=streamed)
    said = await answer(ask, first, "answer", streamed=streamed)
    text = dump([*history, said.message])
    assert all(mark in text for mark in OPAQUE[first])
    assert "secret-key" not in text
    loaded = load(text)
    assert whole(loaded) == whole([*history, said.message])
    for second in APIS:
        for going_on in (loaded[:3], [*loaded, Message.user("And tomorrow?")]):
            sent = await asked(ask, second, *going_on)
            plain = [*history, said.message, *going_on[4:]][: len(going_on)]
            assert sent == await asked(ask, second, *plain)
            if second == first:
                assert OWN_PLACES[first](first_turn(sent)) == KEPT[first]


@each_way
@pytest.mark.parametrize("provider", APIS)
async def test_a_response_is_saved_with_all_that_its_provider_said(
    ask: Any, provider: str, streamed: bool
) -> None:
    """Its message goes into a history as that of the response itself does."""
    for which in ("tools", "answer"):
        response = await answer(ask, provider, which, streamed=streamed)
        text = dump_response(response)
        assert "secret-key" not in text
        loaded = load_response(text)
        assert whole(loaded) == whole(response)
        assert whole(loaded.message) == whole(response.message)
