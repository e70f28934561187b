"""The files to which `pipeline.map` writes answers, and the record of one answer."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.message import Text
from ranvier.messages.saved.dumping import dump_response

if TYPE_CHECKING:
    from ranvier.messages.response import Response


LINES = (".jsonl", ".ndjson")
"""Suffixes of files with one line per answer."""

TABLE = (".db", ".sqlite", ".sqlite3")
"""Suffixes of files with a table of answers."""


class Answers(Protocol):
    """A file with at most one record per key."""

    def __contains__(self, key: str) -> bool:
        """True if it has the answer to the prompt with that key."""

    def add(self, record: dict[str, Any]) -> None:
        """Write an answer; after this returns, it survives the end of the process.

        Raises:
            OSError: it could not be written.
        """

    def close(self) -> None:
        """Close the file, and release its lock."""


def record_of(key: str, index: int, response: Response[Any]) -> dict[str, Any]:
    """The record of an answer: its text, and all of it if it has more than text.

    Raises:
        ConfigurationError: the answer contains a value that JSON cannot represent.
    """
    usage = response.usage
    record: dict[str, Any] = {
        "key": key,
        "index": index,
        "text": response.text,
        "finish_reason": response.finish_reason,
        "provider": response.provider,
        "model": response.model,
        "usage": {"input": usage.input, "output": usage.output} if usage.complete else None,
    }
    plain = all(type(part) is Text and part.extra is None for part in response.parts)
    if not plain or response.tool_calls or response.reasoning:
        record["response"] = json.loads(dump_response(response))
    return record


def check_kind(file: str | PathLike[str]) -> None:
    """Raise a `ConfigurationError` if the name of `file` does not say how answers are written."""
    if Path(file).suffix not in (*LINES, *TABLE):
        raise ConfigurationError(f"file={str(file)!r:.200}: end its name in .jsonl, or, for SQLite, in .db")


def open_answers(file: str | PathLike[str]) -> Answers:
    """Open the file of answers at `file`; its suffix selects the format.

    Raises:
        ConfigurationError: the file has another content, is damaged, or is in use by another run.
    """
    path = Path(file)
    if path.suffix in LINES:
        from ranvier.pipeline.mapping.jsonl_answers import JsonlAnswers

        return JsonlAnswers(path)
    from ranvier.pipeline.mapping.sqlite_answers import SqliteAnswers

    return SqliteAnswers(path)
