"""A file of answers: a run that was killed goes on where it was, and each prompt has one answer there."""

import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ranvier import Message, Pipeline, ServerError, ToolCall
from ranvier import Response as Answer
from ranvier.layers import Fallback
from ranvier.messages import load_response
from ranvier.testing import after
from support.mapping.answering import FILES, built, echo, records


@FILES
async def test_answers_are_written_and_not_asked_for_again(tmp_path: Path, name: str) -> None:
    """A second run with more prompts sends those that are new."""
    provider, pipeline = built()
    first = await pipeline.map(["a", "b"], file=tmp_path / name).collect()
    run = pipeline.map(["a", "b", "c"], file=str(tmp_path / name))
    assert [result.text for result in await run.collect()] == ["re: c"]
    assert (run.progress.skipped, run.progress.total, len(provider.calls)) == (2, 3, 3)
    assert [(each["key"], each["index"], each["text"]) for each in records(tmp_path / name)] == [
        (first[0].key, 0, "re: a"),
        (first[1].key, 1, "re: b"),
        (records(tmp_path / name)[2]["key"], 2, "re: c"),
    ]


@FILES
async def test_the_key_is_the_position_and_the_prompt_or_yours(tmp_path: Path, name: str) -> None:
    """A changed prompt is asked for; with a key of your own it is not."""
    provider, pipeline = built()
    await pipeline.map(["a", "b"], file=tmp_path / name).collect()
    await pipeline.map(["a", "B"], file=tmp_path / name).collect()
    assert [echo(call) for call in provider.calls] == ["re: a", "re: b", "re: B"]
    for text in ("a", "changed"):
        run = pipeline.map(
            [{"id": 7, "text": text}],
            key=lambda row: row["id"],
            prompt=lambda row: row["text"],
            file=tmp_path / f"own-{name}",
        )
        await run.collect()
    (record,) = records(tmp_path / f"own-{name}")
    assert (record["key"], record["text"]) == ("7", "re: a")


@FILES
async def test_two_prompts_with_one_key_are_asked_once(tmp_path: Path, name: str) -> None:
    """Also if both would be in flight."""
    provider, pipeline = built(lambda call: after(0.02, "late"))
    run = pipeline.map(["a", "b", "c"], key=lambda text: "same", file=tmp_path / name)
    assert len(await run.collect()) == 1
    assert (len(provider.calls), run.progress.skipped, len(records(tmp_path / name))) == (1, 2, 1)


@FILES
async def test_failures_are_asked_for_again(tmp_path: Path, name: str) -> None:
    """They are not written."""
    _, pipeline = built([ServerError("no", provider="one"), "fine"])
    (failed,) = await pipeline.map(["a"], file=tmp_path / name).collect()
    assert isinstance(failed.error, ServerError)
    assert records(tmp_path / name) == []
    (answered,) = await pipeline.map(["a"], file=tmp_path / name).collect()
    assert answered.text == "fine"


@FILES
async def test_an_answer_with_more_than_text_is_kept_whole(tmp_path: Path, name: str) -> None:
    """Tool calls can be loaded again."""
    call = ToolCall("c1", "look", {"city": "Bern"})
    _, pipeline = built([Answer("", tool_calls=(call,))])
    await pipeline.map(["a"], file=tmp_path / name).collect()
    (record,) = records(tmp_path / name)
    kept = record["response"]
    assert load_response(kept if isinstance(kept, str) else json.dumps(kept)).tool_calls == (call,)


@FILES
async def test_conversations_have_keys_too(tmp_path: Path, name: str) -> None:
    """By their content."""
    provider, pipeline = built()
    for text in ("a", "a", "b"):
        await pipeline.map([[Message("user", text)]], file=tmp_path / name).collect()
    assert [echo(call) for call in provider.calls] == ["re: a", "re: b"]


class Fine:
    """Answers at once, and remembers nothing."""

    name = default_model = "fine"

    async def complete(self, call: Any) -> Answer:
        return Answer("fine")


@pytest.mark.once
async def test_memory_stays_flat() -> None:
    """Neither prompts nor results are kept: those of a long run are garbage."""
    prompts = (f"{index} " + 2000 * "x" for index in range(3000))
    sizes = []
    tracemalloc.start()
    async for result in Pipeline(Fallback(Fine())).map(prompts, concurrency=10):
        if result.index in (500, 2900):
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])  # because: it is measured meanwhile
    tracemalloc.stop()
    assert sizes[1] < sizes[0] + 200_000, sizes
