"""Answers as lines of JSON, each in one write."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from ranvier.errors.configuration import ConfigurationError


class JsonlAnswers:
    """A file that is only appended to; a line that the end of a process has cut is removed when it is opened.

    It remembers a digest of each key, which takes about 100 bytes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[bytes] = set()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
        try:
            _lock(self._file, path)
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        whole = 0
        with open(self._file, "rb", closefd=False) as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                if line.strip():
                    self._known.add(_digest(self._key_of(line, number)))
        if whole < os.fstat(self._file).st_size:
            os.ftruncate(self._file, whole)

    def _key_of(self, line: bytes, number: int) -> str:
        try:
            key = json.loads(line)["key"]
        except (ValueError, KeyError, TypeError):
            key = None
        if not isinstance(key, str):
            raise ConfigurationError(
                f"{self._path}, line {number}: this is no answer of a former run: give another file"
            )
        return key

    def __contains__(self, key: str) -> bool:
        return _digest(key) in self._known

    def add(self, record: dict[str, Any]) -> None:
        """See `Answers.add`."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._file, line)
        if written < len(line):  # leave no half of a line before the next one
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(errno.ENOSPC, "an answer could not be written whole", str(self._path))
        self._known.add(_digest(record["key"]))

    def close(self) -> None:
        """See `Answers.close`."""
        os.close(self._file)


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()


def _lock(file: int, path: Path) -> None:
    """Keep a second run from writing to the same file, where the system can."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):  # a file system without locks
            return
        raise ConfigurationError(
            f"{path} is in use by another run: wait for its end, or give another file"
        ) from None
