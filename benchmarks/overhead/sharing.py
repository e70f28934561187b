"""`resilient()`, and what is added to it to share keys and money between tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from benchmarks.overhead.ours import Answering, AnsweringLater
from benchmarks.overhead.subject import Ask, Subject
from ranvier import Layer, resilient, tenant
from ranvier.layers import AdaptiveLimit, Balance, Bulkhead, Pacing, SpendLimit

LAYERS: dict[str, Callable[[], Layer]] = {
    "Bulkhead": lambda: Bulkhead(100_000),
    "AdaptiveLimit": lambda: AdaptiveLimit(100_000, most=100_000),
    "Pacing": Pacing,
    "SpendLimit": lambda: SpendLimit(1e12, window=86_400, unknown="allow"),
}


def built(name: str, layers: Sequence[str] = (), *, balanced: bool = False) -> Subject:
    """A pipeline by `resilient()` with these layers, and a `Balance` of both providers if `balanced`."""

    @asynccontextmanager
    async def opened(seconds: float) -> AsyncIterator[Ask]:
        kind = AnsweringLater if seconds else Answering
        targets = kind("a"), kind("b")
        further: list[Layer] = [LAYERS[each]() for each in layers]
        route = [Balance(*targets)] if balanced else targets
        async with resilient(*route, layers=further) as pipeline:
            with tenant("acme"):
                yield lambda: pipeline.complete("hi")

    return Subject(name, opened)


RESILIENT = built("ranvier: resilient()")
SHARING = built("ranvier: resilient() and all that shares", list(LAYERS), balanced=True)

SHARED: list[Subject] = [
    RESILIENT,
    *(built(f"ranvier: resilient() and {name}", [name]) for name in LAYERS),
    built("ranvier: resilient() and Balance", balanced=True),
    SHARING,
]
