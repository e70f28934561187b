"""Files of answers that are torn, foreign, in use or on a full disk: nothing is lost or overwritten."""

import asyncio
import gc
import resource
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ranvier import ConfigurationError, Usage
from ranvier import Response as Answer
from ranvier.pipeline.mapping.answers import open_answers
from support.mapping.answering import FILES, built, records, taken

LIMIT = 2**20
"""Bytes that a file may have on a disk that is full."""


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows beyond `LIMIT`: a write gets as far, and the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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


async def test_a_file_that_was_killed_in_its_first_line_is_ours(tmp_path: Path) -> None:
    """However little of it was written."""
    file = tmp_path / "answers.jsonl"
    await built()[1].map(["a"], file=file).collect()
    line = file.read_bytes()
    for length in range(len(line)):
        file.write_bytes(line[:length])
        await built()[1].map(["a"], file=file).collect()
        assert file.read_bytes() == line


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b'{"text": "no key"}\n',
        b"[1]\n",
        b'{"key": 7, "text": ""}\n',
        b'{"key": "b", "prompt": "a prompt"}\n',
        b"[" * 100_000 + b"\n",
    ],
)
async def test_a_file_of_something_else_is_left_alone(tmp_path: Path, line: bytes) -> None:
    """The error names file and line, and quotes nothing."""
    file = tmp_path / "answers.jsonl"
    content = b'{"key": "a", "text": "re: a"}\n' + line
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="line 2: this is no answer of a former run"):
        await built()[1].map(["a"], file=file).collect()
    assert file.read_bytes() == content


@pytest.mark.parametrize("content", [b'{"prompt": "one prompt"}', b"[]", b"a text", b'{"key": "a"}'])
async def test_a_file_of_something_else_without_a_last_newline_is_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    """It is no torn line of ours, which would be removed."""
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="line 1: this is no answer of a former run"):
        await built()[1].map(["a"], file=file).collect()
    assert file.read_bytes() == content


async def test_a_database_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """It has another table of that name, is no database, or its folder is missing."""
    (tmp_path / "text.db").write_text("nothing that SQLite knows" * 100)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE answers (question TEXT)")
    connection.close()
    for name in ("text.db", "other.db", "missing/answers.db"):
        with pytest.raises(ConfigurationError, match="cannot be used for answers"):
            await built()[1].map(["a"], file=tmp_path / name).collect()


async def test_another_kind_of_file_is_rejected_at_once(tmp_path: Path) -> None:
    """The error says which kinds there are."""
    with pytest.raises(ConfigurationError, match=r"end its name in \.jsonl"):
        built()[1].map(["a"], file=tmp_path / "answers.csv")


# --- use by several runs -------------------------------------------------------------------------


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


def test_a_run_that_is_garbage_does_not_keep_its_file(tmp_path: Path) -> None:
    """Such as that of a loop which Ctrl-C has left in the middle: the same process may begin it again."""
    file = tmp_path / "answers.jsonl"
    first = open_answers(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del first
        gc.collect()
    open_answers(file).close()


async def test_two_runs_may_share_a_database(tmp_path: Path) -> None:
    """Of two answers to one prompt one is kept."""
    file = tmp_path / "answers.db"
    prompts = [str(number) for number in range(100)]
    await asyncio.gather(*(built()[1].map(prompts, file=file).collect() for _ in range(2)))
    assert sorted(each["index"] for each in records(file)) == list(range(100))


# --- what cannot be written ----------------------------------------------------------------------


@FILES
async def test_a_full_disk_ends_the_run(tmp_path: Path, name: str) -> None:
    """No answer is taken to be written that is not; a line that was written in part is removed."""
    file = tmp_path / name
    prompts = [str(number) for number in range(30)]
    _, pipeline = built(lambda call: call.request.messages[0].text * 100_000)
    with full_disk():
        answered, ended = await taken(pipeline.map(prompts, file=file, concurrency=1))
    assert isinstance(ended, OSError)
    assert str(file) in str(ended)
    assert 0 < len(answered) < 30
    assert [each["text"] for each in records(file)] == answered
    assert len(await pipeline.map(prompts, file=file).collect()) == 30 - len(answered)
    assert sorted(each["index"] for each in records(file)) == list(range(30))


@FILES
async def test_a_full_disk_ends_the_sending(tmp_path: Path, name: str) -> None:
    """No further prompt is paid for, however long the reader takes to see the error."""
    provider, pipeline = built(lambda call: call.request.messages[0].text * 100_000)
    with full_disk():
        run = pipeline.map(map(str, range(10, 90)), file=tmp_path / name, concurrency=20)
        results = aiter(run)
        await anext(results)
        await asyncio.sleep(0.2)
        asked = len(provider.calls)
        with pytest.raises(OSError, match=name):
            [result async for result in results]
    assert asked < 60


@FILES
async def test_whatever_a_provider_answers_is_written(tmp_path: Path, name: str) -> None:
    """Half of a surrogate pair, which SQLite cannot store, and a number of 100 bits."""
    odd = Answer("half \ud83d and null \0", usage=Usage(2**100, -(2**100), 1))
    await built([odd, "fine"])[1].map(["a", "b"], file=tmp_path / name, concurrency=1).collect()
    first, second = records(tmp_path / name)
    assert first["text"].startswith("half ")
    assert first["text"].endswith(" and null \0")
    assert second["text"] == "fine"


@pytest.mark.parametrize("key", ["", "x" * 1025, "half \ud83d", True, 1.5, None, b"x"])
async def test_a_key_that_cannot_be_kept_ends_the_run(tmp_path: Path, key: Any) -> None:
    """The error says which prompt has it."""
    with pytest.raises(ConfigurationError, match=r"key=... returned .* for prompt 0: return a number, or"):
        await built()[1].map(["a"], key=lambda item: key, file=tmp_path / "answers.db").collect()
