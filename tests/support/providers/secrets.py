"""Servers that repeat a secret, and all that a report of an error would show."""

import asyncio
import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

KEY = "sk-very-secret-0123456789"


def shown(error: BaseException | None) -> Iterator[str]:
    """Everything that a traceback with locals would show of an error and of all behind it."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield repr(link)
        yield repr(link.__dict__)
        if isinstance(link, httpx.RequestError):
            yield repr(link.request.headers.raw)
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if not frame.f_code.co_filename.startswith(str(Path(__file__).parents[2])):
                yield from map(_printed, frame.f_locals.values())
        pending += [link.__cause__, link.__context__]


def _printed(value: object) -> str:
    try:
        return repr(value)
    except AttributeError:  # it is not built yet
        return repr(vars(value))


SECRET_SCRIPTS = {
    "reset": lambda visit: _abort(visit),
    "no http": lambda visit: visit.send(f"{KEY}\r\n\r\n"),
    "echo in an error": lambda visit: visit.answer(
        json.dumps({"error": {"message": f"bad {KEY}"}}), status="401 No"
    ),
    "echo in a page": lambda visit: visit.answer(f"<html>{KEY}</html>"),
    "echo in a broken answer": lambda visit: visit.answer('{"choices": [{"message": "' + KEY),
    "echo in an odd answer": lambda visit: visit.answer(json.dumps({"choices": [{"message": KEY}]})),
    "echo in an event": lambda visit: _stream(
        visit,
        b'data: {"error": {"message": "' + KEY.encode() + b'"}}\n\n',  # type: ignore[arg-type]
    ),
    "echo in an odd event": lambda visit: _stream(visit, b'data: {"choices": ["' + KEY.encode() + b'"]}\n\n'),  # type: ignore[arg-type]
    "echo, then a reset": lambda visit: _echo_and_abort(visit),
}


async def _abort(visit: Any) -> None:
    visit.writer.transport.abort()


async def _stream(visit: Any, data: str) -> None:
    await visit.begin_stream(f"data: {data}\n\n".encode(), b"")


async def _echo_and_abort(visit: Any) -> None:
    await visit.begin_stream(b'{"choices": "' + KEY.encode())
    await asyncio.sleep(0.05)
    visit.writer.transport.abort()
