"""The same little service in Starlette, FastAPI and Litestar, each written as its users write it.

GET, POST /complete   the whole answer of the pipeline
GET /stream           its streamed answer
GET /tenant           the tenant, as the handler sees it; /tenant/sync: in a thread
GET /tenant/stream    as a streamed body sees it, three times
GET /tenant/later     as background work sees it, which notes it in `later`
/tenant/socket        as a websocket's handler sees it
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import fastapi
import litestar
import litestar.background_tasks
import litestar.response
from litestar.middleware import DefineMiddleware
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ranvier import Pipeline, current_tenant
from ranvier.asgi import TenantMiddleware
from ranvier.layers import Fallback
from ranvier.testing import ScriptedProvider


class Service:
    """What all three do, and what they have noted.

    Attributes:
        later: The tenants that background work has seen.
        tasks: Started by handlers, and not waited for by them.
    """

    def __init__(self, pipeline: Pipeline | None = None) -> None:
        self.pipeline = pipeline or Pipeline(Fallback(ScriptedProvider("unasked")))
        self.later: list[tuple[str, str | None]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def complete(self, prompt: str = "Why?") -> str:
        """A whole answer."""
        return (await self.pipeline.complete(prompt)).text

    async def stream(self, prompt: str = "Why?") -> AsyncIterator[str]:
        """A streamed answer."""
        async with self.pipeline.stream(prompt) as answer:
            async for event in answer:
                yield event.text

    async def tenants(self) -> AsyncIterator[str]:
        """The tenant, each time that it is asked."""
        for _ in range(3):
            await asyncio.sleep(0)
            yield f"{current_tenant()} "

    def start(self) -> None:
        """Start work that outlives the request."""
        self.tasks.append(asyncio.create_task(self.note("task")))

    async def note(self, who: str) -> None:
        """Note the tenant, a little later."""
        await asyncio.sleep(0.005)
        self.later.append((who, current_tenant()))


def in_starlette(service: Service, **settings: Any) -> Any:
    """Plain Starlette."""

    async def complete(request: Request) -> PlainTextResponse:
        prompt = request.query_params.get("prompt") or (await request.body()).decode()
        return PlainTextResponse(await service.complete(prompt))

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(service.stream(request.query_params["prompt"]))

    async def tenant(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(current_tenant()))

    def tenant_in_a_thread(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(current_tenant()))

    async def tenants(request: Request) -> StreamingResponse:
        return StreamingResponse(service.tenants())

    async def later(request: Request) -> PlainTextResponse:
        service.start()
        return PlainTextResponse("", background=BackgroundTask(service.note, "background"))

    async def socket(connection: WebSocket) -> None:
        await connection.accept()
        await connection.send_text(str(current_tenant()))
        await connection.close()

    return Starlette(
        routes=[
            Route("/complete", complete, methods=["GET", "POST"]),
            Route("/stream", stream),
            Route("/tenant", tenant),
            Route("/tenant/sync", tenant_in_a_thread),
            Route("/tenant/stream", tenants),
            Route("/tenant/later", later),
            WebSocketRoute("/tenant/socket", socket),
        ],
        middleware=[Middleware(TenantMiddleware, **settings)],
    )


def in_fastapi(service: Service, **settings: Any) -> Any:
    """FastAPI."""
    app = fastapi.FastAPI()
    app.add_middleware(TenantMiddleware, **settings)

    @app.get("/complete")
    async def complete(prompt: str) -> str:
        return await service.complete(prompt)

    @app.post("/complete")
    async def complete_of_body(prompt: str = fastapi.Body()) -> str:
        return await service.complete(prompt)

    @app.get("/stream")
    async def stream(prompt: str) -> fastapi.responses.StreamingResponse:
        return fastapi.responses.StreamingResponse(service.stream(prompt))

    @app.get("/tenant", response_class=fastapi.responses.PlainTextResponse)
    async def tenant() -> str:
        return str(current_tenant())

    @app.get("/tenant/sync", response_class=fastapi.responses.PlainTextResponse)
    def tenant_in_a_thread() -> str:
        return str(current_tenant())

    @app.get("/tenant/stream")
    async def tenants() -> fastapi.responses.StreamingResponse:
        return fastapi.responses.StreamingResponse(service.tenants())

    @app.get("/tenant/later")
    async def later(background: fastapi.BackgroundTasks) -> None:
        service.start()
        background.add_task(service.note, "background")

    @app.websocket("/tenant/socket")
    async def socket(connection: fastapi.WebSocket) -> None:
        await connection.accept()
        await connection.send_text(str(current_tenant()))
        await connection.close()

    return app


def in_litestar(service: Service, **settings: Any) -> Any:
    """Litestar."""

    @litestar.get("/complete")
    async def complete(request: litestar.Request[Any, Any, Any]) -> str:
        return await service.complete(request.query_params["prompt"])

    @litestar.post("/complete")
    async def complete_of_body(request: litestar.Request[Any, Any, Any]) -> str:
        return await service.complete(await request.json())

    @litestar.get("/stream")
    async def stream(request: litestar.Request[Any, Any, Any]) -> litestar.response.Stream:
        return litestar.response.Stream(service.stream(request.query_params["prompt"]))

    @litestar.get("/tenant")
    async def tenant() -> str:
        return str(current_tenant())

    @litestar.get("/tenant/sync", sync_to_thread=True)
    def tenant_in_a_thread() -> str:
        return str(current_tenant())

    @litestar.get("/tenant/stream")
    async def tenants() -> litestar.response.Stream:
        return litestar.response.Stream(service.tenants())

    @litestar.get("/tenant/later")
    async def later() -> litestar.Response[str]:
        service.start()
        background = litestar.background_tasks.BackgroundTask(service.note, "background")
        return litestar.Response("", background=background)

    @litestar.websocket("/tenant/socket")
    async def socket(socket: litestar.WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.send_text(str(current_tenant()))
        await socket.close()

    handlers = [complete, complete_of_body, stream, tenant, tenant_in_a_thread, tenants, later, socket]
    return litestar.Litestar(
        handlers,
        middleware=[DefineMiddleware(TenantMiddleware, **settings)],
        openapi_config=None,
        logging_config=None,
    )


FRAMEWORKS: dict[str, Callable[..., Any]] = {
    "starlette": in_starlette,
    "fastapi": in_fastapi,
    "litestar": in_litestar,
}
