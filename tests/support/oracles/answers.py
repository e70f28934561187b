"""One answer in words that every SDK can say, and we too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any

import httpx

from ranvier.messages import Response
from ranvier.pipeline.collector import Collector
from support.providers.asking import opened_at


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was understood.

    Attributes:
        text, reasoning: The words, and those of the thoughts.
        tools: Id, name and arguments of each call; an id that no provider gave is `None`.
        finish: Why it stopped, in the provider's word.
        input, output, cached, written, thought: Tokens: of the prompt and of the answer, both in all, and
            those read from a cache, written to one, and spent on thoughts.
        id, model: As the provider says.
    """

    text: str = ""
    reasoning: str = ""
    tools: tuple[tuple[str | None, str, Any], ...] = ()
    finish: str | None = None
    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    thought: int = 0
    id: str | None = None
    model: str | None = None

    def unlike(self, other: Answer) -> dict[str, tuple[Any, Any]]:
        """The fields in which it differs from `other`, with both values."""
        pairs = ((each.name, getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return {name: (mine, theirs) for name, mine, theirs in pairs if mine != theirs}


@asynccontextmanager
async def our_reading(kind: Callable[..., Any], url: str) -> AsyncIterator[Callable[..., Awaitable[Answer]]]:
    """What our adapter makes of the answer that is at `url`, whose `body` we may know."""

    async def read(*, model: str, streamed: bool, body: bytes | None = None, **given: Any) -> Answer:
        if not streamed:
            return of_response(await asked.complete(model=model, **given), body)
        collector = Collector()
        for event in await asked.stream(model=model, **given):
            collector.add(event)
        return of_response(collector.response("", ""), body)

    async with (
        httpx.AsyncClient(verify=False, trust_env=False) as client,
        opened_at(url, kind, http_client=client) as asked,
    ):
        yield read


def of_response(response: Response, body: bytes | None = None) -> Answer:
    """Our response in these words; ids of calls that are not in `body` were made here."""
    usage = response.usage
    return Answer(
        text=response.text,
        reasoning=response.reasoning,
        tools=tuple(
            (
                call.id if body is None or call.id.encode() in body else None,
                call.name,
                dict(call.arguments) if call.invalid is None else call.invalid,
            )
            for call in response.tool_calls
        ),
        finish=response.raw_finish_reason,
        input=usage.input,
        output=usage.output,
        cached=usage.cache_read,
        written=usage.cache_write,
        thought=usage.reasoning,
        id=response.id,
        model=response.model,
    )
