"""Our stacks: all five layers with a user's own in them, each layer alone, and all with OpenTelemetry.

They are built as any user builds them, and go around no part of the pipeline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from benchmarks.overhead.floor import Floor
from benchmarks.overhead.subject import A_WHILE, Ask, Subject, provider
from ranvier import FinishReason, Layer, Pipeline, Place, Response, StreamEvent, tenant
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Handler
from ranvier.pipeline.layer import R
from ranvier.telemetry import OpenTelemetry


class Answering:
    """A provider of the name `a` or `b` that has its answer at once."""

    default_model = "m"

    def __init__(self, name: str) -> None:
        self.name = name

    async def complete(self, call: Call) -> Response:
        """The answer, whole."""
        return Response(text="hi")

    async def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The answer in one piece."""
        yield StreamEvent(text="hi", finish_reason=FinishReason.STOP)


class AnsweringLater(Answering):
    """The same, after a while."""

    async def complete(self, call: Call) -> Response:
        """The answer, whole."""
        await asyncio.sleep(A_WHILE)
        return Response(text="hi")


class UsersOwn(Layer):
    """A layer as a user writes it; it does nothing."""

    place = Place.CALL

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Pass the call on."""
        return await inner(call)


def full() -> list[Layer]:
    """What goes around and into the route of the measured stack."""
    return [Deadline(60), UsersOwn(), Retry(), Breaker(), Timeout(seconds=30)]


Layers = Callable[[], list[Layer]]


def ours(name: str, layers: Layers = full) -> Subject:
    """A pipeline of these layers, with the one that chooses between two providers where it belongs."""

    @asynccontextmanager
    async def opened(seconds: float) -> AsyncIterator[Ask]:
        kind = AnsweringLater if seconds else Answering
        route = Fallback(kind("a"), kind("b"))
        stack = sorted([route, *layers()], key=lambda layer: layer.place)
        async with Pipeline(*stack) as pipeline:
            with tenant("acme"):
                yield lambda: pipeline.complete("hi")

    return Subject(name, opened)


@asynccontextmanager
async def _floor(seconds: float) -> AsyncIterator[Ask]:
    floor = Floor(provider(seconds))
    yield lambda: floor.complete("hi")


@asynccontextmanager
async def _bare(seconds: float) -> AsyncIterator[Ask]:
    ask = provider(seconds)
    yield lambda: ask(None)


def traced(sampler: Sampler) -> Layers:
    """All layers behind an OpenTelemetry with an SDK that samples so, and exports nothing."""

    def layers() -> list[Layer]:
        telemetry = OpenTelemetry(
            tracer_provider=TracerProvider(sampler=sampler, shutdown_on_exit=False),
            meter_provider=MeterProvider(shutdown_on_exit=False),
        )
        return [telemetry, *full()]

    return layers


BARE = Subject("no protection at all", _bare)
FLOOR = Subject("the floor", _floor)
FULL = ours("ranvier: five layers and a user's")

ALONE: list[Subject] = [
    ours("ranvier: Fallback alone", list),
    ours("ranvier: Fallback and a user's layer", lambda: [UsersOwn()]),
    ours("ranvier: Fallback and Deadline", lambda: [Deadline(60)]),
    ours("ranvier: Fallback and Retry", lambda: [Retry()]),
    ours("ranvier: Fallback and Breaker", lambda: [Breaker()]),
    ours("ranvier: Fallback and Timeout", lambda: [Timeout(seconds=30)]),
]

TRACED: list[Subject] = [
    ours("ranvier: all, OpenTelemetry without an SDK", lambda: [OpenTelemetry(), *full()]),
    ours("ranvier: all, OpenTelemetry sampled out", traced(ALWAYS_OFF)),
    ours("ranvier: all, OpenTelemetry sampled in", traced(ALWAYS_ON)),
]
