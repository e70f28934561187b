"""The tenant of a request, in the real frameworks on a real uvicorn."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ranvier import ConfigurationError, current_tenant, tenant
from ranvier.asgi import TenantMiddleware
from support.asgi.applications import FRAMEWORKS, Service
from support.asgi.serving import Served, serving

HEADER = b"x-tenant-id"

IMPOSSIBLE = {
    "empty": [b""],
    "blank": [b" \t"],
    "no UTF-8": [b"caf\xe9"],
    "a control character": [b"acme\x01"],
    "a tab": [b"ac\tme"],
    "an invisible character": ["acme\u200b".encode()],
    "257 characters": [b"x" * 257],
    "10 kB": [b"secret" * 1700],
    "two tenants": [b"acme", b"globex"],
}
"""What may come as a header and can be no tenant."""


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Builds the service in each framework."""
    return FRAMEWORKS[request.param]


async def get(served: Served, *paths: str, name: str | None = "acme") -> list[str]:
    """The bodies at `paths`, asked one after the other on one connection."""
    headers = {} if name is None else {"x-tenant-id": name}
    async with httpx.AsyncClient(
        base_url=served.url, headers=headers, trust_env=False, verify=False
    ) as client:
        replies = [await client.get(path) for path in paths]
    assert {reply.status_code for reply in replies} == {200}
    return [reply.text for reply in replies]


async def say_tenant(scope: Any, receive: Any, send: Any) -> None:
    """The smallest application: it answers with its tenant."""
    body = str(current_tenant()).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# --- where the tenant is known -------------------------------------------------------------------


async def test_the_tenant_reaches_every_kind_of_handler(framework: Callable[..., Any]) -> None:
    """One in the loop, one in a thread, and the generator of a streamed body."""
    async with serving(framework(Service())) as served:
        seen = await get(served, "/tenant", "/tenant/sync", "/tenant/stream")
    assert seen == ["acme", "acme", "acme acme acme "]


async def test_the_tenant_reaches_work_that_outlives_the_request(framework: Callable[..., Any]) -> None:
    """A task and a background task have it, when the request is over and the next one has another."""
    service = Service()
    async with serving(framework(service)) as served:
        await asyncio.gather(
            *(get(served, "/tenant/later", "/tenant", name=name) for name in ("acme", "globex"))
        )
        await asyncio.gather(*service.tasks)
    whose = sorted(service.later)
    assert whose == [(who, name) for who in ("background", "task") for name in ("acme", "globex")]


async def test_the_tenant_reaches_websockets(framework: Callable[..., Any]) -> None:
    """As it reaches requests."""
    async with serving(framework(Service())) as served:
        url = f"{served.url.replace('http', 'ws')}/tenant/socket"
        async with connect(url, additional_headers={"x-tenant-id": "acme"}, proxy=None) as socket:
            assert await socket.recv() == "acme"
        async with connect(url, proxy=None) as socket:
            assert await socket.recv() == "None"


async def test_a_request_without_a_tenant_has_none(framework: Callable[..., Any]) -> None:
    """Not that of the request before it on the same connection either."""
    async with serving(framework(Service())) as served, served.caller() as caller:
        for name in (b"acme", None, b"globex", None):
            caller.ask("/tenant", *([(HEADER, name)] if name else []))
            assert await caller.answer() == (200, name or b"None")


@pytest.mark.parametrize("name", ["Zoë & Söhne", "租户", "../../etc", "a,b", "x" * 256])
async def test_any_printable_name_is_a_tenant(name: str) -> None:
    """It travels as UTF-8, and blanks around it do not belong to it."""
    async with serving(TenantMiddleware(say_tenant)) as served, served.caller() as caller:
        caller.ask("/", (HEADER, b" " + name.encode() + b" "))
        assert await caller.answer() == (200, name.encode())


