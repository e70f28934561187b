"""Resolves the host name of a server, with at most one thread.

The event loop has few threads for name lookups, shared by everything. A name server that does not answer
blocks a thread for a minute, even if the wait was cancelled: with one thread per attempt to connect, calls to
providers could not resolve any name.
"""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread


class Lookup:
    """Resolves one name; concurrent callers share the lookup in flight."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._answer: Future[None] | None = None
        self._pid = 0  # the process of the thread; a forked process does not have it

    async def found(self) -> None:
        """Wait until the name is resolved; the resolver's cache makes the client's own lookup fast.

        Raises:
            OSError: the name has no address.
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
