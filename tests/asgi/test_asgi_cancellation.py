"""Who is cancelled, by whom, and what becomes of it: `CancelOnDisconnect` against a scripted server."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import anyio
import pytest

from ranvier.asgi import CancelOnDisconnect

BODY = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECT = {"type": "http.disconnect"}
START = {"type": "http.response.start", "status": 200, "headers": []}


class Server:
    """Gives the messages of a script, and the end of the connection when it is told to.

    Attributes:
        sent: What the application has sent.
        left: Set when the client goes.
    """

    def __init__(self, *messages: Any) -> None:
        self.messages = list(messages or [BODY])
        self.sent: list[Any] = []
        self.left = asyncio.Event()

    async def receive(self) -> Any:
        """The next message, or its error."""
        await asyncio.sleep(0)
        if self.messages:
            message = self.messages.pop(0)
            if isinstance(message, Exception):
                raise message
            return message
        await self.left.wait()
        return DISCONNECT

    async def send(self, message: Any) -> None:
        """As a slow connection does."""
        self.sent.append(message)
        await asyncio.sleep(0.002)

    async def serve(self, app: Callable[..., Any], headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """One request."""
        await CancelOnDisconnect(app)({"type": "http", "headers": headers}, self.receive, self.send)

    def start(self, app: Callable[..., Any]) -> asyncio.Task[None]:
        """One request, in a task of its own, as servers do it."""
        return asyncio.get_running_loop().create_task(self.serve(app))


async def patient(scope: Any, receive: Any, send: Any) -> None:
    """Waits for something else than its client, for ever."""
    await asyncio.Event().wait()


async def turns(number: int = 8) -> None:
    """Let the loop turn."""
    for _ in range(number):
        await asyncio.sleep(0)


# --- whose cancellation it was -------------------------------------------------------------------


async def test_a_client_that_goes_ends_its_request_quietly() -> None:
    """The server sees a call that has returned, in a task that nobody has cancelled and that goes on."""
    server = Server()

    async def serve() -> int:
        await server.serve(patient)
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling()  # type: ignore[union-attr]

    task = asyncio.create_task(serve())
    await turns()
    server.left.set()
    assert await task == 0


async def test_cancellation_from_outside_goes_through() -> None:
    """As if nobody had listened, and nobody listens afterwards."""
    server = Server()
    before = asyncio.all_tasks()
    task = server.start(patient)
    await turns()
    task.cancel("shutdown")
    with pytest.raises(asyncio.CancelledError, match="shutdown"):
        await task
    assert task.cancelled()
    await turns()
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("after", range(8))
async def test_cancellation_from_outside_wins(after: int) -> None:
    """Also when the client goes just before or after it, at whatever turn of the loop."""
    server = Server()
    task = server.start(patient)
    await turns()
    server.left.set()
    for _ in range(after):
        await asyncio.sleep(0)
        if task.done():  # the client was faster
            return
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_around_it_keeps_its_meaning() -> None:
    """Both of asyncio and of anyio, when the client goes in the same moment."""
    server = Server()
    server.left.set()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await server.serve(patient)
    with anyio.move_on_after(0) as scope:
        await server.serve(patient)
    assert scope.cancelled_caught
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_a_task_that_was_cancelled_before_is_no_obstacle() -> None:
    """A request that is served while its task cleans up ends like any other."""
    server = Server()
    server.left.set()

    async def serve() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await server.serve(patient)
        return asyncio.current_task().cancelling()  # type: ignore[union-attr]

    task = asyncio.create_task(serve())
    await turns()
    task.cancel()
    assert await task == 1


# --- what the application makes of it ------------------------------------------------------------


async def test_the_application_may_clean_up() -> None:
    """It is cancelled once, and what it awaits after that is waited for."""
    server, steps = Server(), []

    async def tidy(scope: Any, receive: Any, send: Any) -> None:
        try:
            await patient(scope, receive, send)
        finally:
            await asyncio.sleep(0.002)
            steps.append((await receive(), await receive()))

    server.left.set()
    await server.serve(tidy)
    assert steps == [(BODY, DISCONNECT)]


async def test_an_application_that_goes_on_is_let_go_on() -> None:
    """Whoever swallows the cancellation ends in their own way, and nothing is left of it."""
    server = Server()

    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(asyncio.CancelledError):
            await patient(scope, receive, send)
        await send(START)

    server.left.set()
    await server.serve(stubborn)
    assert server.sent == [START]
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("leave", [True, False])
async def test_an_error_of_the_application_stays_what_it_is(leave: bool) -> None:
    """With the client gone, or still there."""
    server = Server()

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        try:
            if leave:
                await patient(scope, receive, send)
        finally:
            raise KeyError("x")

    if leave:
        server.left.set()
    with pytest.raises(KeyError):
        await server.serve(failing)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_an_application_that_listens_is_told_and_not_cancelled() -> None:
    """However many of its tasks listen: one that looks after its client itself ends in its own way."""
    server = Server()

    async def attentive(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == BODY
        assert await asyncio.gather(receive(), receive()) == [DISCONNECT, DISCONNECT]
        await asyncio.sleep(0.002)
        await send(START)

    task = server.start(attentive)
    await turns()
    server.left.set()
    await task
    assert server.sent == [START]


async def test_nobody_is_cancelled_while_a_piece_is_on_its_way() -> None:
    """A generator that is suspended while its piece is sent would be left as it is, and stay open."""
    server, steps = Server(), []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"  # is on its way before anybody can see that the first has arrived
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            steps.append("cancelled inside")
            raise

    async def streaming(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        asyncio.get_running_loop().call_soon(server.left.set)
        async for piece in pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    await server.serve(streaming)
    assert steps == ["cancelled inside"]


@pytest.mark.parametrize(
    "last",
    [
        {"type": "http.response.body", "body": b"x"},
        {"type": "http.response.zerocopysend", "more_body": False},
        {"type": "http.response.pathsend", "path": "x"},
    ],
    ids=lambda message: message["type"],
)
async def test_who_was_answered_cancels_nothing(last: Any) -> None:
    """From the moment when the last piece is being sent: what comes after it runs to its end."""
    server, steps = Server(), []

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.body", "more_body": True})
        asyncio.get_running_loop().call_soon(server.left.set)
        await send(last)
        await asyncio.sleep(0.005)
        steps.append("background")

    await server.serve(answering)
    assert steps == ["background"]


async def test_who_is_being_answered_still_cancels() -> None:
    """A response that has begun is not one that was sent."""
    server = Server()

    async def beginning(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        server.left.set()
        await patient(scope, receive, send)

    await server.serve(beginning)
    assert len(server.sent) == 2


# --- what is received ----------------------------------------------------------------------------


async def test_no_message_is_lost_by_a_reader_that_gives_up() -> None:
    """Polling for a disconnect, as frameworks do it, takes nothing away from who reads in earnest."""
    pieces = [{"type": "http.request", "body": b"%d" % n, "more_body": n < 9} for n in range(10)]
    server, received = Server(*pieces), []

    async def polling(scope: Any, receive: Any, send: Any) -> None:
        for patience in itertools.cycle(range(4)):
            if len(received) == len(pieces):
                break
            reader = asyncio.create_task(receive())
            await turns(patience)
            reader.cancel()
            await asyncio.wait([reader])
            if not reader.cancelled():
                received.append(reader.result())

    await server.serve(polling)
    assert received == pieces


async def test_only_a_little_is_read_ahead() -> None:
    """A body that the application does not read stays with the server, which can slow its client down."""
    server = Server(*({"type": "http.request", "body": b"x", "more_body": True} for _ in range(9)))

    async def uninterested(scope: Any, receive: Any, send: Any) -> None:
        await turns(40)
        assert len(server.messages) == 7

    await server.serve(uninterested)


async def test_an_error_from_a_middleware_around_it_reaches_the_application() -> None:
    """When it reads, every time that it reads, and not before."""
    server = Server(KeyError("too large"))

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        await turns()
        for _ in range(2):
            with pytest.raises(KeyError, match="too large"):
                await receive()

    await server.serve(reading)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_conversations_pass_through_untouched(kind: str) -> None:
    """Nothing is read ahead there, and no task is started."""
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.append((arguments, len(asyncio.all_tasks())))

    await CancelOnDisconnect(app)({"type": kind}, "receive", "send")  # type: ignore[arg-type]
    assert seen == [(({"type": kind}, "receive", "send"), len(asyncio.all_tasks()))]
