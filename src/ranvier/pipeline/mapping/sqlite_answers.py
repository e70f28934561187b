"""Answers in a table of SQLite: keys are looked up on disk, so that memory stays flat."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from ranvier.errors.configuration import ConfigurationError

COLUMNS = ("key", "index", "text", "finish_reason", "provider", "model", "input", "output", "response")

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
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self.close()
            raise ConfigurationError(f"{path} cannot be used for answers: {error}") from error

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing
        execute(_TABLE)
        columns = ", ".join(f'answers."{name}"' for name in COLUMNS)
        execute(f"SELECT {columns} FROM answers LIMIT 0")  # fails for another table of that name

    def __contains__(self, key: str) -> bool:
        found = self._connection.execute('SELECT 1 FROM answers WHERE "key" = ?', (key,))
        return found.fetchone() is not None

    def add(self, record: dict[str, Any]) -> None:
        """See `Answers.add`."""
        response = json.dumps(record["response"]) if "response" in record else None
        values = {**record, **(record["usage"] or {}), "response": response}
        self._connection.execute(_INSERT, [values.get(name) for name in COLUMNS])

    def close(self) -> None:
        """See `Answers.close`."""
        self._connection.close()
