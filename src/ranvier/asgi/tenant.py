"""On whose behalf a request is, and whether anybody still waits for its answer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from ranvier import validation
from ranvier.asgi.exchange import App, Message, Receive, Reply, Scope, Send
from ranvier.caller import Caller, delivered
from ranvier.errors.configuration import ConfigurationError
from ranvier.tenancy import acting_for, current_tenant

TenantResolver = Callable[[Scope], str | Awaitable[str | None] | None]
"""Says on whose behalf a request is; `None` is nobody's."""

_BODY: Final = {"http.response.body", "http.response.zerocopysend", "http.response.pathsend"}
_REFUSAL: Final = Reply.refusing(
    400, "invalid_tenant", "A tenant is one name of 1 to 256 printable characters."
)


class TenantMiddleware:
    """Serves each request on behalf of its tenant.

    The tenant reaches handlers, also those in a thread, the tasks that they start, background tasks
    and streamed bodies. A request that names nobody has no tenant, whatever ran before it on the same
    connection. One that names an impossible tenant gets a 400; a websocket is closed with 1008.

    Args:
        app: The application inside.
        header: Names the tenant. It is believed, so only a gateway of yours may be able to set it.
        resolve: Asked instead of reading the header. What it raises is raised to whoever serves us,
            as an error of the application: most answer it with a 500.
        cancel_on_disconnect: Wrap all of it in `CancelOnDisconnect`.

    Raises:
        ConfigurationError: `header` cannot be a header's name, or `resolve` cannot be called.
    """

    def __init__(
        self,
        app: App,
        header: str = "x-tenant-id",
        resolve: TenantResolver | None = None,
        *,
        cancel_on_disconnect: bool = True,
    ) -> None:
        if not header.isascii() or not header.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(f"header={header!r:.60}: give the name of a header, such as x-tenant-id")
        if resolve is not None and not callable(resolve):
            raise ConfigurationError(f"resolve={type(resolve).__name__}: give a function of the ASGI scope")
        self.app = app
        self._header = header.lower().encode()
        self._resolve = resolve
        self._handle: App = CancelOnDisconnect(self._serve) if cancel_on_disconnect else self._serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, websocket or lifespan."""
        handle = self._handle if scope["type"] in ("http", "websocket") else self.app
        await handle(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = await self._names(scope)
        try:
            name = _only(names)
        except ConfigurationError:
            await _refuse(scope, receive, send)
            return
        # What a server starts while we call it, such as the next request on the same connection,
        # inherits our context: it must find there what the server itself would have found.
        outside = partial(_call_for, current_tenant())
        await _call_for(name, self.app, scope, partial(outside, receive), partial(outside, send))

    async def _names(self, scope: Scope) -> set[str]:
        """Whom a request names, as it came: a header may come twice."""
        if self._resolve is None:
            values = [value for name, value in scope["headers"] if name == self._header]
            # What is not UTF-8 becomes surrogates, which no tenant may contain.
            return {value.strip(b" \t").decode(errors="surrogateescape") for value in values}
        caller = Caller()
        try:
            name = self._resolve(scope)
            if inspect.isawaitable(name):
                name = await name
        except asyncio.CancelledError as cancelled:
            if caller.has_cancelled:
                raise
            raise RuntimeError("resolve raised a CancelledError, but nobody cancelled it") from cancelled
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"resolve returned a {type(name).__name__}: return a str, or None")
        return set() if name is None else {name}


class CancelOnDisconnect:
    """Cancels a handler whose client goes before it is answered.

    For a handler that awaits a whole answer, which no framework stops by itself. An application that
    waits in `receive` when the client goes, as a streamed response does, is told there and left to
    itself. Once the response was sent nothing is cancelled: background tasks run to their end.

    What must not be broken off half-way belongs into a background task, or on a route without this.

    Args:
        app: The application inside.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; websockets and lifespan pass through untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with _Client(receive, send) as client:
            # A client that waits for "100 Continue" would be told to go on, before the application is asked.
            if not any(name == b"expect" for name, _ in scope["headers"]):
                client.listen()
            await self.app(scope, client.receive, client.send)


class _Client:
    """The client of one request, listened to while the application does not.

    The end of a connection comes behind the last message of the body, so that the body has to be
    read ahead: one message waits in the inbox, one in hand, and the rest stays with the server.

    At the end of its block our own cancellation is taken back; one from outside always wins.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._inbox: asyncio.Queue[Message | Exception] = asyncio.Queue(maxsize=1)
        self._last: Message | Exception | None = None  # set once, by `_listen`; each reader gets it
        self._readers = 0  # how many wait in `receive` now
        self._quiet = asyncio.Event()  # nothing is being sent now
        self._quiet.set()
        self._listener: asyncio.Task[None] | None = None
        self._answered = False  # from then on nothing is cancelled
        self._cut_off = False  # we have cancelled the task, once

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, delivered(task)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._listener is not None:
            self._listener.cancel()
        if not self._cut_off:
            return False
        ours_alone = self._task.uncancel() <= self._cancelling
        return ours_alone and isinstance(error, asyncio.CancelledError)

    # --- for the application ---------------------------------------------------------------------

    async def receive(self) -> Message:
        """The next message, as the server gave it; after the last one, that one again."""
        self.listen()
        self._readers += 1
        try:
            message = await self._inbox.get()
        finally:
            self._readers -= 1
        if message is self._last:
            self._inbox.put_nowait(message)
        if isinstance(message, Exception):
            raise message
        return message

    async def send(self, message: Message) -> None:
        """Pass `message` on, and see whether it completes the response."""
        # Before it is sent: servers call the end of a response a disconnect as well.
        if message["type"] in _BODY and not message.get("more_body", False):
            self._answered = True
        self._quiet.clear()
        try:
            await self._send(message)
        finally:
            self._quiet.set()

    # --- listening -------------------------------------------------------------------------------

    def listen(self) -> None:
        """Listen from now on."""
        if self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while (message := await self._receive())["type"] != "http.disconnect":
                await self._inbox.put(message)
            while not self._quiet.is_set():  # cancelled in `send`, a response would leave its generator open
                await self._quiet.wait()
            if not self._answered and not self._readers:
                self._cut_off = True
                self._task.cancel()
        except Exception as error:  # from a middleware around us: the application's, when it asks
            message = error
        self._last = message
        await self._inbox.put(message)


def _only(names: set[str]) -> str | None:
    """The one name of `names`, if it can be a tenant; `None` where there is none."""
    if len(names) > 1:
        raise ConfigurationError(f"{len(names)} tenants: a request has one, or none")
    return validation.identifier("tenant", names.pop()) if names else None


async def _call_for(name: str | None, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    with acting_for(name):
        return await function(*arguments)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # its `websocket.connect`, to which this is the answer; the server makes it a 403
        await send({"type": "websocket.close", "code": 1008, "reason": "invalid tenant"})
        return
    await _REFUSAL.send(send)
