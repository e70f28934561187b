"""Sends a planned reply on a connection."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Protocol

from ranvier.simulator.exchange import Exchange
from ranvier.simulator.plan import Ending, Plan

Send = Callable[[dict[str, Any]], Any]
"""ASGI's send function: takes one message, and is awaited."""

_BATCH = 65_536


class ConnectionLost(Exception):  # noqa: N818  # because: it is an ordinary event here, not an error
    """The connection was closed, by either side."""


class Connection(Protocol):
    """The connection methods that a player needs.

    Attributes:
        ended_by_us: True if the simulator ended the connection before the response had ended.
    """

    ended_by_us: bool

    async def pause(self, seconds: float) -> None:
        """Wait for at least `seconds`; `math.inf` waits forever.

        Raises:
            ConnectionLost: The connection was lost; raised as soon as that is known.
        """

    def check(self) -> None:
        """Raise `ConnectionLost` if the connection is lost."""

    def close(self) -> None:
        """Close the connection (FIN) once everything is written, even if the response has not ended."""

    def reset(self) -> None:
        """Reset the connection (RST) at once."""


class Player:
    """Sends one reply, and records in its exchange what was sent.

    Args:
        connection: The connection, which a plan may break.
        send: ASGI's send function.
        exchange: The log entry of the request.
        clock: Returns the seconds since the simulator started.
    """

    __slots__ = ("_clock", "_connection", "_exchange", "_send")

    def __init__(
        self, connection: Connection, send: Send, exchange: Exchange, clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._send = send
        self._exchange = exchange
        self._clock = clock

    async def play(self, plan: Plan) -> None:
        """Send `plan` to its end.

        Raises:
            ConnectionLost: The connection was closed, by the client or by the plan.
        """
        await self._connection.pause(plan.delay)
        if plan.status is not None:
            await self._head(plan)
            await self._content(plan)
        await self._end(plan)

    async def _head(self, plan: Plan) -> None:
        length = [] if plan.length is None else [("content-length", str(plan.length))]
        headers = [("date", _date(int(time.time()))), *plan.headers, *length]
        raw = [(name.encode(), value.encode()) for name, value in headers]
        await self._send({"type": "http.response.start", "status": plan.status, "headers": raw})
        self._exchange.status = plan.status
        if plan.opening:
            await self._body(plan.opening)

    async def _content(self, plan: Plan) -> None:
        wait = plan.latency
        for tokens, piece in _pieces(plan):
            await self._wait(plan, wait)
            await self._body(piece)
            self._exchange.tokens += tokens
            if self._exchange.first_token is None:
                self._exchange.first_token = self._clock()
            wait = plan.pace
        if plan.closing:
            await self._body(plan.closing)

    async def _end(self, plan: Plan) -> None:
        match plan.ending:
            case Ending.COMPLETE:
                await self._send({"type": "http.response.body", "body": b""})
                return
            case Ending.CLOSE:
                self._connection.close()
            case Ending.RESET:
                self._connection.reset()
            case Ending.HANG if plan.streams and plan.pings is not None:
                while True:
                    await self._connection.pause(plan.pings)
                    await self._body(plan.wire.ping())
        await self._connection.pause(math.inf)

    async def _wait(self, plan: Plan, seconds: float) -> None:
        """Wait, and send pings meanwhile if the plan has them."""
        if plan.pings is not None and plan.streams:
            while seconds > plan.pings:
                await self._connection.pause(plan.pings)
                await self._body(plan.wire.ping())
                seconds -= plan.pings
        if seconds:
            await self._connection.pause(seconds)

    async def _body(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        self._connection.check()
        self._exchange.sent += len(piece)


def _pieces(plan: Plan) -> Iterator[tuple[int, bytes]]:
    """The bytes of each write, with their number of tokens; tokens without a pause share a write."""
    if plan.pace or plan.apart:
        yield from ((1, token) for token in plan.tokens)
        return
    batch: list[bytes] = []
    size = 0
    for token in plan.tokens:
        batch.append(token)
        size += len(token)
        if size >= _BATCH:
            yield len(batch), b"".join(batch)
            batch, size = [], 0
    if batch:
        yield len(batch), b"".join(batch)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
