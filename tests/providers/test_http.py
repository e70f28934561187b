"""The port to HTTP, over real sockets: what is sent, what comes back, and what is kept of it."""

import asyncio
import gc
import gzip
import json
import weakref
from typing import Any

import aiohttp
import anyio
import httpx
import pytest

from ranvier.errors import (
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    CredentialMissingError,
    InvalidResponseError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from ranvier.layers import Fallback
from ranvier.pipeline import Pipeline
from ranvier.providers import OpenAI
from ranvier.providers._http import port
from ranvier.providers._http.httpx_engine.parts import Parts
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._reading.sse import SseDecoder
from support.providers.asking import Asked, FakePipeline
from support.providers.secrets import KEY, SECRET_SCRIPTS, shown

ANSWER = json.dumps({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]})
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Hello."}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
)


async def answer(visit: Any) -> None:
    """A whole answer."""
    await visit.answer(ANSWER)


# --- what is sent --------------------------------------------------------------------------------


async def test_a_request_is_a_post_with_the_key_and_nothing_of_the_environment(
    loopback: Any, over: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The key goes in its header; no netrc and no cookie adds anything."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with loopback(answer) as server, over(OpenAI, server) as asked:
        assert (await asked.complete(key=KEY)).text == "Hello."
    headers = server.visits[0].headers
    assert server.visits[0].head.startswith("POST /chat/completions ")
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert "cookie" not in headers


async def test_no_cookie_is_ever_kept(loopback: Any, over: Any) -> None:
    """A cookie that one call was given is not sent with the next, which may be another tenant's."""

    async def script(visit: Any) -> None:
        await visit.answer(ANSWER, "set-cookie: session=of-acme; Path=/")

    async with loopback(script) as server, over(OpenAI, server) as asked:
        for _ in range(2):
            await asked.complete()
    assert ["cookie" in visit.headers for visit in server.visits] == [False, False]


async def test_the_cookies_of_a_users_client_are_neither_sent_nor_changed(loopback: Any, over: Any) -> None:
    """A client of the user's keeps its own cookies for itself, and gets none of ours."""

    async def script(visit: Any) -> None:
        await visit.answer(ANSWER, "set-cookie: session=of-acme; Path=/")

    async with loopback(script) as server, httpx.AsyncClient(cookies={"own": "1"}) as client:
        async with over(OpenAI, server, http_client=client) as asked:
            for _ in range(2):
                await asked.complete()
        assert dict(client.cookies) == {"own": "1"}
        assert ["cookie" in visit.headers for visit in server.visits] == [False, False]
        await client.get(server.url)
        assert server.visits[-1].headers["cookie"] == "own=1"


async def test_a_users_client_is_used_with_all_that_is_set_on_it(loopback: Any, over: Any) -> None:
    """Headers and hooks of a user's client hold for our requests; its authentication does not."""
    seen: list[str] = []

    async def hook(request: httpx.Request) -> None:
        seen.append(str(request.url))

    client = httpx.AsyncClient(
        headers={"x-team": "search"}, event_hooks={"request": [hook]}, auth=("user", "password")
    )
    async with client, loopback(answer) as server, over(OpenAI, server, http_client=client) as asked:
        await asked.complete(key=KEY)
    assert server.visits[0].headers["x-team"] == "search"
    assert server.visits[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen == [f"{server.url}/chat/completions"]


async def test_a_redirect_is_not_followed(loopback: Any, over: Any) -> None:
    """A redirect would carry the key to another address: it is an error."""

    async def script(visit: Any) -> None:
        await visit.answer("", f"location: {server.url}/elsewhere", status="307 Temporary Redirect")

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(InvalidResponseError, match="redirect"):
            await asked.complete()
    assert len(server.visits) == 1


@pytest.mark.parametrize("key", ["sk-\nx: y", "sk-\u0442", "sk key", "sk-1\r", "sk-\x00"])
async def test_a_key_that_no_header_can_hold_is_refused_unseen(loopback: Any, over: Any, key: str) -> None:
    """A key with a line break or foreign characters is as good as none, so that the next target is asked."""
    async with loopback(answer) as server, over(OpenAI, server) as asked:
        with pytest.raises(CredentialMissingError, match="has invalid characters") as caught:
            await asked.complete(key=key)
        assert key not in str(caught.value)
        assert repr(key)[1:-1] not in "".join(shown(caught.value))
        assert not server.visits


# --- what comes back -----------------------------------------------------------------------------


async def test_a_compressed_body_is_decoded(loopback: Any, over: Any) -> None:
    """Gzip is undone, for whole answers and for streams."""

    async def script(visit: Any) -> None:
        whole = '"stream":true' not in visit.body
        content = ANSWER.encode() if whole else b"".join(EVENTS)
        await visit.answer(gzip.compress(content), "content-encoding: gzip")

    async with loopback(script) as server, over(OpenAI, server) as asked:
        assert (await asked.complete()).text == "Hello."
        assert "".join(event.text for event in await asked.stream()) == "Hello."


async def test_a_body_that_is_not_what_its_headers_say_is_no_answer(loopback: Any, over: Any) -> None:
    """Bytes that claim to be compressed and are not are an invalid response."""

    async def script(visit: Any) -> None:
        await visit.answer("no gzip at all", "content-encoding: gzip")

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(InvalidResponseError):
            await asked.complete()


@pytest.mark.parametrize("before", [b"", b"\n" * 100, b"\xef\xbb\xbf"], ids=["", "blank", "mark"])
async def test_an_answer_that_a_proxy_has_decompressed_is_read(
    loopback: Any, over: Any, before: bytes
) -> None:
    """Some leave the header; how a body begins shows that it is not compressed."""

    async def script(visit: Any) -> None:
        whole = '"stream":true' not in visit.body
        body = ANSWER.encode() if whole else b"".join(EVENTS)
        await visit.answer(before + body, "content-encoding: gzip")

    async with loopback(script) as server, over(OpenAI, server) as asked:
        assert (await asked.complete()).text == "Hello."
        assert "".join(event.text for event in await asked.stream()) == "Hello."


async def test_a_body_above_the_limit_is_no_answer(
    loopback: Any, over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that does not end is given up at the limit, and its connection closed."""
    monkeypatch.setattr(port, "MAX_BODY_BYTES", 10_000)

    async def script(visit: Any) -> None:
        await visit.begin_stream(b"{")
        while True:
            await visit.chunk(b" " * 1000)

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(InvalidResponseError, match="longer than 10000 bytes"):
            await asked.complete()
        assert await server.settled() == 0


async def test_an_event_above_the_limit_is_no_answer(
    loopback: Any, over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream whose event does not end is given up at the limit, and its connection closed."""
    monkeypatch.setattr(OpenAI, "decoder", lambda provider: SseDecoder(10_000))

    async def script(visit: Any) -> None:
        await visit.begin_stream(EVENTS[0], b"data: {")
        while True:
            await visit.chunk(b" " * 1000)

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(InvalidResponseError, match="longer than 10000 bytes"):
            await asked.stream()
        assert await server.settled() == 0


async def test_of_the_body_of_a_refusal_only_the_start_is_read(loopback: Any, over: Any) -> None:
    """An error whose body does not end is still told by its status, and its connection closed."""

    async def script(visit: Any) -> None:
        await visit.send("HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await visit.chunk(b"oh " * 10_000)

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(ServerError):
            await asked.complete()
        assert await server.settled() == 0


async def test_a_refusal_whose_body_breaks_is_told_by_its_status(loopback: Any, over: Any) -> None:
    """Where the body of an error is cut, its status and headers still count."""

    async def script(visit: Any) -> None:
        await visit.send("HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 999\r\n\r\n{")
        visit.writer.close()

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(RateLimitError) as caught:
            await asked.complete()
        assert caught.value.retry_after == 7


# --- how a connection fails ----------------------------------------------------------------------


async def test_a_connection_that_does_not_stand_in_time_is_a_connect_timeout(
    loopback: Any, over: Any
) -> None:
    """Only the connection is timed by the port: a handshake that hangs is a slow connect."""

    async def script(visit: Any) -> None:
        raise AssertionError("the handshake never ends")

    async with loopback(script) as server:
        server.url = server.url.replace("http:", "https:")
        async with over(OpenAI, server) as asked:
            with pytest.raises(AttemptTimeoutError) as caught:
                await asked.complete(connect=0.1)
            assert (caught.value.phase, caught.value.provider) == ("connect", "openai")
            assert caught.value.retryable
            assert await server.settled() == 0


async def test_the_connect_limit_covers_the_handshake_too(
    loopback: Any, over: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow connection and a handshake that hangs share one limit."""
    connect_tcp = anyio.connect_tcp

    async def slowly(*arguments: Any, **settings: Any) -> Any:
        await asyncio.sleep(0.3)
        return await connect_tcp(*arguments, **settings)

    async def script(visit: Any) -> None:
        raise AssertionError("the handshake never ends")

    monkeypatch.setattr(anyio, "connect_tcp", slowly)
    async with loopback(script) as server:
        server.url = server.url.replace("http:", "https:")
        async with over(OpenAI, server) as asked:
            began = asyncio.get_running_loop().time()
            with pytest.raises(AttemptTimeoutError):
                await asked.complete(connect=0.4)
            assert asyncio.get_running_loop().time() - began < 0.6


async def test_a_slow_answer_is_not_the_ports_concern(loopback: Any, over: Any) -> None:
    """The connect limit does not bound the wait for headers."""

    async def script(visit: Any) -> None:
        await asyncio.sleep(0.6)
        await visit.answer(ANSWER)

    async with loopback(script) as server, over(OpenAI, server) as asked:
        assert (await asked.complete(connect=0.5)).text == "Hello."


async def test_a_refused_connection_is_a_failed_connection(over: Any, loopback: Any) -> None:
    """Nobody listens: the connection failed, and the error names the target."""
    async with loopback(answer) as server:
        pass
    async with over(OpenAI, server, engine="httpx") as asked:
        with pytest.raises(ConnectionFailedError) as caught:
            await asked.complete(model="gpt-5.2")
        assert (caught.value.provider, caught.value.model) == ("openai", "gpt-5.2")
        assert isinstance(caught.value.__cause__, httpx.ConnectError)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_breaks_is_a_failed_connection(
    loopback: Any, over: Any, streamed: bool, reset: bool
) -> None:
    """A connection that is closed or reset in the middle of a body has failed."""

    async def script(visit: Any) -> None:
        await visit.begin_stream(EVENTS[0])
        if reset:
            visit.writer.transport.abort()
        visit.writer.close()

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(ConnectionFailedError) as caught:
            await (asked.stream() if streamed else asked.complete())
        assert caught.value.in_stream is streamed


async def test_an_address_that_cannot_be_is_refused_at_once() -> None:
    """What is no http address is refused when the provider is made; a password is not shown."""
    for address in (
        "api.example.com",
        "ftp://example.com",
        "http://",
        "http://a b\n",
        "https://x.test/?key=1",
        "http://127.0.0.1:65536",
    ):
        with pytest.raises(ConfigurationError, match="base_url"):
            OpenAI(base_url=address)
    with pytest.raises(ConfigurationError) as caught:
        OpenAI(base_url="https://user:hunter2@example.com")
    assert "hunter2" not in str(caught.value)


# --- connections and clients ---------------------------------------------------------------------


async def test_a_connection_is_used_again_after_a_whole_answer_and_after_a_stream(
    loopback: Any, over: Any
) -> None:
    """An answer that was read to its end leaves its connection to the next request."""

    async def script(visit: Any) -> None:
        if '"stream":true' not in visit.body:
            await visit.answer(ANSWER)
            return
        await visit.begin_stream(*EVENTS)
        await asyncio.sleep(0.02)
        await visit.chunk(b"")

    async with loopback(script) as server, over(OpenAI, server) as asked:
        for _ in range(2):
            await asked.complete()
            await asked.stream()
        assert server.accepted == 1


async def test_a_body_that_goes_on_after_its_end_costs_a_connection_and_no_time(
    loopback: Any, over: Any
) -> None:
    """A server that keeps a finished stream open is not waited for."""

    async def script(visit: Any) -> None:
        await visit.begin_stream(*EVENTS)
        await visit.gone()

    async with loopback(script) as server, over(OpenAI, server) as asked:
        began = asyncio.get_running_loop().time()
        events = await asked.stream()
        assert events[-1].finish_reason == "stop"
        assert asyncio.get_running_loop().time() - began < 1
        assert await server.settled() == 0


async def test_the_providers_of_a_pipeline_share_one_client(loopback: Any) -> None:
    """Two providers of one pipeline use the same connection; the client closes with the last of them."""
    async with loopback(answer) as server:
        pipeline = FakePipeline()
        first, second = OpenAI(base_url=server.url), OpenAI(base_url=server.url, name="other")
        for provider in (first, second):
            provider.open(pipeline)  # type: ignore[arg-type]
        await Asked(first, pipeline, []).complete()
        await Asked(second, pipeline, []).complete()
        assert server.accepted == 1
        await first.aclose()
        assert (await Asked(second, pipeline, []).complete()).text == "Hello."
        assert server.open == 1
        await second.aclose()
        assert await server.settled() == 0
        with pytest.raises(ConfigurationError, match="not open"):
            await Asked(second, pipeline, []).complete()


async def test_a_provider_may_serve_two_pipelines(loopback: Any) -> None:
    """The first pipeline that closes does not take the client from the other."""
    async with loopback(answer) as server:
        provider, pipelines = OpenAI(base_url=server.url), [FakePipeline(), FakePipeline()]
        for pipeline in pipelines:
            provider.open(pipeline)  # type: ignore[arg-type]
            await Asked(provider, pipeline, []).complete()
        assert server.accepted == 2
        await provider.aclose()
        for pipeline in pipelines:
            await Asked(provider, pipeline, []).complete()
        await provider.aclose()
        assert await server.settled() == 0
        assert provider.slots is None


@pytest.mark.parametrize("hanging", [0, 1])
async def test_a_closing_that_is_cancelled_closes_the_other_clients_too(loopback: Any, hanging: int) -> None:
    """Whichever of the clients of a provider does not come to its end."""
    async with loopback(answer) as server:
        provider, pipelines = OpenAI(base_url=server.url), [FakePipeline(), FakePipeline()]
        for pipeline in pipelines:
            provider.open(pipeline)  # type: ignore[arg-type]
            await Asked(provider, pipeline, []).complete()
        client: Any = provider._connections.client(pipelines[hanging])  # type: ignore[arg-type]
        close, client.aclose = client.aclose, asyncio.Event().wait
        await provider.aclose()
        closing = asyncio.create_task(provider.aclose())
        await asyncio.sleep(0.05)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await asyncio.sleep(0.05)
        assert server.open == 1
        await close()


async def test_a_closed_pipeline_that_is_gone_leaves_nothing_in_a_provider_that_lives_on(
    loopback: Any,
) -> None:
    """Short-lived pipelines around one long-lived provider do not pile up connections."""
    async with loopback(answer) as server:
        provider, lasting = OpenAI(base_url=server.url), FakePipeline()
        provider.open(lasting)  # type: ignore[arg-type]
        for _ in range(5):
            passing = FakePipeline()
            provider.open(passing)  # type: ignore[arg-type]
            await Asked(provider, passing, []).complete()
            await provider.aclose()
            del passing
            gc.collect()
        await asyncio.sleep(0.05)
        assert server.open <= 1
        assert (await Asked(provider, lasting, []).complete()).text == "Hello."
        await provider.aclose()


async def test_a_users_client_is_never_closed_by_us(loopback: Any, over: Any) -> None:
    """A client of the user's outlives the pipeline; once it is closed, calls say so."""
    async with loopback(answer) as server:
        client = httpx.AsyncClient()
        async with over(OpenAI, server, http_client=client) as asked:
            await asked.complete()
        assert not client.is_closed
        async with over(OpenAI, server, http_client=client) as asked:
            await client.aclose()
            with pytest.raises(ConfigurationError, match="http_client was closed"):
                await asked.complete()


@pytest.mark.parametrize("kind", [httpx.AsyncClient, aiohttp.ClientSession])
async def test_a_users_client_is_freed_with_a_pipeline_that_was_never_closed(
    loopback: Any, kind: Any
) -> None:
    """Who forgets to close pipelines keeps neither the clients nor what those hold."""
    left = []
    async with loopback(answer) as server:
        for _ in range(3):
            async with kind() as client:
                provider = OpenAI("key", base_url=server.url, http_client=client)
                await Pipeline(Fallback(provider)).complete("Hi")
            left.append(weakref.ref(client))
            del client, provider
    gc.collect()
    assert [each() for each in left] == [None] * 3


async def test_slots_are_as_many_as_the_connections_may_be(loopback: Any, over: Any) -> None:
    """Ours are counted by `max_connections`, those of a user's client by its own pool, for all who use it."""
    bounded = httpx.AsyncClient(limits=httpx.Limits(max_connections=3))
    unbounded = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))
    unknown = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    async with bounded, unbounded, unknown, loopback(answer) as server:
        for client, most, expected in ((None, 7, 7), (bounded, 7, 3), (unbounded, 7, 7), (unknown, 7, 100)):
            async with over(OpenAI, server, http_client=client, max_connections=most) as asked:
                assert asked.provider.slots._value == expected


async def test_all_who_use_a_users_client_share_its_slots(loopback: Any, over: Any) -> None:
    """Two providers on one client of the user's never ask its pool for more than it has."""
    async with loopback(answer) as server, httpx.AsyncClient() as client:
        first = over(OpenAI, server, http_client=client)
        second = over(OpenAI, server, http_client=client, name="second")
        async with first as one, second as two:
            assert one.provider.slots is two.provider.slots


def test_a_provider_belongs_to_one_event_loop_while_that_lives() -> None:
    """A second loop is refused while the first lives, and welcome once it was closed."""
    provider, pipelines = OpenAI("key"), []

    async def opened() -> None:
        pipelines.append(FakePipeline())
        provider.open(pipelines[-1])  # type: ignore[arg-type]

    first = asyncio.new_event_loop()
    first.run_until_complete(opened())
    with pytest.raises(ConfigurationError, match="another event loop"):
        asyncio.run(opened())
    first.close()
    asyncio.run(opened())


def test_what_is_no_client_is_refused() -> None:
    """A blocking client, or anything else, is refused when the provider is made."""
    with httpx.Client() as client, pytest.raises(ConfigurationError, match="AsyncClient"):
        OpenAI(http_client=client)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="max_connections"):
        OpenAI(max_connections=0)


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", SECRET_SCRIPTS)
async def test_no_error_shows_the_key(loopback: Any, over: Any, name: str, streamed: bool) -> None:
    """Neither an error nor its causes nor any local of their tracebacks shows the key."""
    async with loopback(SECRET_SCRIPTS[name]) as server, over(OpenAI, server, api_key=KEY) as asked:
        with pytest.raises(ProviderError) as caught:
            await (asked.stream(key=KEY) if streamed else asked.complete(key=KEY))
        assert KEY not in "\n".join(shown(caught.value))


async def test_a_cancellation_shows_no_key(loopback: Any, over: Any) -> None:
    """The traceback of a cancelled call leads to no headers."""

    async def script(visit: Any) -> None:
        await visit.gone()

    async with loopback(script) as server, over(OpenAI, server) as asked:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await asked.complete(key=KEY)
        assert KEY not in "\n".join(shown(caught.value))


def test_nothing_prints_the_key() -> None:
    """Neither a provider nor a request shows its key when it is printed."""
    request = HttpRequest("https://x.test", {"authorization": KEY}, KEY.encode(), provider="openai")
    assert KEY not in repr(request) + repr(OpenAI(KEY)) + str(vars(OpenAI(KEY))["name"])
    with pytest.raises(ConfigurationError) as caught:
        OpenAI(KEY, base_url="nowhere")
    assert KEY not in "\n".join(shown(caught.value))


async def test_what_waits_to_be_read_is_not_shown() -> None:
    """A report of a traceback prints local variables, and a provider may have sent back the key."""
    parts: Parts[bytes] = Parts(maxsize=1)
    parts.put_nowait(b"your key sk-sentinel is wrong")
    assert (repr(parts), str(parts)) == ("<1 parts>", "<1 parts>")
