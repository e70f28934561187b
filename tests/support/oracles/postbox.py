"""A server on loopback that keeps every request, and answers with the body that it was given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from support.providers.asking import Visit, served


class Letter(NamedTuple):
    """One request as it came over the wire.

    Attributes:
        target: Its path and query.
        headers: Its headers, with names in lower case.
        body: Its JSON.
    """

    target: str
    headers: Mapping[str, str]
    body: Any


class Postbox:
    """What both sides ask.

    Attributes:
        url: Where it is.
        letters: The requests so far.
        reply: The body of every answer.
        streamed: The answers are streams.
    """

    def __init__(self) -> None:
        self.url = ""
        self.letters: list[Letter] = []
        self.reply = b"{}"
        self.streamed = False

    def answers(self, reply: bytes, *, streamed: bool) -> None:
        """Answer with that from now on."""
        self.reply, self.streamed = reply, streamed

    async def serve(self, visit: Visit) -> None:
        """Keep one request, and answer it."""
        body = json.loads(visit.body) if visit.body else None
        self.letters.append(Letter(visit.head.split()[1], visit.headers, body))
        if self.streamed:
            await visit.begin_stream(self.reply)
            await visit.chunk(b"")
        else:
            await visit.answer(self.reply)


@asynccontextmanager
async def opened() -> AsyncIterator[Postbox]:
    """A postbox on loopback."""
    box = Postbox()
    async with served(box.serve) as server:
        box.url = server.url
        yield box
