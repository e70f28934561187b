"""The simulator's answers against recorded ones: it sends no field that the real provider does not."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ranvier.simulator import CallTool, Say

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "data" / "exchanges.core.jsonl"
ABSENT = "the recorded traffic does not lie beside the checkout"
pytestmark = [pytest.mark.once, pytest.mark.skipif(not RECORDINGS.is_file(), reason=ABSENT)]

RECORDED = [
    # provider, its name in the recordings, the dialect, whole or streamed
    ("anthropic", "anthropic", "anthropic_messages", "plain"),
    ("anthropic", "anthropic", "anthropic_messages", "stream"),
    ("openai", "openai", "openai_chat", "plain"),
    ("openai", "openai", "openai_chat", "stream"),
    ("gemini", "gemini", "gemini_generate", "plain"),
    ("gemini", "gemini", "gemini_generate", "stream"),
    ("glm", "zai", "openai_chat", "plain"),
    ("openrouter", "openrouter", "openai_chat", "plain"),
    ("openrouter", "openrouter", "openai_chat", "stream"),
]
AS_IT_LIKES = {"input", "args", "partial_json"}
"""What the model fills."""

NOT_RECORDED = {
    ("openai", "plain"): "reasoning_content",  # which is for the servers that speak its dialect
    ("openai", "stream"): "reasoning_content",
    ("gemini", "stream"): "thought",
    ("glm", "plain"): "tool_calls",
    ("openrouter", "stream"): "tool_calls",
}
"""What nobody has recorded: it stands in the shapes of the providers' own documents."""


def places(value: Any, place: str = "") -> Iterator[str]:
    """Where in a body there is a field, as `.choices[].delta`."""
    if isinstance(value, list):
        for each in value:
            yield from places(each, f"{place}[]")
    elif isinstance(value, dict):
        for name, within in value.items():
            yield f"{place}.{name}"
            if name not in AS_IT_LIKES:
                yield from places(within, f"{place}.{name}")


@cache
def recorded(provider: str, api: str, kind: str) -> set[str]:
    """Every field in the recorded bodies of a provider."""
    found: set[str] = set()
    with RECORDINGS.open(encoding="utf-8") as lines:
        for row in map(json.loads, (line for line in lines if provider in line)):
            if (row["provider"], row["api"], row["kind"]) == (provider, api, kind):
                for body in bodies(row.get("body") or row.get("sse")):
                    found.update(places(body))
    return found


def bodies(content: Any) -> Iterator[Any]:
    """The JSON of a body: all of it, or of each event."""
    if not isinstance(content, str):
        yield content
        return
    for text in (content, *(line.removeprefix("data:") for line in content.splitlines())):
        try:
            yield json.loads(text)
        except ValueError:
            continue


@pytest.mark.parametrize(("provider", "owner", "api", "kind"), RECORDED)
async def test_no_field_is_made_up(sim, talk, provider, owner, api, kind):
    """Words, thoughts and calls of tools: each field of it has been seen on the wire."""
    sim.play(provider, Say("Yes."), Say("Yes.", reasoning="Hm."), CallTool("get_weather", {"city": "Bern"}))
    sent: set[str] = set()
    for _ in range(3):
        reply = await talk(provider, stream=kind == "stream")
        for event in reply.events:
            sent.update(places(event))
    known = recorded(owner, api, kind)
    missed = NOT_RECORDED.get((provider, kind))
    unseen = {place for place in sent - known if missed not in place.replace("[]", "").split(".")}
    assert unseen == set()
    assert len(sent & known) > 10
