"""The simulator's log: each request, the fault that was played, and how the exchange ended."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ranvier.simulator.faults.fault import Fault


class End(StrEnum):
    """How an exchange ended."""

    RUNNING = "running"
    SENT = "sent"
    """The whole reply was sent, and the response ended properly for HTTP."""
    BROKEN = "broken"
    """The simulator closed or reset the connection, as planned."""
    CLIENT_LEFT = "client_left"
    """The client disconnected before the reply had ended."""
    SHUTDOWN = "shutdown"
    """The simulator was closed before the reply had ended."""


@dataclass(slots=True)
class Exchange:
    """One request and its reply.

    Attributes:
        number: Counted from 1, in the order of arrival.
        started, first_token, ended: Seconds since the simulator started; `None` until it happens.
        provider, path: The requested provider and path.
        key, model, streaming: Parsed from the request, as far as it could be parsed.
        headers: The request's headers, with names in lower case.
        body: The request's JSON, or `None` if it was not JSON.
        fault: The fault that was played, if any.
        refused: Why the request itself is invalid, as the real provider would report; `None` if it is valid.
        status: The status that was sent, or `None` if none was.
        tokens: Pieces of content sent: the tokens of a stream, or 1 for a whole body.
        sent: Bytes of the body sent.
        input_tokens, output_tokens: The usage of its answer, which was sent only if it is `answered`.
        end: How the exchange ended.
    """

    number: int
    started: float
    provider: str = ""
    path: str = ""
    key: str | None = field(default=None, repr=False)
    model: str | None = None
    streaming: bool = False
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    fault: Fault | None = None
    refused: str | None = None
    status: int | None = None
    tokens: int = 0
    sent: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    first_token: float | None = None
    ended: float | None = None
    end: End = End.RUNNING

    @property
    def answered(self) -> bool:
        """True if a good answer was sent completely."""
        whole = self.status == 200 and self.end is End.SENT
        return whole and (self.fault is None or self.fault.harmless)

    @property
    def client_left(self) -> bool:
        """True if the client disconnected before its answer had ended."""
        return self.end is End.CLIENT_LEFT


class Log:
    """The latest exchanges, and counts of all.

    Attributes:
        exchanges: The latest exchanges, oldest first, including those in flight.
        total: The number of exchanges so far.
        running: The number of exchanges in flight.
    """

    def __init__(self, size: int, on_end: Callable[[Exchange], None] | None = None) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=size)
        self._on_end = on_end
        self.total = 0
        self.running = 0
        self._waiting: list[asyncio.Future[None]] = []

    def begin(self, now: float) -> Exchange:
        """Record a new request at its arrival."""
        self.total += 1
        self.running += 1
        exchange = Exchange(self.total, now)
        self.exchanges.append(exchange)
        self._wake_waiters()
        return exchange

    def finish(self, exchange: Exchange, end: End, now: float) -> None:
        """Record the end of `exchange`."""
        self.running -= 1
        exchange.end, exchange.ended = end, now
        self._wake_waiters()
        if self._on_end is not None:
            self._on_end(exchange)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is checked whenever a request starts or ends."""
        while not condition():
            change = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change

    def to(self, provider: str) -> Iterator[Exchange]:
        """The exchanges with `provider`."""
        return (exchange for exchange in self.exchanges if exchange.provider == provider)

    def _wake_waiters(self) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
        self._waiting.clear()
