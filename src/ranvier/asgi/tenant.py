"""Middlewares that set the tenant of a request, and cancel its handler when its client disconnects."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from ranvier import validation
from ranvier.asgi.exchange import App, Message, Receive, Reply, Scope, Send
from ranvier.caller import Caller, delivered, shielded
from ranvier.errors.configuration import ConfigurationError
from ranvier.tenancy import acting_for, current_tenant

TenantResolver = Callable[[Scope], str | Awaitable[str | None] | None]
"""Returns the tenant of a request, from its ASGI scope; `None` means no tenant."""

_BODY: Final = {"http.response.body", "http.response.zerocopysend", "http.response.pathsend"}
_INVALID_TENANT: Final = Reply.error(
    400, "invalid_tenant", "A tenant is one name of 1 to 256 printable characters."
)


class TenantMiddleware:
    """Serves each request on behalf of its tenant.

    The tenant applies in handlers (also those that run in a thread), in tasks that they start, in background
    tasks and in streamed bodies. A request that names no tenant has none, whatever ran before it on the same
    connection. A request with an invalid tenant gets a 400; a websocket is closed with 1008.

    Args:
        app: The application inside.
        header: The header with the tenant. It is trusted: make sure that only your own gateway can set it.
        resolve: Called instead of reading the header. An exception that it raises reaches the server as
            an error of the application: most servers answer with a 500.
        cancel_on_disconnect: Also apply `CancelOnDisconnect`.

    Raises:
        ConfigurationError: `header` is not a valid header name, or `resolve` is not callable.
    """

    def __init__(
        self,
        app: App,
        header: str = "x-tenant-id",
        resolve: TenantResolver | None = None,
        *,
        cancel_on_disconnect: bool = True,
    ) -> None:
        if not isinstance(header, str) or not re.fullmatch("[A-Za-z0-9_-]+", header):
            raise ConfigurationError(f"header={header!r:.60}: pass the name of a header, such as x-tenant-id")
        if resolve is not None and not callable(resolve):
            raise ConfigurationError(f"resolve={type(resolve).__name__}: pass a function of the ASGI scope")
        if resolve is not None:
            validation.check_takes("resolve", resolve, "scope")
        cancels = validation.flag("cancel_on_disconnect", cancel_on_disconnect)
        self.app = app
        self._header = header.lower().encode()
        self._resolve = resolve
        self._handle: App = CancelOnDisconnect(self._serve) if cancels else self._serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, websocket or lifespan."""
        handle = self._handle if scope["type"] in ("http", "websocket") else self.app
        await handle(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = await self._names(scope)
        try:
            name = _only(names)
        except ConfigurationError:
            await _reject(scope, receive, send)
            return
        # A task that the server starts while we call it, such as for the next request on the same
        # connection, inherits our context: it must find the tenant that the server had outside.
        outside = partial(_call_for, current_tenant())
        await _call_for(name, self.app, scope, partial(outside, receive), partial(outside, send))

    async def _names(self, scope: Scope) -> set[str]:
        """The tenants that a request names, not yet validated: a header may occur twice."""
        if self._resolve is None:
            values = [value for name, value in scope["headers"] if name == self._header]
            # Bytes that are not UTF-8 become surrogates, which no tenant may contain.
            return {value.strip(b" \t").decode(errors="surrogateescape") for value in values}
        caller = Caller()
        try:
            name = self._resolve(scope)
            if inspect.isawaitable(name):
                name = await shielded(name)
        except asyncio.CancelledError as cancelled:
            if caller.has_cancelled:
                raise
            raise RuntimeError("resolve raised a CancelledError without being cancelled") from cancelled
        if name is not None and not isinstance(name, str):
            raise ConfigurationError(f"resolve returned a {type(name).__name__}: return a str, or None")
        return set() if name is None else {name}


class CancelOnDisconnect:
    """Cancels a handler whose client disconnects before the response is sent.

    Use it for handlers that await a whole answer; no framework cancels those by itself. An application that
    waits in `receive` when the client disconnects, as a streamed response does, receives the disconnect there
    and is not cancelled. Once the response is sent, nothing is cancelled: background tasks run to their end.

    Put work that must not be cancelled half-way into a background task, or on a route without this
    middleware.

    Args:
        app: The application inside.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; websockets and lifespan pass through unchanged."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with _Client(receive, send) as client:
            # Listening would send "100 Continue" to a client that waits for it before the application does.
            if not any(name == b"expect" for name, _ in scope["headers"]):
                client.listen()
            await self.app(scope, client.receive, client.send)


class _Client:
    """The client of one request: listens for its disconnect while the application does not.

    The disconnect comes after the last message of the body, so the body is read ahead: at most one message is
    held in the inbox and one in `_listen`; the rest stays with the server.

    Leaving the `with` block undoes our own cancellation, but never one from outside.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._inbox: asyncio.Queue[Message | Exception] = asyncio.Queue(maxsize=1)
        self._last: Message | Exception | None = None  # set once, by `_listen`; every reader gets it
        self._readers = 0  # how many readers wait in `receive` now
        self._quiet = asyncio.Event()  # nothing is being sent now
        self._quiet.set()
        self._listener: asyncio.Task[None] | None = None
        self._answered = False  # the response is complete: nothing is cancelled from then on
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
        """The next message from the server; after the last one, the last one again."""
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
        """Send `message`, and note whether it completes the response."""
        # Noted before it is sent: servers also report the end of a response as a disconnect.
        if message["type"] in _BODY and not message.get("more_body", False):
            self._answered = True
        self._quiet.clear()
        try:
            await self._send(message)
        finally:
            self._quiet.set()

    # --- listening -------------------------------------------------------------------------------

    def listen(self) -> None:
        """Start listening, once."""
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
        except Exception as error:  # from a middleware around us: raised in the application's `receive`
            message = error
        self._last = message
        await self._inbox.put(message)


def _only(names: set[str]) -> str | None:
    """The only name in `names`, validated as a tenant; `None` if there is none."""
    if len(names) > 1:
        raise ConfigurationError(f"{len(names)} tenants: a request has one, or none")
    return validation.identifier("tenant", names.pop()) if names else None


async def _call_for(name: str | None, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    with acting_for(name):
        return await function(*arguments)


async def _reject(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # its `websocket.connect`; the server answers a close at this point with a 403
        await send({"type": "websocket.close", "code": 1008, "reason": "invalid tenant"})
        return
    await _INVALID_TENANT.send(send)
