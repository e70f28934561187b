"""Connections belong to an event loop: on the next one there are new ones, and the old ones are closed."""

import asyncio
import gc
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import trustme

from ranvier import ConfigurationError, Pipeline
from ranvier.layers import Breaker, Fallback
from ranvier.providers._http.loop_end import close_without_loop
from ranvier.testing import assert_settled
from support.providers.openai_apis import Chat

try:
    import uvloop
except ImportError:
    uvloop = None

ANSWER = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers whole, or begins a stream that never ends; counts the connections that are open."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # because: so the library calls it
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        if asked.get("stream"):
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self.wfile.write(EVENT)
            self.wfile.flush()
            self.close_connection = self.rfile.read(1) == b""
            return
        body = json.dumps(ANSWER).encode()
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """In threads, so that it outlives every loop."""

    daemon_threads = True

    def __init__(self, certificate: trustme.LeafCert | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.open = 0
        self.ended = threading.Condition()
        self.scheme = "http" if certificate is None else "https"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request_thread(self, request: Any, client: Any) -> None:
        with self.ended:
            self.open += 1
        try:
            super().process_request_thread(request, client)
        finally:
            with self.ended:
                self.open -= 1
                self.ended.notify_all()

    def handle_error(self, request: Any, client: Any) -> None:
        pass

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def wait_until_left(self, most: int = 0) -> None:
        """All connections but so many are closed."""
        with self.ended:
            assert self.ended.wait_for(lambda: self.open <= most, timeout=5), self.open


@pytest.fixture(params=["http", "https"])
def server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Iterator[Server]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    if request.param == "https":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Server(authority.issue_cert("127.0.0.1") if request.param == "https" else None) as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield served
        served.shutdown()


def run(main: Callable[[], Any], kind: Any) -> Any:
    """On a new loop, which is shut down as `asyncio.run` does it."""
    with asyncio.Runner(loop_factory=kind) as runner:
        return runner.run(_awaited(main))


def run_and_leave(main: Callable[[], Any], kind: Any) -> Any:
    """On a new loop, which is just closed."""
    loop = kind()
    try:
        return loop.run_until_complete(_awaited(main))
    finally:
        loop.close()


async def _awaited(main: Callable[[], Any]) -> Any:
    return await main()


WAYS = [pytest.param(run, asyncio.new_event_loop, id="asyncio")]
WAYS += [pytest.param(run_and_leave, asyncio.new_event_loop, id="asyncio just closed")]
if uvloop is not None:  # one that is just closed complains about open sockets itself
    WAYS += [pytest.param(run, uvloop.new_event_loop, id="uvloop")]

ENGINES = pytest.mark.parametrize("engine", ["aiohttp", "httpx"])


def pipeline_at(server: Server, **arguments: Any) -> Pipeline:
    """Two providers, which share a client."""
    names = ("one", "two")
    providers = [Chat("sk", name=name, base_url=server.url, **arguments) for name in names]
    return Pipeline(Fallback(*providers), Breaker())


@ENGINES
@pytest.mark.parametrize(("way", "kind"), WAYS)
def test_each_loop_has_its_own_connections_and_leaves_none(
    server: Server, engine: Any, way: Any, kind: Any
) -> None:
    """Idle ones and one in use: no socket stays open, and nothing warns of one, when the next loop begins."""
    pipeline = pipeline_at(server, engine=engine)
    held: list[Any] = []

    async def ask() -> None:
        for start in ("one", "two"):
            assert (await pipeline.complete("Why?", to=start)).text == "Hello."
        assert (await pipeline.complete("Why?", to="one")).text == "Hello."
        held.append(await pipeline.stream("Why?"))

    async def look() -> None:
        await pipeline.complete("Why?")
        server.wait_until_left(most=1)
        await pipeline.aclose()

    for _ in range(3):
        way(ask, kind)
        gc.collect()
    way(look, kind)
    held.clear()
    gc.collect()
    server.wait_until_left()
    assert_settled(pipeline)


@ENGINES
@pytest.mark.parametrize(("way", "kind"), WAYS)
def test_a_pipeline_that_is_dropped_after_its_loop_leaves_no_connection(
    server: Server, engine: Any, way: Any, kind: Any
) -> None:
    """Nobody opens it again, and nobody closes it."""
    held = [pipeline_at(server, engine=engine)]
    way(lambda: held[0].complete("Why?"), kind)
    held.clear()
    gc.collect()
    server.wait_until_left()


@ENGINES
@pytest.mark.parametrize(("way", "kind"), WAYS)
def test_a_pipeline_that_is_closed_on_the_next_loop_leaves_no_connection(
    server: Server, engine: Any, way: Any, kind: Any
) -> None:
    """Without having been opened there."""
    pipeline = pipeline_at(server, engine=engine)
    way(lambda: pipeline.complete("Why?"), kind)
    way(pipeline.aclose, kind)
    server.wait_until_left()


# httpx reads a body by a generator, and asyncio warns of all that begin after its shutdown.
@pytest.mark.filterwarnings("ignore:asynchronous generator:ResourceWarning")
@ENGINES
def test_a_loop_that_is_shut_down_may_still_be_used(server: Server, engine: Any) -> None:
    """Its idle connections are closed by then; a request opens another."""
    pipeline = pipeline_at(server, engine=engine)
    loop = asyncio.new_event_loop()
    for _ in range(2):
        assert loop.run_until_complete(_awaited(lambda: pipeline.complete("Why?"))).text == "Hello."
        loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(pipeline.aclose())
    loop.close()


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"])
@pytest.mark.parametrize("closed", [False, True])
def test_a_client_of_the_users_cannot_be_moved_and_the_error_names_it(
    server: Server, kind: str, closed: bool
) -> None:
    """Each time it is tried, also after the pipeline was closed; the pipeline is no worse for it."""
    if server.scheme == "https":
        pytest.skip("it proves the same")
    loop = asyncio.new_event_loop()

    async def make() -> Any:
        return httpx.AsyncClient() if kind == "httpx" else aiohttp.ClientSession()

    client = loop.run_until_complete(make())
    pipeline = pipeline_at(server, http_client=client)

    async def ask() -> None:
        await pipeline.complete("Why?")
        if closed:
            await pipeline.aclose()

    loop.run_until_complete(ask())
    loop.close()
    name = {"httpx": r"<httpx\.AsyncClient", "aiohttp": r"<aiohttp\.client\.ClientSession"}[kind]
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=rf"http_client={name}.*cannot be moved: create"):
            asyncio.run(_awaited(lambda: pipeline.complete("Why?")))
        assert pipeline.lifecycle.state == "new"
    _close_all(client, loop)


