"""Malformed usage costs its counts, never the answer: on every wire, whole and streamed."""

from typing import Any

import httpx
import pytest

from ranvier.messages import Response
from support.providers.five_wires import WIRES
from support.providers.seven import collected

ODD_REPORTS = ("unknown", True, 7.5, -1, [1], ["tokens"])
"""What no usage object is."""

ODD_COUNTS = ("11", "", [], {}, 11.5, -3, True, None, 10**30, [["NaN"]])
"""What no count is."""

each_wire = pytest.mark.parametrize("name", WIRES)


async def answers(ask: Any, name: str, usage: Any) -> list[Response]:
    """The answer with that usage: whole and streamed."""
    wire = WIRES[name]
    async with ask(wire.kind, httpx.Response(200, json=wire.whole("hello", usage=usage))) as server:
        whole = await server.complete(model="m")
    async with ask(wire.kind, httpx.Response(200, content=wire.stream("hello", usage=usage))) as server:
        return [whole, collected(await server.stream(model="m"))]


@each_wire
@pytest.mark.parametrize("usage", ODD_REPORTS, ids=repr)
async def test_usage_that_is_no_object_never_discards_the_answer(ask: Any, name: str, usage: Any) -> None:
    """The answer stands, and its usage says that it is incomplete."""
    for answer in await answers(ask, name, usage):
        assert (answer.text, answer.usage.complete) == ("hello", False)


@each_wire
@pytest.mark.parametrize("count", ODD_COUNTS, ids=repr)
async def test_a_malformed_count_never_discards_the_answer(ask: Any, name: str, count: Any) -> None:
    """A well-formed count beside it is kept; a malformed one is 0 and makes the usage incomplete."""
    wire = WIRES[name]
    for answer in await answers(ask, name, wire.counts(11, count)):
        assert (answer.text, answer.usage.complete) == ("hello", False)
        assert (answer.usage.input, answer.usage.output) == (11, 0)


@each_wire
async def test_well_formed_usage_is_complete(ask: Any, name: str) -> None:
    """Whole numbers are counts, also where a server writes them as 3.0."""
    for answer in await answers(ask, name, WIRES[name].counts(11, 3.0)):
        assert (answer.usage.input, answer.usage.output, answer.usage.total) == (11, 3, 14)
        assert answer.usage.complete


@pytest.mark.parametrize("details", [[], "none", 3, True, {"cached_tokens": "2"}], ids=repr)
async def test_malformed_shares_cost_only_themselves(ask: Any, details: Any) -> None:
    """The counts beside the details of chat completions are kept."""
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": details}
    for answer in await answers(ask, "openai", usage):
        assert (answer.usage.total, answer.usage.cache_read, answer.usage.complete) == (14, 0, False)


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}], ids=repr)
async def test_shares_that_are_null_are_none(ask: Any, details: Any) -> None:
    """Servers that count no shares say null, which is no malformed report."""
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": details}
    for answer in await answers(ask, "openai", usage):
        assert (answer.usage.total, answer.usage.cache_read, answer.usage.complete) == (14, 0, True)


@pytest.mark.parametrize("last", [..., None, "unknown", [], 7, {"output_tokens": None}, {}], ids=repr)
async def test_a_malformed_last_report_of_anthropic_leaves_the_first_one(ask: Any, last: Any) -> None:
    """What `message_start` has reported stays, and the usage says that its last word never came."""
    wire = WIRES["anthropic"]
    pieces = wire.pieces("hello", usage=wire.counts(11, 1))
    pieces[-2]["usage"] = last
    if last is ...:
        del pieces[-2]["usage"]
    async with ask(wire.kind, httpx.Response(200, content=wire.written(pieces))) as server:
        usage = collected(await server.stream()).usage
    assert (usage.input, usage.output, usage.complete) == (11, 1, False)


@pytest.mark.parametrize("name", ["openai", "kimi", "glm", "openrouter", "gemini"])
async def test_a_malformed_later_report_leaves_the_counts_before_it(ask: Any, name: str) -> None:
    """Where each chunk reports usage, a last one that says nothing makes the one before it incomplete."""
    wire = WIRES[name]
    pieces = wire.pieces("hello", usage=wire.counts(11, 3))
    pieces[-1]["usageMetadata" if name == "gemini" else "usage"] = "unknown"
    async with ask(wire.kind, httpx.Response(200, content=wire.written(pieces))) as server:
        usage = collected(await server.stream(model="m")).usage
    assert (usage.input, usage.output, usage.complete) == (11, 3, False)
