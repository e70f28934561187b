"""Asks again and again, also where nobody answers any more, and shows what comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live

from ranvier import clock
from ranvier.cli.watch.screen import draw, line, unreachable
from ranvier.errors import ConfigurationError

PATIENCE = 5.0
"""Seconds until a server that says nothing is taken for gone."""

MOST_BYTES = 5_000_000
"""Of an answer."""

ROWS = 100
"""Circuits that are asked for; a terminal shows fewer."""

NOBODY = 3
"""The exit status where nobody answers."""

Shown = Callable[[dict[str, Any] | None, str, float], None]
"""Shows what is known, why it is no longer so, and for how many seconds it has not been."""


class NoAnswerError(Exception):
    """Nothing that could be shown came back; the message says why."""


def watch(url: str, *, token: str | None, search: str, interval: float, once: bool, plain: bool) -> int:
    """Watch until it is interrupted, or once; returns the exit status."""
    console = Console()
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    try:
        client = httpx.AsyncClient(headers=headers, timeout=PATIENCE)
        request = client.build_request(
            "GET", f"{url.rstrip('/')}/status.json", params={"search": search, "rows": ROWS}
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError(f"url={url!r:.200}: {type(error).__name__}") from None
    if not request.url.host:
        raise ConfigurationError(f"url={url!r:.200}: it names no host")
    try:
        if once:
            return asyncio.run(_once(client, request, console, plain=plain))
        with ExitStack() as stack:
            show = _lines(console) if plain else _picture(stack, console)
            asyncio.run(_go_on(client, request, show, interval))
    except KeyboardInterrupt:
        pass  # because: that is how it is meant to end
    return 0


async def _once(client: httpx.AsyncClient, request: httpx.Request, console: Console, *, plain: bool) -> int:
    async with client:
        try:
            facts = await _ask(client, request)
        except NoAnswerError as error:
            console.print(unreachable(str(error), 0.0), soft_wrap=True)
            return NOBODY
    if plain:
        console.print(line(facts), soft_wrap=True)
    else:
        console.print(draw(facts, rows=ROWS, columns=console.width))
    return 1 if facts["level"] == "trouble" else 0


async def _go_on(client: httpx.AsyncClient, request: httpx.Request, show: Shown, interval: float) -> None:
    facts, heard, error = None, clock.now(), ""
    async with client:
        while True:
            try:
                facts, heard, error = await _ask(client, request), clock.now(), ""
            except NoAnswerError as told:
                error = str(told)
            show(facts, error, clock.now() - heard)
            await asyncio.sleep(interval)


async def _ask(client: httpx.AsyncClient, request: httpx.Request) -> dict[str, Any]:
    """The facts, or a `NoAnswerError` that says why there are none."""
    try:
        async with asyncio.timeout(PATIENCE):
            response = await client.send(request, stream=True)
            try:
                body = await _body(response)
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        raise NoAnswerError(type(error).__name__) from None
    if response.status_code != httpx.codes.OK:
        raise NoAnswerError(f"the server answers {response.status_code}")
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or facts.get("version") != 1:
        raise NoAnswerError("the server has no status page there that is understood here")
    return facts


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MOST_BYTES:
            raise NoAnswerError(f"the answer has more than {MOST_BYTES} bytes")
    return bytes(body)


def _lines(console: Console) -> Shown:
    """A line for each look."""

    def show(facts: dict[str, Any] | None, error: str, seconds: float) -> None:
        console.print(unreachable(error, seconds) if error or facts is None else line(facts), soft_wrap=True)

    return show


def _picture(stack: ExitStack, console: Console) -> Shown:
    """The whole terminal, given back at the end."""
    live = stack.enter_context(Live(console=console, auto_refresh=False, screen=True))

    def show(facts: dict[str, Any] | None, error: str, seconds: float) -> None:
        failure = unreachable(error, seconds) if error else None
        rows, columns = console.height, console.width
        shown = draw(facts, rows=rows, columns=columns, failure=failure) if facts else failure
        live.update(shown or "", refresh=True)

    return show
