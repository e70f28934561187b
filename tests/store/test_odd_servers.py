"""Servers that answer anything but what a store answers: each is an error of the store, in time."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from ranvier.store import StoreError, ValkeyStore
from ranvier.store.commands.workers import Look, Missed
from ranvier.store.protocol import Worker
from ranvier.store.valkey import address, lookup
from support.store.sessions import Received, session_with
from support.valkey.server import ValkeyServer

pytest.importorskip("valkey")

SOMEONE = Worker("a", "here", 1, "1")

SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"

ANSWERS = {
    "a number": b":1\r\n",
    "nothing": b"$-1\r\n",
    "no list": b"*-1\r\n",
    "a list": b"*2\r\n:1\r\n$1\r\na\r\n",
    "half an answer": b"$500\r\nred",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "bytes that are no text": b"$4\r\n\xff\xfe\x00\x80\r\n",
    "that it loads": b"-LOADING Valkey is loading the dataset in memory\r\n",
    "that it is busy": b"-BUSY Valkey is busy running a script\r\n",
    "that it wants a password": b"-NOAUTH Authentication required.\r\n",
    "that another has it": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "that it cannot save": b"-MISCONF Errors writing to the AOF file\r\n",
}


@asynccontextmanager
async def server_that_says(answer: bytes, *, polite: bool) -> AsyncIterator[str]:
    """The URL of a server that answers every command so; if it is `polite`, not those of a connection."""
    serving: set[asyncio.Task[Any] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        while words := await command_from(reader):
            first = words[0].upper()
            if polite and first in (b"CLIENT", b"SELECT"):
                writer.write(b"+OK\r\n")
            elif polite and first == b"SUBSCRIBE":
                writer.write(SUBSCRIBED)
            else:
                writer.write(answer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"valkey://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*filter(None, serving))


async def command_from(reader: asyncio.StreamReader) -> list[bytes]:
    """The words of the next command; none at the end."""
    try:
        count = int((await reader.readline())[1:] or b"0")
        words = []
        for _ in range(count):
            size = int((await reader.readline())[1:])
            words.append((await reader.readexactly(size + 2))[:-2])
        return words
    except (OSError, asyncio.IncompleteReadError):
        return []


@pytest.mark.parametrize("polite", [False, True])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_whatever_a_server_answers_is_an_error_of_the_store(
    answer: bytes, polite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first command of a connection on, or from the first of ours."""
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr("ranvier.store.valkey.store.CONNECT_SECONDS", 0.3)
    async with server_that_says(answer, polite=polite) as url:
        began = time.monotonic()
        with pytest.raises(StoreError):
            await ValkeyStore(url).connect(SOMEONE, print)
        assert time.monotonic() - began < 2


async def test_an_old_redis_is_told_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would only say that it cannot compile our scripts."""
    about = b"redis_version:6.2.14\r\nredis_mode:standalone\r\nrun_id:1\r\n"
    info = b"$%d\r\n%b\r\n" % (len(about), about)
    async with server_that_says(info, polite=True) as url:
        with pytest.raises(StoreError, match=r"is Redis 6\.2\.14: run Valkey, or Redis 7"):
            await ValkeyStore(url).connect(SOMEONE, print)


async def test_an_answer_of_another_kind_ends_the_session(valkey_server: ValkeyServer) -> None:
    """As any other failure does."""
    async with session_with(ValkeyStore(valkey_server.url)) as (session, _):
        session._connection.read_response = no_text  # type: ignore[attr-defined]
        for _ in range(2):
            with pytest.raises(StoreError):
                await session.execute([Look()])


async def no_text(*options: Any) -> Any:
    return 7


async def test_a_subscriber_goes_on_whatever_it_is_told(
    valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of any kind, while it subscribes again."""
    async with session_with(ValkeyStore(valkey_server.url)) as (_, received):
        connect, failed = address.Address.connect, 0

        async def fails(self: Any, name: str) -> Any:
            nonlocal failed
            failed += 1
            if failed < 3:
                raise AttributeError("'NoneType' object has no attribute 'write'")
            return await connect(self, name)

        monkeypatch.setattr(address.Address, "connect", fails)
        valkey_server.ask("CLIENT", "KILL", "TYPE", "pubsub")
        assert isinstance(received, Received)
        await received.until(lambda change: change == Missed())
        assert failed == 3


# --- name servers --------------------------------------------------------------------------------


async def test_a_name_server_that_hangs_keeps_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the store is tried; those of the event loop are for others."""
    asked: list[str] = []
    hangs = threading.Event()

    def getaddrinfo(host: str, *options: Any, **more: Any) -> Any:
        asked.append(host)
        hangs.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(lookup.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.05)
    store = ValkeyStore("valkey://store.example")
    for _ in range(4):
        with pytest.raises(StoreError, match="did not answer in time"):
            await store.connect(SOMEONE, print)
    assert asked == ["store.example"]
    hangs.set()
    with pytest.raises(StoreError, match=r"cannot be reached: .*name resolution"):
        await store.connect(SOMEONE, print)


async def test_a_name_is_looked_up_anew_in_a_process_that_was_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that does it has stayed behind."""
    looked = lookup.Lookup("localhost")
    monkeypatch.setattr(lookup, "Thread", lambda **options: threading.Thread(target=lambda: None))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await looked.found()
    monkeypatch.undo()
    looked._pid = -1
    async with asyncio.timeout(5):
        await looked.found()
