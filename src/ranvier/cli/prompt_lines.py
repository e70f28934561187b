"""The prompts of `ranvier map`: one per line, from a file or a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TextIO

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.build import build_request
from ranvier.messages.request import Request
from ranvier.pipeline.mapping.prompts import MAX_KEY

FIELDS = ("prompt", "messages", "key", "id", "system", "max_tokens")
"""Fields of a line."""

MAX_LINE = 64 * 2**20
"""The maximum length of a line from a pipe, in bytes."""


def count(path: str) -> int | None:
    """Check all prompts, and return their number; `None` for a pipe, which can be read only once.

    Raises:
        ConfigurationError: a line is not a prompt.
    """
    if path == "-" or not Path(path).is_file():
        return None
    with _opened(path) as lines:
        return sum(_item(line, path, number) is not None for number, line in enumerate(lines, 1))


async def read(path: str) -> AsyncIterator[dict[str, Any]]:
    """The prompts, each with its key.

    Raises:
        ConfigurationError: a line is no prompt.
    """
    if path == "-" and sys.stdin is None:
        raise ConfigurationError("standard input is closed: name a file")
    with _opened(path) as lines:
        if not _is_pipe(lines):
            for number, line in enumerate(lines, 1):
                if (item := _item(line, path, number)) is not None:
                    yield item
            return
        number = 0
        async for line in _lines_of_pipe(lines):
            number += 1
            if (item := _item(line, path, number)) is not None:
                yield item


def request_of(item: dict[str, Any], options: dict[str, Any]) -> Request:
    """The request for a prompt; its own settings override `options`."""
    own = {name: item[name] for name in ("system", "max_tokens") if item.get(name) is not None}
    prompt = item["prompt"] if "prompt" in item else item["messages"]
    return build_request(prompt, {**options, **own})  # type: ignore[typeddict-item]  # because: it checks them


# --- lines ---------------------------------------------------------------------------------------


def _opened(path: str) -> AbstractContextManager[TextIO]:
    return contextlib.nullcontext(sys.stdin) if path == "-" else Path(path).open(encoding="utf-8-sig")


def _is_pipe(lines: TextIO) -> bool:
    """True for a pipe or a socket, which may be silent for long, and can be read asynchronously."""
    try:
        mode = os.fstat(lines.fileno()).st_mode
    except OSError:  # something of Python's own in the place of standard input
        return False
    return (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and sys.platform != "win32"


async def _lines_of_pipe(pipe: TextIO) -> AsyncIterator[str]:
    """The lines of a pipe as they arrive; calls in flight continue in the meantime."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(MAX_LINE)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        async for line in reader:
            yield line.decode()
    except ValueError as error:  # of asyncio: a UnicodeDecodeError is one, too
        what = (
            "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"has more than {MAX_LINE:,} bytes"
        )
        raise ConfigurationError(f"a line of standard input {what}") from None
    finally:
        transport.close()


# --- prompts -------------------------------------------------------------------------------------


def _item(line: str, path: str, number: int) -> dict[str, Any] | None:
    """The prompt of a line; `None` for an empty one."""
    if not line.strip():
        return None
    where = f"{path}, line {number}"
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where}: this is not JSON: {error}") from None
    if isinstance(item, str):
        item = {"prompt": item}
    if not isinstance(item, dict) or ("prompt" in item) == ("messages" in item):
        raise ConfigurationError(f"{where}: give a text, or an object with prompt or messages")
    for name, kind, wanted in (("prompt", str, "a text"), ("messages", list, "a list")):
        if not isinstance(item.get(name, kind()), kind):
            raise ConfigurationError(f"{where}: {name} is a {type(item[name]).__name__}: give {wanted}")
    unknown = [name for name in item if name not in FIELDS]
    if unknown:
        raise ConfigurationError(
            f"{where}: {unknown[0]!r:.60} is unknown: the fields are {', '.join(FIELDS)}"
        )
    key = item.get("key", item.get("id"))
    if not _is_key(key):
        what = f"key={key!r:.60}: give a whole number, or a text of 1 to {MAX_KEY} characters"
        raise ConfigurationError(f"{where}: {what}")
    return {**item, "key": _digest(line, number) if key is None else key}


def _is_key(key: object) -> bool:
    """True for a key, and for none."""
    if isinstance(key, str):
        return 0 < len(key) <= MAX_KEY
    return key is None or (isinstance(key, int) and not isinstance(key, bool))


def _digest(line: str, number: int) -> str:
    """The key of a line without one, from its content: a changed line is sent again."""
    content = line.strip().encode(errors="surrogatepass")
    return f"{number}-{hashlib.blake2b(content, digest_size=8).hexdigest()}"
