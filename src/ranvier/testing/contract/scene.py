"""The fixture of a contract test: a provider, its pipeline, and the server that answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from ranvier.facts.record import Record
from ranvier.messages.collector import Collector
from ranvier.messages.message import Message
from ranvier.messages.request import Request
from ranvier.messages.response import Response
from ranvier.pipeline.asking.optional_members import stream_of
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment, Provider
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.pipeline import Pipeline
from ranvier.pipeline.place import Place
from ranvier.testing.loopback import Loopback, Script, Visit

PATIENCE = 10.0
"""Seconds after which a call counts as hung."""

WORDS = "Why do nodes of Ranvier exist?"


class Straight(Layer):
    """Routes every call to one target, with the pipeline's key for it."""

    place: ClassVar[Place] = Place.ROUTE

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def deployments(self) -> Iterable[Deployment]:
        """The single target."""
        return (self._deployment,)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Send the call to the target."""
        directed = call.to(self._deployment)
        directed.credential = await call.pipeline.credentials.resolve(call, self._deployment)
        return await inner(directed)


class Scene:
    """The provider under test, with a pipeline and a server.

    Args:
        server: Answers every request with the current script.
        provider: The provider under test.
        model: The model to request.
        key: The key of the tenant "acme"; the key of any other tenant ends with that tenant's name.
        aside: Answers requests that are not for a completion; true if it did.

    Attributes:
        pipeline: Has no layer that could hide what the provider does.
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
        """The tenant's own key."""
        return self.key if tenant == "acme" else f"{self.key}-{tenant}"

    def play(self, script: Script) -> None:
        """Answer every further request with `script`."""

        async def serve(visit: Visit) -> None:
            if not await self._aside(visit):
                await script(visit)

        self.server.script = serve

    @property
    def streams(self) -> bool:
        """True if the provider can stream."""
        return stream_of(self.provider) is not None

    @property
    def ways(self) -> list[str]:
        """The supported ways to request an answer."""
        return ["whole", "streamed"] if self.streams else ["whole"]

    def call(self, tenant: str = "acme") -> Call:
        """The first attempt of a call, past all layers."""
        request = Request((Message.user(WORDS),))
        return Call(request, tenant, self.pipeline, Record()).to(self._deployment, self.key_of(tenant))

    async def ask(self, way: str, tenant: str = "acme") -> Response:
        """Call the provider directly, and return the answer, whole or collected from its stream."""
        if way == "whole":
            return await self.provider.complete(self.call(tenant))
        collector = Collector()
        async for event in self._deployment.stream(self.call(tenant)):
            collector.add(event)
        return collector.response("", "")

    async def carried(self, way: str, script: Script) -> Response:
        """Play `script`, call through the pipeline, and return the answer."""
        self.play(script)
        async with asyncio.timeout(PATIENCE):
            if way == "whole":
                return await self.pipeline.complete(WORDS, tenant="acme")
            return await (await self.pipeline.stream(WORDS, tenant="acme")).collect()

    async def outcome(self, way: str, script: Script, tenant: str = "acme") -> Response | Exception:
        """Play `script`, call the provider directly, and return the answer or the error."""
        self.play(script)
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.ask(way, tenant)
        except Exception as error:
            return error
