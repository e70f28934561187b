"""Recorded traffic of real providers, understood as their own SDKs understand it.

The recordings lie beside the checkout and are not part of it. Chunk boundaries were not recorded,
so every body is read whole and cut at random places.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ranvier.errors import ContentFilterError, ProviderError
from ranvier.messages import Response
from ranvier.pipeline.collector import Collector
from ranvier.providers import Anthropic, Ollama, OpenAI

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "data"
ADAPTERS = {"openai_chat": OpenAI, "anthropic_messages": Anthropic, "ollama_chat": Ollama}
ANSWERS = ("plain", "stream")
NEEDED = 0.98
"""The share of recordings that must be understood exactly as the SDK does."""

LEFT_OUT = {
    "fdb6934141db459b": "several responses glued together",
    "5fd7a6621d629256": "several responses glued together",
    "93d03c7dab9be110": "two responses glued together; the SDK joins the names of their tools",
    "fe483391fcbbc0cb": "the SDK hands the list of Mistral's content through; ours is its text",
    "2e56d2e2cad9e69d": "a filtered choice without a message, on which the SDK breaks",
}

ENDED_BEFORE_ITS_ERROR = "73f6932a8b7a56bd"
"""OpenRouter: the model stopped at its limit, and an error that says so again comes after that."""

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the recorded traffic does not lie beside the checkout"
)


def recordings() -> list[dict[str, Any]]:
    """Every exchange in a dialect that we speak, with what the SDK made of it where that is known."""
    oracle = {row["id"]: row for row in rows("exchanges.oracle.jsonl")}
    exchanges = [*rows("exchanges.core.jsonl"), *rows("exchanges.compat.jsonl")]
    return [{**row, "oracle": oracle.get(row["id"], {})} for row in exchanges if row["api"] in ADAPTERS]


def rows(name: str) -> list[dict[str, Any]]:
    """The lines of a file of recordings."""
    return [json.loads(line) for line in (RECORDINGS / name).read_text("utf-8").splitlines()]


async def understood(ask: Any, streamed: Any, record: dict[str, Any], chunks: list[bytes]) -> Response:
    """What our adapter makes of a recording that arrives in chunks."""
    reply = streamed(*chunks, status=record["status"])
    async with ask(ADAPTERS[record["api"]], reply) as asked:
        if not record["stream"]:
            return await asked.complete(model=record["model"] or "unknown")
        collector = Collector()
        for event in await asked.stream(model=record["model"] or "unknown"):
            collector.add(event)
        return collector.response("provider", "model")


def body_of(record: dict[str, Any]) -> bytes:
    """The bytes of the recorded body."""
    body = record["sse"] if record.get("sse") is not None else record["body"]
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def facts(response: Response) -> dict[str, Any]:
    """A response in the words of the oracle."""
    usage = response.usage
    return {
        "text": response.text,
        "finish": response.raw_finish_reason,
        "usage": [usage.input, usage.output],
        "id": response.id,
        "tools": [
            (call.id, call.name, dict(call.arguments) if call.invalid is None else call.invalid)
            for call in response.tool_calls
        ],
    }


def expected(record: dict[str, Any], response: Response) -> dict[str, Any]:
    """What the oracle says, where its words mean the same as ours."""
    said = record["oracle"]["ok"]
    tools = [(tool["id"], tool["name"], parsed(tool["args"])) for tool in said["tools"]]
    if not tools and (record["provider"] == "mistral" or "function_call" in body_of(record).decode()):
        tools = facts(response)["tools"]  # the SDK passes over calls without a type, and over old ones
    usage = [number or 0 for number in said["usage"] or (0, 0)]
    if record["api"] == "anthropic_messages":
        usage[0] += response.usage.cache_read + response.usage.cache_write  # beside the input there
    return {
        "text": said["text"] or "",
        "finish": said["finish"] or None,
        "usage": usage,
        "id": said["id"] or None,
        "tools": tools,
    }


def parsed(arguments: Any) -> Any:
    """The arguments of a tool call, or the text of them where they are no JSON."""
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


async def test_recorded_answers_are_understood_as_the_sdk_understands_them(ask: Any, streamed: Any) -> None:
    """Text, tool calls, finish reason, tokens and id of recorded answers are those that the SDK reads."""
    equal, different = 0, []
    for record in recordings():
        if (
            record["kind"] not in ("plain", "stream")
            or "ok" not in record["oracle"]
            or record["id"] in LEFT_OUT
        ):
            continue
        try:
            response = await understood(ask, streamed, record, [body_of(record)])
        except ContentFilterError:
            assert record["oracle"]["ok"]["finish"] == "refusal"  # an answer to the SDK, a refusal to us
            continue
        if facts(response) == expected(record, response):
            equal += 1
        else:
            different.append(record["id"])
    print(f"{equal} equal, {len(different)} different: {different}")
    assert equal > 600
    assert equal / (equal + len(different)) >= NEEDED, different


@pytest.mark.parametrize("seed", range(3))
async def test_where_a_body_is_cut_changes_nothing(ask: Any, streamed: Any, cut: Any, seed: int) -> None:
    """A recorded answer is understood the same in whatever chunks it arrives."""
    dice = random.Random(seed)
    for record in recordings():
        if record["kind"] not in ANSWERS or "ok" not in record["oracle"]:
            continue
        content = body_of(record)
        try:
            whole = await understood(ask, streamed, record, [content])
        except ProviderError as error:
            with pytest.raises(type(error)):
                await understood(ask, streamed, record, list(cut(content, dice)))
        else:
            pieces = await understood(ask, streamed, record, list(cut(content, dice)))
            whole_facts, pieces_facts = facts(whole), facts(pieces)
            if not all(call.id in content.decode() for call in whole.tool_calls):
                del whole_facts["tools"], pieces_facts["tools"]  # their ids are made up anew
            assert pieces_facts == whole_facts, record["id"]


async def test_recorded_failures_are_typed_errors(ask: Any, streamed: Any) -> None:
    """A recorded failure, told by its status, in a 200 or in a stream, is one of our errors."""
    kinds = {"error", "stream_error", "error_in_200"}
    failures = [record for record in recordings() if record["kind"] in kinds]
    assert failures
    for record in failures:
        if record["id"] == ENDED_BEFORE_ITS_ERROR:
            response = await understood(ask, streamed, record, [body_of(record)])
            assert response.finish_reason == "length"
            assert response.usage.output == 10
            continue
        with pytest.raises(ProviderError):
            await understood(ask, streamed, record, [body_of(record)])


async def test_a_recorded_stream_cut_anywhere_is_never_an_answer(ask: Any, streamed: Any) -> None:
    """A recorded stream that ends before its terminal event raises, at whatever byte it is cut."""
    dice = random.Random(7)
    streams = [
        record for record in recordings() if record["kind"] == "stream" and record["id"] not in LEFT_OUT
    ]
    for record in streams:
        content = body_of(record)
        end = terminal(record["api"], content)
        for place in (dice.randrange(1, end) for _ in range(3)):
            with pytest.raises(ProviderError):
                await understood(ask, streamed, record, [content[:place]])


def terminal(api: str, content: bytes) -> int:
    """Where the first event that may end the stream begins."""
    if api == "anthropic_messages":
        return content.rindex(b"message_stop")
    return min(
        place
        for word in (b'"stop"', b'"tool_calls"', b'"length"', b'"function_call"', b'"tool_use"')
        if (place := content.replace(b'"tool_calls":', b'"tool_kalls":').find(word)) > 0
    )
