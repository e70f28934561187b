"""A pipeline whose answers are known, and the answers in a file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.layers import Fallback, Retry
from ranvier.pipeline.mapping.run import Run
from ranvier.testing import ScriptedProvider

FILES = pytest.mark.parametrize("name", ["answers.jsonl", "answers.db"])


def echo(call: Any) -> str:
    """The answer to a call."""
    return f"re: {call.request.messages[0].text}"


def built(replies: Any = echo) -> tuple[ScriptedProvider, Pipeline]:
    """A provider that answers like this, and a pipeline that asks it once."""
    provider = ScriptedProvider("one", replies)
    return provider, Pipeline(Fallback(provider), Retry(0))


def records(file: Path) -> list[dict[str, Any]]:
    """The answers in a file of either kind."""
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM answers")]


async def taken(run: Run[Any]) -> tuple[list[str], Exception | None]:
    """The texts of a run until its end, and the error that ended it."""
    texts: list[str] = []
    try:
        async for result in run:
            texts.append(result.text)  # noqa: PERF401  # because: an error must not lose them
    except Exception as error:
        return texts, error
    return texts, None
