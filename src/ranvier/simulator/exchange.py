"""The simulator's log: what was asked, what was played, and how it ended."""

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
    """Everything that was planned has been sent, and the response ended as HTTP promises."""
    BROKEN = "broken"
    """The simulator closed or reset the connection, as planned."""
    CLIENT_LEFT = "client_left"
    """The client went away before that."""
    SHUTDOWN = "shutdown"
    """The simulator was closed before that."""


@dataclass(slots=True)
class Exchange:
    """One request and what became of it.

    Attributes:
        number: From 1, in the order of arrival.
        started, first_token, ended: Seconds since the simulator started; `None` is not yet.
        provider, path: Where it was sent.
        key, model, streaming: What was asked, as far as it could be read.
        headers: The request's, with names in lower case.
        body: The request's JSON, or `None` where it was none.
        fault: What was played; `None` where nothing was.
        refused: Why the request was no good in itself, as the real provider would have found too.
        status: The status that was sent, or `None` where none was.
        tokens: Pieces of content sent: tokens of a stream, 1 for a whole body.
        sent: Bytes of the body sent.
        input_tokens, output_tokens: What the usage of its answer says, which was sent if it is `answered`.
        end: How it ended.
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
        """True when a good answer was sent, whole."""
        whole = self.status == 200 and self.end is End.SENT
        return whole and (self.fault is None or self.fault.harmless)

    @property
    def client_left(self) -> bool:
        """True when the client went away before its answer had ended."""
        return self.end is End.CLIENT_LEFT


class Log:
    """The last exchanges, and how many there have been.

    Attributes:
        exchanges: The last ones, oldest first; those that are still running, too.
        total: How many have begun.
        running: How many have not ended.
    """

    def __init__(self, size: int, on_end: Callable[[Exchange], None] | None = None) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=size)
        self._on_end = on_end
        self.total = 0
        self.running = 0
        self._waiting: list[asyncio.Future[None]] = []

    def begin(self, now: float) -> Exchange:
        """Write down a request, of which only the arrival is known."""
        self.total += 1
        self.running += 1
        exchange = Exchange(self.total, now)
        self.exchanges.append(exchange)
        self._tell()
        return exchange

    def finish(self, exchange: Exchange, end: End, now: float) -> None:
        """Write down that it is over."""
        self.running -= 1
        exchange.end, exchange.ended = end, now
        self._tell()
        if self._on_end is not None:
            self._on_end(exchange)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at whenever a request begins or ends."""
        while not condition():
            change = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change

    def to(self, provider: str) -> Iterator[Exchange]:
        """Those that were sent to `provider`."""
        return (exchange for exchange in self.exchanges if exchange.provider == provider)

    def _tell(self) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
        self._waiting.clear()
