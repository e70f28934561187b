"""A file of answers: a run that was killed goes on where it was, and each prompt has one answer there."""

import gc
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ranvier import ConfigurationError, Message, Pipeline, ServerError, ToolCall
from ranvier import Response as Answer
from ranvier.layers import Fallback, Retry
from ranvier.messages import load_response
from ranvier.testing import ScriptedProvider, after

FILES = pytest.mark.parametrize("name", ["answers.jsonl", "answers.db"])
KILLED = Path(__file__).parents[1] / "support" / "mapping" / "killed.py"
PROMPTS = int(os.environ.get("RANVIER_MAP_PROMPTS", "2000"))
"""More of them, such as 100000, for the long form."""

MAX_KILLS = int(os.environ.get("RANVIER_MAP_KILLS", "3"))


def echo(call: Any) -> str:
    return f"re: {call.request.messages[0].text}"


def built(replies: Any = echo) -> tuple[ScriptedProvider, Pipeline]:
    provider = ScriptedProvider("one", replies)
    return provider, Pipeline(Fallback(provider), Retry(0))


def records(file: Path) -> list[dict[str, Any]]:
    """The answers in a file of either kind."""
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    with sqlite3.connect(file) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM answers")]
    connection.close()
    return rows


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


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b'{"key":"x', b'{"key":"x","text":"whole"}', b"\xff\xfe", b"{"])
async def test_a_torn_last_line_is_removed(tmp_path: Path, torn: bytes) -> None:
    """The prompt is asked for again, and every line is whole."""
    file = tmp_path / "answers.jsonl"
    _, pipeline = built()
    await pipeline.map(["a"], file=file).collect()
    with file.open("ab") as lines:
        lines.write(torn)
    await pipeline.map(["a", "b"], file=file).collect()
    assert [each["text"] for each in records(file)] == ["re: a", "re: b"]


@pytest.mark.parametrize("line", [b"not json\n", b'{"text": "no key"}\n', b"[1]\n", b'{"key": 7}\n'])
async def test_a_file_of_something_else_is_left_alone(tmp_path: Path, line: bytes) -> None:
    """The error names file and line, and quotes nothing."""
    file = tmp_path / "answers.jsonl"
    file.write_bytes(b'{"key": "a"}\n' + line)
    with pytest.raises(ConfigurationError, match="line 2: this is no answer of a former run"):
        await built()[1].map(["a"], file=file).collect()
    assert file.read_bytes() == b'{"key": "a"}\n' + line


async def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """It has another table of that name, or is no database."""
    (tmp_path / "text.db").write_text("nothing that SQLite knows" * 100)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE answers (question TEXT)")
    connection.close()
    for name in ("text.db", "other.db"):
        with pytest.raises(ConfigurationError, match="cannot be used for answers"):
            await built()[1].map(["a"], file=tmp_path / name).collect()


async def test_another_kind_of_file_is_rejected(tmp_path: Path) -> None:
    """Its name says which kinds there are."""
    with pytest.raises(ConfigurationError, match=r"end its name in \.jsonl"):
        await built()[1].map(["a"], file=tmp_path / "answers.csv").collect()


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
async def test_two_runs_do_not_share_a_file_of_lines(tmp_path: Path) -> None:
    """The second one is rejected while the first goes on."""
    file = tmp_path / "answers.jsonl"
    _, pipeline = built()
    async with pipeline.map(["a", "b"], file=file, concurrency=1) as run:
        await anext(aiter(run))
        with pytest.raises(ConfigurationError, match="in use by another run"):
            await pipeline.map(["c"], file=file).collect()
    await pipeline.map(["c"], file=file).collect()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
async def test_a_full_disk_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is taken to be written that is not; the line is removed."""
    file = tmp_path / "answers.jsonl"
    _, pipeline = built()
    await pipeline.map(["a"], file=file).collect()
    write = os.write
    monkeypatch.setattr(os, "write", lambda number, data: write(number, data[:5]))
    with pytest.raises(OSError, match="could not be written whole"):
        await pipeline.map(["a", "b"], file=file).collect()
    monkeypatch.undo()
    assert [each["text"] for each in records(file)] == ["re: a"]
    assert file.read_bytes().endswith(b"}\n")


# --- kills ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal")
@pytest.mark.once
@FILES
def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path, name: str) -> None:
    """Killed at random moments and begun again, until it ends: every prompt has exactly one answer."""
    file, rng = tmp_path / name, random.Random(name)
    kills = 0
    while True:
        command = [sys.executable, str(KILLED), str(file), str(PROMPTS), str(kills)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                printed, _ = process.communicate(
                    timeout=600 if kills >= MAX_KILLS else 0.6 + rng.random() * PROMPTS / 4000
                )
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
                continue
        assert process.returncode == 0
        break
    found = records(file)
    assert Counter(each["key"] for each in found).most_common(1)[0][1] == 1
    texts = {f"answer to prompt {index}" for index in range(PROMPTS)}
    assert {each["text"] for each in found} == texts
    assert len(found) == PROMPTS
    print(f"{kills} kills, at most {int(printed) // 1024} MB")


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
