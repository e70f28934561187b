"""One worker's connection to a server, for one event loop. A failed round trip ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import NoScriptError, ResponseError

from ranvier.store.commands import Command, Reply
from ranvier.store.errors import StoreError
from ranvier.store.protocol import Epoch
from ranvier.store.valkey.commands import encoded
from ranvier.store.valkey.connection import ask, disconnect, limited
from ranvier.store.valkey.failures import store_error
from ranvier.store.valkey.replies import reply_to
from ranvier.store.valkey.scripts import Script
from ranvier.store.valkey.subscriber import Subscriber


class ValkeySession:
    """The session of one worker with a server.

    Args:
        where: The server's address for error messages.
        root: The beginning of all keys.
        scripts: The scripts by name.
        timeout: The timeout of one round trip, in seconds.
    """

    def __init__(
        self,
        connection: AbstractConnection,
        subscriber: Subscriber,
        *,
        epoch: Epoch,
        where: str,
        root: str,
        scripts: dict[str, Script],
        timeout: float,
    ) -> None:
        self.epoch = epoch
        self._connection = connection
        self._subscriber = subscriber
        self._where = where
        self._root = root.encode()
        self._scripts = scripts
        self._timeout = timeout
        self._turn = asyncio.Lock()  # one batch at a time: replies come in the order of commands
        self._ended = False

    async def execute(self, commands: Sequence[Command]) -> list[Reply]:
        """Execute a batch of commands in one round trip, or in two if the server has lost the scripts.

        Raises:
            StoreError: this batch failed, or an earlier one.
        """
        if not commands:
            return []
        async with self._turn:
            if self._ended or not self._connection.is_connected:
                raise StoreError(f"the session with the store {self._where} has ended: connect again")
            try:
                return await self._carry_out(commands)
            except Exception as error:  # a server may answer anything
                await self._end()
                raise store_error(self._where, error) from None
            except BaseException:  # cancelled, while replies are outstanding
                await self._end()
                raise

    async def _carry_out(self, commands: Sequence[Command]) -> list[Reply]:
        calls = [(self._scripts[name], arguments) for name, arguments in map(encoded, commands)]
        answers = await self._asked([(b"EVALSHA", script.sha, *rest) for script, rest in calls])
        unknown = next((n for n, each in enumerate(answers) if isinstance(each, NoScriptError)), None)
        if unknown is not None:
            answers[unknown:] = await self._asked(_with_texts(calls[unknown:]))
        for command, answer in zip(commands, answers, strict=True):
            if type(answer) is ResponseError:  # often a key of another program, which it does not name
                name, arguments = encoded(command)
                about = b"".join(arguments[:1]).decode(errors="replace")
                raise ResponseError(f"{name} of {about[:100]!r}: {answer}")
            if isinstance(answer, Exception):
                raise answer
        return [reply_to(command, answer) for command, answer in zip(commands, answers, strict=True)]

    async def _asked(self, calls: list[tuple[bytes, ...]]) -> list[Any]:
        """The replies to calls of scripts: command, script, and the arguments after the root."""
        async with limited(self._timeout):
            return await ask(
                self._connection, [(how, what, b"0", self._root, *rest) for how, what, *rest in calls]
            )

    async def _end(self) -> None:
        self._ended = True
        self._subscriber.stop()
        await disconnect(self._connection)

    async def aclose(self) -> None:
        """Stop the pushes and close the connections."""
        self._ended = True
        await self._subscriber.aclose()
        await disconnect(self._connection)


def _with_texts(calls: Sequence[tuple[Script, list[bytes]]]) -> list[tuple[bytes, ...]]:
    """Commands from the first that the server had no script for, with each text where its script comes first.

    Those behind it may have been carried out. They are again, so that all are in their order.
    """
    sent: set[bytes] = set()
    again = []
    for script, arguments in calls:
        how = (b"EVALSHA", script.sha) if script.sha in sent else (b"EVAL", script.text)
        again.append((*how, *arguments))
        sent.add(script.sha)
    return again
