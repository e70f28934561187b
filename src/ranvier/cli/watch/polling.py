"""Polls the status page and shows the result; continues while the server does not answer."""

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
from ranvier.cli.output import Output
from ranvier.cli.watch.screen import draw, line, unreachable
from ranvier.errors.configuration import ConfigurationError

TIMEOUT = 5.0
"""Seconds after which a request times out."""

MAX_BYTES = 5_000_000
"""The longest response, in bytes."""

ROWS = 100
"""The number of circuits requested; a terminal shows fewer."""

NO_ANSWER = 3
"""The exit status if the server does not answer."""

ShowFacts = Callable[[dict[str, Any] | None, str, float], None]
"""Shows the last facts, the error since then, if any, and the age of the facts in seconds."""


class NoAnswerError(Exception):
    """The server returned nothing that can be shown; the message says why."""


def watch(url: str, *, token: str | None, search: str, interval: float, once: bool, plain: bool) -> int:
    """Watch until interrupted, or print once; returns the exit status."""
    console = Output()
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    try:
        client = httpx.AsyncClient(headers=headers, timeout=TIMEOUT)
        request = client.build_request(
            "GET", f"{url.rstrip('/')}/status.json", params={"search": search, "rows": ROWS}
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError(f"url={url!r:.200}: {type(error).__name__}") from None
    if not request.url.host:
        raise ConfigurationError(f"url={url!r:.200}: the URL has no host")
    try:
        if once:
            return asyncio.run(_once(client, request, console, plain=plain))
        with ExitStack() as stack:
            show = _lines(console) if plain else _picture(stack, console)
            asyncio.run(_watch(client, request, show, interval))
    except KeyboardInterrupt:
        pass  # because: this is the usual end
    return 0


async def _once(client: httpx.AsyncClient, request: httpx.Request, console: Console, *, plain: bool) -> int:
    async with client:
        try:
            facts = await _fetch(client, request)
        except NoAnswerError as error:
            console.print(unreachable(str(error)), soft_wrap=True)
            return NO_ANSWER
    if plain:
        console.print(line(facts), soft_wrap=True)
    else:
        console.print(draw(facts, rows=ROWS, columns=console.width))
    return 1 if facts["level"] == "trouble" else 0


async def _watch(client: httpx.AsyncClient, request: httpx.Request, show: ShowFacts, interval: float) -> None:
    facts, received_at, error = None, clock.now(), ""
    async with client:
        while True:
            try:
                facts, received_at, error = await _fetch(client, request), clock.now(), ""
            except NoAnswerError as no_answer:
                error = str(no_answer)
            show(facts, error, clock.now() - received_at)
            await asyncio.sleep(interval)


async def _fetch(client: httpx.AsyncClient, request: httpx.Request) -> dict[str, Any]:
    """Return the facts, or raise a `NoAnswerError`."""
    try:
        async with asyncio.timeout(TIMEOUT):
            response = await client.send(request, stream=True)
            try:
                body = await _body(response)
            finally:
                await response.aclose()
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        raise NoAnswerError(type(error).__name__) from None
    if response.status_code != httpx.codes.OK:
        raise NoAnswerError(f"status {response.status_code}")
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or facts.get("version") != 1 or not _can_be_shown(facts):
        raise NoAnswerError("the response is not from a status page of this version")
    return facts


def _can_be_shown(facts: dict[str, Any]) -> bool:
    """Try it, because a server may answer anything."""
    try:
        line(facts), draw(facts, rows=ROWS)
    except Exception:
        return False
    return True


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            raise NoAnswerError(f"the response has more than {MAX_BYTES} bytes")
    return bytes(body)


def _lines(console: Console) -> ShowFacts:
    """Print one line per update."""

    def show(facts: dict[str, Any] | None, error: str, seconds: float) -> None:
        age = seconds if facts is not None else 0.0
        shown = line(facts) if facts is not None and not error else unreachable(error, age)
        console.print(shown, soft_wrap=True)

    return show


def _picture(stack: ExitStack, console: Console) -> ShowFacts:
    """Draw on the whole terminal, which is restored at the end."""
    live = stack.enter_context(Live(console=console, auto_refresh=False, screen=True))

    def show(facts: dict[str, Any] | None, error: str, seconds: float) -> None:
        failure = unreachable(error, seconds if facts else 0.0) if error else None
        rows, columns = console.height, console.width
        if facts:
            failure = failure and failure.append("; last known state below")
            live.update(draw(facts, rows=rows, columns=columns, failure=failure), refresh=True)
        else:
            live.update(failure or "", refresh=True)

    return show