async def test_a_tenant_that_is_named_twice_alike_is_one() -> None:
    """As a proxy may do that adds what is there."""
    async with serving(TenantMiddleware(say_tenant)) as served, served.caller() as caller:
        caller.ask("/", (HEADER, b"acme"), (b"X-Tenant-Id", b"acme"))
        assert await caller.answer() == (200, b"acme")


async def test_another_header_may_name_the_tenant() -> None:
    """Whatever its case, and the usual one means nothing then."""
    app = TenantMiddleware(say_tenant, header="X-Customer")
    async with serving(app) as served, served.caller() as caller:
        caller.ask("/", (HEADER, b"globex"), (b"x-CUSTOMER", b"acme"))
        assert await caller.answer() == (200, b"acme")


# --- where it must not be known ------------------------------------------------------------------


@pytest.mark.parametrize("watched", [True, False])
async def test_the_tenant_does_not_leak_to_a_neighbour_of_the_middleware(watched: bool) -> None:
    """Neither to the next request of a packet, nor to whatever follows a big body.

    The server starts the second request of a packet while the first calls `send`, and a big body makes
    it begin to read anew while the application calls `receive`.
    """
    inside = TenantMiddleware(say_tenant, cancel_on_disconnect=watched)

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/inside":
            while (await receive()).get("more_body"):
                pass
            await inside(scope, receive, send)
        else:
            await say_tenant(scope, receive, send)

    async with serving(mounted) as served, served.caller() as caller:
        caller.ask("/inside", (HEADER, b"acme"))
        caller.ask("/outside")
        assert [await caller.answer() for _ in range(2)] == [(200, b"acme"), (200, b"None")]
        caller.ask("/inside", (HEADER, b"acme"), body=b"x" * 500_000)
        assert await caller.answer() == (200, b"acme")
        caller.ask("/outside")
        assert await caller.answer() == (200, b"None")


async def test_a_tenant_around_the_server_is_not_that_of_its_requests() -> None:
    """Whatever the server inherited from where it was started: nobody is nobody."""
    with tenant("operator"):
        async with serving(TenantMiddleware(say_tenant)) as served, served.caller() as caller:
            caller.ask("/")
            assert await caller.answer() == (200, b"None")


# --- what can be no tenant -----------------------------------------------------------------------


@pytest.mark.parametrize("values", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
async def test_an_impossible_tenant_is_refused(values: list[bytes]) -> None:
    """With a small body of JSON that does not repeat it; the connection goes on."""
    async with serving(TenantMiddleware(say_tenant)) as served, served.caller() as caller:
        caller.ask("/", *((HEADER, value) for value in values))
        status, body = await caller.answer()
        assert (status, json.loads(body)["error"]) == (400, "invalid_tenant")
        assert len(body) < 150
        assert not any(value.strip() and value in body for value in values)
        caller.ask("/", (HEADER, b"acme"))
        assert await caller.answer() == (200, b"acme")


async def test_an_impossible_tenant_is_refused_by_every_framework(framework: Callable[..., Any]) -> None:
    """Before any handler of its runs, also when there is a body that nobody reads."""
    async with serving(framework(Service())) as served, served.caller() as caller:
        caller.ask("/complete", (HEADER, b"x" * 300), body=b'"Why?"')
        assert (await caller.answer())[0] == 400


async def test_a_websocket_of_an_impossible_tenant_is_refused(framework: Callable[..., Any]) -> None:
    """It is closed before it was accepted, which is a 403 on the wire."""
    async with serving(framework(Service())) as served:
        url = f"{served.url.replace('http', 'ws')}/tenant/socket"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, additional_headers={"x-tenant-id": "x" * 257}, proxy=None)
    assert refused.value.response.status_code == 403


# --- a resolver ----------------------------------------------------------------------------------


def first_label(scope: Any) -> str | None:
    """The tenant by the name of the host."""
    host = dict(scope["headers"])[b"host"].decode()
    return host.partition(".")[0] if "." in host else None


async def first_label_later(scope: Any) -> str | None:
    """The same, from a source that takes its time."""
    await asyncio.sleep(0)
    return first_label(scope)


