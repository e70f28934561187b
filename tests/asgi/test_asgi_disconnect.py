"""A client that goes cancels its upstream call: real frameworks, a real uvicorn, real HTTP upstream."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import Response

from ranvier import Pipeline
from ranvier.asgi import CancelOnDisconnect, TenantMiddleware
from ranvier.layers import Breaker, Fallback, Retry, Timeout
from ranvier.providers import OpenAI
from ranvier.simulator import Fault, Silence, Simulator, Slow, Stall
from support.asgi.applications import FRAMEWORKS, Service
from support.asgi.serving import serving

WITHIN = 0.1
"""Seconds from a client's leaving to the moment when the provider sees its own client leave."""

HEADER = (b"x-tenant-id", b"acme")

MOMENTS: dict[str, tuple[str, bytes, Fault]] = {
    "a whole answer": ("/complete?prompt=Why", b"", Silence()),
    "a whole answer half-way": ("/complete?prompt=Why", b"", Stall(after=2)),
    "a whole answer to a body": ("/complete", b'"Why?"', Silence()),
    "a stream before its first token": ("/stream?prompt=Why", b"", Silence()),
    "a stream half-way": ("/stream?prompt=Why", b"", Stall(after=2)),
    "a stream that flows": ("/stream?prompt=Why", b"", Stall(after=2, pings=0.005)),
}
"""What is asked, with which body, and where the provider is when the client goes."""


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A provider."""
    async with Simulator() as simulator:
        yield simulator


@pytest.fixture
async def pipeline(simulator: Simulator) -> AsyncIterator[Pipeline]:
    """A stack in front of it that measures progress, so that also whole answers travel as streams."""
    target = OpenAI("sk-simulated", base_url=simulator.url("openai"))
    layers = Retry(max_retries=2), Breaker(failure_threshold=1), Timeout(first_token=5, idle=5)
    async with Pipeline(Fallback(target), *layers) as pipeline:
        yield pipeline


async def gone(simulator: Simulator, pipeline: Pipeline) -> float:
    """Seconds until the provider's only client has left, with nothing counted or left behind."""
    clock = asyncio.get_running_loop().time
    left = clock()
    await simulator.idle(within=WITHIN)
    took = clock() - left
    assert [exchange.end for exchange in simulator.requests] == ["client_left"]
    await asyncio.sleep(0)
    ((_, circuit),) = pipeline.circuits
    assert (circuit.state, circuit.in_flight, pipeline.lifecycle.in_flight) == ("closed", 0, (0, 0))
    return took