def _close_all(client: Any, loop: asyncio.AbstractEventLoop) -> None:
    """As its user cannot any more, since the loop is closed."""
    if isinstance(client, httpx.AsyncClient):
        for connection in client._transport._pool.connections:  # type: ignore[attr-defined]
            close_without_loop(connection._connection._network_stream.get_extra_info("socket"), loop)
        return
    for idle in client._connector._conns.values():
        for protocol, _ in idle:
            close_without_loop(protocol.transport.get_extra_info("socket"), loop)
    client._connector._close()
    client.detach()


def test_a_client_of_the_users_without_connections_may_be_used_again() -> None:
    """Such as one over a transport of somebody's tests, in a pipeline that is entered on each loop."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=ANSWER))
    pipeline = Pipeline(Fallback(Chat("sk", http_client=httpx.AsyncClient(transport=transport))))

    async def ask() -> str:
        async with pipeline:
            return (await pipeline.complete("Why?")).text

    assert [asyncio.run(ask()) for _ in range(3)] == ["Hello."] * 3


def test_a_client_of_the_users_stays_with_the_loop_on_which_a_pipeline_was_left_open() -> None:
    """Whatever is behind it: what it holds of that loop nobody knows."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=ANSWER))
    pipeline = Pipeline(Fallback(Chat("sk", http_client=httpx.AsyncClient(transport=transport))))
    asyncio.run(_awaited(lambda: pipeline.complete("Why?")))
    with pytest.raises(ConfigurationError, match=r"http_client=.*cannot be moved"):
        asyncio.run(_awaited(lambda: pipeline.complete("Why?")))
