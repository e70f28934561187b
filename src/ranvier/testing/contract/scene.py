"""One provider, a pipeline around it, and the server that it talks to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from ranvier.messages import Message, Request, Response
from ranvier.pipeline.call import Call
from ranvier.pipeline.collector import Collector
from ranvier.pipeline.deployment import Deployment, Provider
from ranvier.pipeline.layer import Handler, Layer, Place, R
from ranvier.pipeline.pipeline import Pipeline
from ranvier.pipeline.record import Record
from ranvier.testing.loopback import Loopback, Script, Visit

PATIENCE = 10.0
"""Seconds after which a call is taken to hang."""

WORDS = "Why do nodes of Ranvier exist?"


class Straight(Layer):
    """Asks one target, with the key that the pipeline has for it."""

    place: ClassVar[Place] = Place.ROUTE

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def deployments(self) -> Iterable[Deployment]:
        """The one."""
        return (self._deployment,)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Ask it."""
        directed = call.to(self._deployment)
        directed.credential = await call.pipeline.credentials.find(call, self._deployment)
        return await inner(directed)


class Scene:
    """What a test of the contract plays with.

    Args:
        server: Answers every request as the test wants.
        provider: The one under test.
        model: To ask it for.
        key: Of the tenant "acme"; every other has one that ends with its name.
        aside: Answers the requests that are not for an answer; true where it did.

    Attributes:
        pipeline: Without any layer that would hide what the provider does.
    """

    def __init__(
        self,
        server: Loopback,
        provider: Provider,
        model: str,
        key: str,
        aside: Callable[[Visit], Awaitable[bool]],
    ) -> None:
        self.server = server
        self.provider = provider
        self.key = key
        self._aside = aside
        self._deployment = Deployment(provider, model)
        route = Straight(self._deployment)
        self.pipeline = Pipeline(route, credentials=lambda tenant, provider: self.key_of(tenant))

    def key_of(self, tenant: str) -> str:
        """Each tenant has its own."""
        return self.key if tenant == "acme" else f"{self.key}-{tenant}"

    def play(self, script: Script) -> None:
        """From now on the server does this to each request."""

        async def serve(visit: Visit) -> None:
            if not await self._aside(visit):
                await script(visit)

        self.server.script = serve

    @property
    def streams(self) -> bool:
        """Whether the provider can."""
        return getattr(self.provider, "stream", None) is not None

    @property
    def ways(self) -> list[str]:
        """The ways in which it can be asked."""
        return ["whole", "streamed"] if self.streams else ["whole"]

    def call(self, tenant: str = "acme") -> Call:
        """The first try of a request, past all layers."""
        request = Request((Message.user(WORDS),))
        return Call(request, tenant, self.pipeline, Record()).to(self._deployment, self.key_of(tenant))

    async def ask(self, way: str, tenant: str = "acme") -> Response:
        """The answer of the provider itself, whole or collected from its stream."""
        if way == "whole":
            return await self.provider.complete(self.call(tenant))
        collector = Collector()
        async for event in self._deployment.stream(self.call(tenant)):
            collector.add(event)
        return collector.response("", "")

    async def carried(self, way: str, script: Script) -> Response:
        """The same through the pipeline, where the server does this."""
        self.play(script)
        async with asyncio.timeout(PATIENCE):
            if way == "whole":
                return await self.pipeline.complete(WORDS, tenant="acme")
            return await (await self.pipeline.stream(WORDS, tenant="acme")).collect()

    async def outcome(self, way: str, script: Script, tenant: str = "acme") -> Response | Exception:
        """The answer of the provider itself, or its error."""
        self.play(script)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.ask(way, tenant)
        except Exception as error:
            return error