# --- in the frameworks ---------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("build", FRAMEWORKS.values(), ids=FRAMEWORKS)
async def test_a_client_that_goes_cancels_the_upstream_call(
    build: Callable[..., Any],
    moment: tuple[str, bytes, Fault],
    simulator: Simulator,
    pipeline: Pipeline,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Within 100 ms, whatever it waited for; nothing is logged, and nothing held against the provider."""
    path, body, fault = moment
    simulator.always("openai", fault)
    async with serving(build(Service(pipeline))) as served, served.caller() as caller:
        caller.ask(path, HEADER, body=body)
        await simulator.busy()
        if fault != Silence():
            await _until(lambda: simulator.requests[0].tokens == 2)
        await caller.leave()
        print(f"{1000 * await gone(simulator, pipeline):.2f} ms")  # for `pytest -rP`
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize("build", FRAMEWORKS.values(), ids=FRAMEWORKS)
async def test_without_it_a_whole_answer_is_waited_for_in_vain(
    build: Callable[..., Any], simulator: Simulator, pipeline: Pipeline
) -> None:
    """Which is what every framework does by itself, and what may be asked for."""
    simulator.always("openai", Silence())
    app = build(Service(pipeline), cancel_on_disconnect=False)
    async with serving(app) as served, served.caller() as caller:
        caller.ask("/complete?prompt=Why", HEADER)
        await simulator.busy()
        await caller.leave()
        with pytest.raises(TimeoutError):
            await simulator.idle(within=0.03)
        await simulator.aclose()


@pytest.mark.parametrize("build", FRAMEWORKS.values(), ids=FRAMEWORKS)
async def test_a_client_that_stays_gets_its_answers(
    build: Callable[..., Any], simulator: Simulator, pipeline: Pipeline
) -> None:
    """Whole ones, streamed ones, and ones to a body, one after the other on one connection."""
    app = build(Service(pipeline))
    async with serving(app) as served, served.caller() as caller:
        for _ in range(3):
            caller.ask("/complete?prompt=Why", HEADER)
            assert (await caller.answer())[0] in (200, 201)
            caller.ask("/complete", HEADER, body=b'"Why?"')
            assert (await caller.answer())[0] in (200, 201)
    assert [exchange.end for exchange in simulator.requests] == ["sent"] * 6


@pytest.mark.parametrize("build", FRAMEWORKS.values(), ids=FRAMEWORKS)
async def test_background_work_goes_on_when_the_client_has_its_answer_and_goes(
    build: Callable[..., Any],
) -> None:
    """Background tasks run in the task of the request, which is not cancelled any more."""
    service = Service()
    async with serving(build(service)) as served, served.caller() as caller:
        caller.ask("/tenant/later", HEADER)
        await caller.answer()
        await caller.leave()
        await _until(lambda: len(service.later) == 2)
    assert sorted(service.later) == [("background", "acme"), ("task", "acme")]


# --- in unusual company --------------------------------------------------------------------------


class Passing(BaseHTTPMiddleware):
    """What `@app.middleware("http")` makes: it runs what is inside in a task of its own."""

    async def dispatch(self, request: Request, call_next: Callable[..., Any]) -> Response:
        response: Response = await call_next(request)
        return response


@pytest.mark.parametrize("path", ["/complete?prompt=Why", "/stream?prompt=Why"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda app: Passing(TenantMiddleware(app)),
        lambda app: TenantMiddleware(Passing(app)),
        lambda app: TenantMiddleware(CancelOnDisconnect(app)),
        lambda app: TenantMiddleware(RequestBodyLimitMiddleware(app, 1000)),
        lambda app: of_another_server(TenantMiddleware(app)),
    ],
    ids=["inside a task", "around a task", "twice", "with a limit", "on another server"],
)
async def test_it_works_beside_other_middleware(
    wrap: Callable[[Any], Any], path: str, simulator: Simulator, pipeline: Pipeline
) -> None:
    """Whoever else looks at the connection, or runs the handler elsewhere."""
    simulator.always("openai", Stall(after=2))
    app = wrap(FRAMEWORKS["starlette"](Service(pipeline), cancel_on_disconnect=False))
    async with serving(app) as served, served.caller() as caller:
        caller.ask(path, HEADER)
        await simulator.busy()
        if path.startswith("/stream"):
            await caller.head()
            for _ in range(2):  # all that there is: a task around cannot look after what is still on its way
                size = int(await caller.reader.readuntil(b"\r\n"), 16)
                await caller.reader.readexactly(size + 2)
        await caller.leave()
        await gone(simulator, pipeline)


def of_another_server(app: Any) -> Any:
    """A server of ASGI 2.4 promises to fail in `send`, so that Starlette listens to nothing there."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "asgi": {**scope["asgi"], "spec_version": "2.4"}}, receive, send)

    return serve


async def test_a_client_that_had_stopped_reading_cancels_it_too(
    simulator: Simulator, pipeline: Pipeline
) -> None:
    """Its stream waits in `send` then, and not for the provider."""

    class Verbose(Service):
        async def stream(self, prompt: str = "Why?") -> AsyncIterator[str]:
            async for word in super().stream(prompt):
                yield 1_000_000 * word

    simulator.always("openai", Slow(pace=0.001))
    async with serving(FRAMEWORKS["starlette"](Verbose(pipeline))) as served, served.caller() as caller:
        caller.ask("/stream?prompt=Why", HEADER)
        await simulator.busy()
        await _until(lambda: simulator.requests[0].tokens >= 5)
        await caller.leave()
        await gone(simulator, pipeline)


# --- on uvicorn alone ----------------------------------------------------------------------------


async def test_messages_arrive_as_they_were_sent() -> None:
    """A large body, in the order and to the last byte, though one message of it is read ahead."""
    body = json.dumps(list(range(100_000))).encode()
    async with serving(TenantMiddleware(echo)) as served, served.caller() as caller:
        for _ in range(2):
            caller.ask("/", HEADER, body=body)
            assert await caller.answer() == (200, body)


async def test_nobody_is_told_to_go_on_before_the_application_wants_the_body() -> None:
    """A client that expects "100 Continue" gets it when the application reads, and not if it refuses."""

    async def choosy(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/refuse":
            await asyncio.sleep(0.01)
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})
        else:
            await echo(scope, receive, send)

    expecting = (b"expect", b"100-continue"), (b"content-length", b"4")
    async with serving(CancelOnDisconnect(choosy)) as served:
        async with served.caller() as caller:
            caller.ask("/refuse", *expecting, method="POST")
            assert (await caller.head()).startswith(b"HTTP/1.1 413")
        async with served.caller() as caller:
            caller.ask("/", *expecting, method="POST")
            assert (await caller.head()).startswith(b"HTTP/1.1 100")
            caller.writer.write(b"body")
            assert await caller.answer() == (200, b"body")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(1):
        while not condition():  # noqa: ASYNC110  # because: what is waited for has no event
            await asyncio.sleep(0.001)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
