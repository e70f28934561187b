"""Answers in an SQLite table: keys are looked up on disk, so that memory use stays constant."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.characters import whole_characters

COLUMNS = ("key", "index", "text", "finish_reason", "provider", "model", "input", "output", "response")

MOST = 2**63 - 1
"""The largest integer that SQLite can store."""

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    "key" TEXT PRIMARY KEY, "index" INTEGER, "text" TEXT, "finish_reason" TEXT, "provider" TEXT, "model" TEXT,
    "input" INTEGER, "output" INTEGER, "response" TEXT
)
"""

_INSERT = f"""
INSERT OR IGNORE INTO answers ({", ".join(f'"{name}"' for name in COLUMNS)})
VALUES ({", ".join("?" * len(COLUMNS))})
"""


class SqliteAnswers:
    """A table `answers` with a row for each prompt; two runs that share it never write one key twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self.close()
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> ConfigurationError:
        return ConfigurationError(f"{self._path} cannot be used for answers: {error}")

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing
        execute(_TABLE)
        columns = ", ".join(f'answers."{name}"' for name in COLUMNS)
        execute(f"SELECT {columns} FROM answers LIMIT 0")  # fails for another table of that name

    def __contains__(self, key: str) -> bool:
        try:
            found = self._connection.execute('SELECT 1 FROM answers WHERE "key" = ?', (key,))
            return found.fetchone() is not None
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: an answer could not be looked up: {error}") from error

    def add(self, record: dict[str, Any]) -> None:
        """See `Answers.add`."""
        response = json.dumps(record["response"]) if "response" in record else None
        values = {**record, **(record["usage"] or {}), "response": response}
        try:
            self._connection.execute(_INSERT, [_storable(values.get(name)) for name in COLUMNS])
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: an answer could not be written: {error}") from error

    def close(self) -> None:
        """See `Answers.close`."""
        self._connection.close()


def _storable(value: Any) -> Any:
    """`value`, or the closest to it that SQLite can store; a provider may send anything."""
    if isinstance(value, str):
        return whole_characters(value)
    return max(-MOST, min(value, MOST)) if isinstance(value, int) else value
