"""All seven wires as the real adapters read them, over real sockets: good answers."""

import pytest

from ranvier import ContentFilterError, FinishReason, Message
from ranvier.simulator import CallTool, Say
from support.simulator.asking_adapters import ASKED, CITY, THINKING, TOOLS, WAYS, asking

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("one_tls_context")]
every_wire = pytest.mark.parametrize("provider", ASKED)
either_way = pytest.mark.parametrize("way", WAYS)

SHOWS_NO_THOUGHTS = {"openai", "azure"}
COUNTS_NO_THOUGHTS = {"anthropic", "ollama", "openai", "vertex-claude", "azure"}
NESTED = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["node", "gap"]},
        "count": {"type": "integer", "minimum": 3},
        "names": {"type": "array", "items": {"type": "string", "minLength": 8}, "minItems": 2},
        "next": {"anyOf": [{"$ref": "#/$defs/city"}, {"type": "null"}]},
    },
    "required": ["kind", "count", "names", "next"],
    "additionalProperties": False,
    "$defs": {"city": CITY},
}


def good(sim):
    """Nothing was refused, and all that was asked was answered."""
    return [exchange.refused or exchange.answered for exchange in sim.requests]


@every_wire
@either_way
async def test_an_answer_is_read_in_full(sim, provider, way):
    """Text, reason, tokens, id and model arrive, whole and streamed."""
    async with asking(sim, provider) as ask:
        answer = await ask(way, system="Be brief.", max_tokens=200)
    assert len(answer.text.split()) > 15
    assert answer.finish_reason is FinishReason.STOP
    assert answer.usage.complete
    assert answer.usage.output == len(answer.text.split()) + len(answer.reasoning.split())
    assert answer.usage.total == answer.usage.input + answer.usage.output
    assert (answer.provider, answer.model) == (provider, sim.requests[0].model)
    assert (answer.id is None) == (provider == "ollama")
    assert sim.requests[0].streaming == (way == "streamed")
    assert good(sim) == [True]


@every_wire
@either_way
async def test_a_limit_ends_an_answer(sim, provider, way):
    """The reason says so, and the tokens are as many as were allowed."""
    async with asking(sim, provider) as ask:
        answer = await ask(way, max_tokens=16)
    assert answer.finish_reason is FinishReason.LENGTH
    assert answer.usage.output == 16


@every_wire
@either_way
async def test_tools_are_called_and_their_results_are_read(sim, provider, way):
    """Two calls in one turn, both results in the next: each provider takes the history it gets back."""
    async with asking(sim, provider) as ask:
        question = Message.user("use get_weather and get_time")
        answer = await ask(way, [question], tools=TOOLS)
        assert answer.finish_reason is FinishReason.TOOL_CALLS
        assert [(call.name, call.arguments) for call in answer.tool_calls] == [
            ("get_weather", {"city": "Zürich"}),
            ("get_time", {"city": "Zürich"}),
        ]
        results = [Message.tool(call.id, "fine") for call in answer.tool_calls]
        told = await ask(way, [question, answer.message, *results], tools=TOOLS)
    assert told.text
    assert told.tool_calls == ()
    assert good(sim) == [True, True]


@every_wire
@either_way
async def test_reasoning_is_shown_and_taken_back(sim, provider, way):
    """Thoughts are kept apart from words, are counted, and go back with a call as they came."""
    async with asking(sim, provider, options=THINKING[provider]) as ask:
        plain = await ask(way)
        question = Message.user("use get_weather")
        answer = await ask(way, [question], tools=TOOLS)
        results = [Message.tool(call.id, "fine") for call in answer.tool_calls]
        await ask(way, [question, answer.message, *results], tools=TOOLS)
    assert plain.text
    for each in (plain, answer):
        assert bool(each.reasoning) == (provider not in SHOWS_NO_THOUGHTS)
        assert bool(each.usage.reasoning) == (provider not in COUNTS_NO_THOUGHTS)
    assert good(sim) == [True, True, True]


@every_wire
@either_way
async def test_scripted_thoughts_words_and_calls_arrive_in_one_answer(sim, provider, way):
    """What a script says is what the adapter reads."""
    sim.play(provider, Say("Voilà.", reasoning="Hm, ja.") & CallTool("now", {"zone": "UTC"}, "Voilà."))
    async with asking(sim, provider, options=THINKING[provider]) as ask:
        answer = await ask(way, tools=TOOLS)
    assert (answer.text, answer.reasoning) == ("Voilà.", "Hm, ja.")
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("now", {"zone": "UTC"})]


@every_wire
@either_way
async def test_an_answer_fits_the_schema_that_was_asked_for(sim, provider, way):
    """However the wire says which form it wants, in a field or in words, the answer has it."""
    async with asking(sim, provider) as ask:
        answer = await ask(way, "Where?", schema=NESTED)
    assert answer.parsed["kind"] == "node"
    assert answer.parsed["count"] >= 3
    assert answer.parsed["next"] == {"city": "Zürich"}
    assert len(sim.requests) == 1
    assert good(sim) == [True]


@every_wire
async def test_an_answer_that_leaves_its_schema_can_be_scripted(sim, provider):
    """The repair that follows is a request that the provider takes."""
    sim.play(provider, Say('{"town": "Bern"}'))
    async with asking(sim, provider) as ask:
        answer = await ask("whole", "Where?", schema=CITY, repair=1)
    assert answer.parsed == {"city": "Zürich"}
    assert good(sim) == [True, True]


@pytest.mark.parametrize("provider", [name for name in ASKED if name != "ollama"])
@either_way
async def test_a_refusal_on_policy_without_a_word(sim, provider, way):
    """An answer that is none, whichever way the provider says so: Gemini has no candidates then."""
    sim.play(provider, Say("", finish="content_filter"))
    async with asking(sim, provider) as ask:
        with pytest.raises(ContentFilterError):
            await ask(way)


@every_wire
async def test_a_form_is_found_among_other_braces(sim, provider):
    """A schema that stands in the instructions is found, whatever else stands there."""
    async with asking(sim, provider) as ask:
        answer = await ask("whole", 'Not {this}, nor {"a": 1}.', system="{ and {}", schema=CITY)
    assert answer.parsed == {"city": "Zürich"}
