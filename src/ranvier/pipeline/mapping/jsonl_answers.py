"""A file of answers with one JSON object per line; each line is one write."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from io import FileIO
from pathlib import Path
from typing import Any

from ranvier.errors.configuration import ConfigurationError

BEGIN = b'{"key":"'
"""The beginning of each line, by which a file with only an incomplete line is recognized."""


class JsonlAnswers:
    """An append-only file. Opening it removes an incomplete last line, which a killed process leaves.

    It keeps a digest of each key in memory, about 100 bytes per key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[bytes] = set()
        self._file = FileIO(path, "a+")  # closed on garbage collection, too
        try:
            _lock(self._file, path)
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        whole, line = 0, b""
        with open(self._path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                if line.strip():
                    self._known.add(_digest(self._key_of(line, number)))
        if line.endswith(b"\n") or not line:
            return
        if not self._known and line[: len(BEGIN)] != BEGIN[: len(line)]:
            raise self._foreign(1)
        self._file.truncate(whole)

    def _key_of(self, line: bytes, number: int) -> str:
        try:
            record = json.loads(line)
            key, text = record["key"], record["text"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._foreign(number) from None
        if not isinstance(key, str) or not isinstance(text, str):
            raise self._foreign(number)
        return key

    def _foreign(self, line: int) -> ConfigurationError:
        return ConfigurationError(
            f"{self._path}, line {line}: this is no answer of a former run: give another file"
        )

    def __contains__(self, key: str) -> bool:
        return _digest(key) in self._known

    def add(self, record: dict[str, Any]) -> None:
        """See `Answers.add`."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            written = self._file.write(line)
        except OSError as error:
            what = f"an answer could not be written: {error.strerror}"
            raise OSError(error.errno, what, str(self._path)) from error
        if written < len(line):  # remove the partial line, or the next one would be appended to it
            self._file.truncate(os.fstat(self._file.fileno()).st_size - written)
            raise OSError(errno.ENOSPC, "an answer could not be written whole", str(self._path))
        self._known.add(_digest(record["key"]))

    def close(self) -> None:
        """See `Answers.close`."""
        self._file.close()


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()


def _lock(file: FileIO, path: Path) -> None:
    """Lock the file against a second run, if the file system supports locks."""
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
