"""Finds the address of a server by its name, with one thread at most.

The event loop has few threads for that, and everybody's. A name server that does not answer keeps a thread
for a minute, also when nobody waits any more: with one for each attempt to connect, calls to providers could
not look anything up.
"""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread


class Lookup:
    """Looks one name up, as often as it is asked, but not while it still waits for an answer."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._answer: Future[None] | None = None
        self._pid = 0  # the process in which the thread is: not in one that was forked

    async def found(self) -> None:
        """Return when the name has an address, which the system or a name server remembers for a while.

        Raises:
            OSError: it has none.
        """
        loop, answer = asyncio.get_running_loop(), self._asked()
        waiter: asyncio.Future[None] = loop.create_future()

        def answered(answer: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_release, waiter)

        answer.add_done_callback(answered)
        await waiter
        answer.result()

    def _asked(self) -> Future[None]:
        answer = self._answer
        if answer is None or answer.done() or self._pid != os.getpid():
            answer = self._answer = Future()
            self._pid = os.getpid()
            Thread(target=_look, args=(self._host, answer), name="ranvier store name", daemon=True).start()
        return answer


def _look(host: str, answer: Future[None]) -> None:
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except Exception as error:
        answer.set_exception(error)
    else:
        answer.set_result(None)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