@pytest.mark.parametrize("resolve", [first_label, first_label_later])
async def test_a_resolver_names_the_tenant(framework: Callable[..., Any], resolve: Any) -> None:
    """Plain or async, instead of the header; `None` is nobody, and an impossible name gets a 400."""
    app = framework(Service(), resolve=resolve)
    expected = {b"globex.example": (200, b"globex"), b"here": (200, b"None"), b".example": (400, None)}
    async with serving(app) as served:
        for host, (status, name) in expected.items():
            async with served.caller() as caller:
                caller.writer.write(
                    b"GET /tenant HTTP/1.1\r\nx-tenant-id: acme\r\nhost: " + host + b"\r\n\r\n"
                )
                answer = await caller.answer()
            assert answer[0] == status
            assert name is None or answer[1] == name


@pytest.mark.parametrize("problem", [RuntimeError("the database is down"), ConfigurationError("no such key")])
async def test_what_a_resolver_raises_is_an_error_of_the_application(
    framework: Callable[..., Any], problem: Exception
) -> None:
    """It gets what the framework gives to its own: a 500, and never the 400 of a bad name."""

    def resolve(scope: Any) -> str | None:
        raise problem

    async with serving(framework(Service(), resolve=resolve)) as served, served.caller() as caller:
        caller.ask("/tenant")
        assert (await caller.head()).startswith(b"HTTP/1.1 500")


async def test_a_resolver_that_answers_nonsense_is_told_so() -> None:
    """It is a mistake in the application, not of whoever asks."""
    app = TenantMiddleware(say_tenant, resolve=lambda scope: 7)  # type: ignore[arg-type,return-value]
    with pytest.raises(ConfigurationError, match="resolve returned a int: return a str, or None"):
        await app({"type": "http", "headers": []}, asyncio.Event().wait, say_tenant)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [{"header": ""}, {"header": "x tenant"}, {"header": "ü"}, {"header": None}, {"resolve": "acme"}],
)
def test_a_middleware_that_could_not_work_is_refused(settings: dict[str, Any]) -> None:
    """When it is built, by the name of the argument."""
    with pytest.raises(ConfigurationError, match=rf"{next(iter(settings))}="):
        TenantMiddleware(say_tenant, **settings)


# --- what is none of its business ----------------------------------------------------------------


async def test_lifespan_passes_through_untouched() -> None:
    """The application gets the server's own functions, runs in the same task, and starts and ends once."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], receive, send, asyncio.current_task()))

    tasks = len(asyncio.all_tasks())
    await TenantMiddleware(app)({"type": "lifespan"}, "receive", "send")  # type: ignore[arg-type]
    assert seen == [("lifespan", "receive", "send", asyncio.current_task())]
    assert len(asyncio.all_tasks()) == tasks


async def test_an_application_starts_and_ends_under_uvicorn() -> None:
    """With the middleware outside of everything, lifespan included."""
    import starlette.applications

    happened: list[str] = []

    async def lifespan(app: Any) -> Any:
        happened.append("started")
        yield
        happened.append("ended")

    from contextlib import asynccontextmanager

    app = starlette.applications.Starlette(lifespan=asynccontextmanager(lifespan))
    async with serving(TenantMiddleware(app), lifespan="on"):
        assert happened == ["started"]
    assert happened == ["started", "ended"]


@pytest.mark.parametrize("plain", [True, False])
async def test_a_resolver_that_raises_a_cancelled_error_has_failed(plain: bool) -> None:
    """Nobody has cancelled the request: it is an error of the application, and no cancellation."""

    def plainly(scope: Any) -> str:
        raise asyncio.CancelledError

    async def later(scope: Any) -> str:
        raise asyncio.CancelledError

    app = TenantMiddleware(say_tenant, resolve=plainly if plain else later, cancel_on_disconnect=False)
    with pytest.raises(RuntimeError, match="resolve raised a CancelledError"):
        await app({"type": "http", "headers": []}, None, None)  # type: ignore[arg-type]
