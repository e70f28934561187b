"""Scripted providers that stream, are silent, fail and limit, by the clock and a seed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from random import Random

from ranvier import FinishReason, OverloadedError, ProviderError, RateLimitError, Response, StreamEvent, Usage
from ranvier.clock import now
from ranvier.facts.rate_limits import RateLimits
from ranvier.pipeline import Call

USAGE = Usage(input=10, output=10)

Draw = Callable[[], float]
"""Seconds until the first content of an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How an upstream answers one request.

    Attributes:
        first: Seconds until the first content, or until the error; infinite if it is silent for ever.
        error: Raised instead of an answer.
        pieces, gap: Further pieces of text, and the seconds before each.
        usage: The tokens that it reports.
        limits: The limits of the key that it reports.
    """

    first: float
    error: Callable[[], ProviderError] | None = None
    pieces: int = 0
    gap: float = 0.0
    usage: Usage = USAGE
    limits: RateLimits | None = None


Behaviour = Callable[[Call], Reply]
"""How an upstream answers."""


class Upstream:
    """A provider that behaves as it is told to, and remembers when each request came.

    Attributes:
        behaviour: How it answers the next requests; by model in `models` where that has an entry.
        asked: When each request came, by target.
    """

    def __init__(self, name: str, model: str, behaviour: Behaviour, **models: Behaviour) -> None:
        self.name = name
        self.default_model = model
        self.behaviour = behaviour
        self.models = {model.replace("_", "-"): each for model, each in models.items()}
        self.asked: dict[str, list[float]] = {}

    async def complete(self, call: Call) -> Response:
        """The whole answer, which is the name of the target."""
        text = "".join([event.text async for event in self.stream(call)])
        return Response(text, finish_reason=FinishReason.STOP, usage=USAGE, provider=self.name)

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The answer in pieces; the first is the name of the target."""
        target = call.deployment.target
        self.asked.setdefault(target, []).append(now())
        reply = self.models.get(call.deployment.model, self.behaviour)(call)
        await _sleep(reply.first)
        if reply.limits is not None and call.on_limits is not None:
            call.on_limits(reply.limits, reply.error is None)
        if reply.error is not None:
            raise reply.error()
        yield StreamEvent(text=target)
        for _ in range(reply.pieces):
            await _sleep(reply.gap)
            yield StreamEvent(text=".")
        yield StreamEvent(finish_reason=FinishReason.STOP, usage=reply.usage)


async def _sleep(seconds: float) -> None:
    if math.isinf(seconds):
        await asyncio.get_running_loop().create_future()
    elif seconds:
        await asyncio.sleep(seconds)


# --- how long an answer takes --------------------------------------------------------------------


def constant(seconds: float) -> Draw:
    """Always so long."""
    return lambda: seconds


def lognormal(median: float, sigma: float, rng: Random) -> Draw:
    """Mostly near the median, now and then much longer."""
    return lambda: rng.lognormvariate(math.log(median), sigma)


# --- how an upstream behaves ---------------------------------------------------------------------


def well(first: Draw) -> Behaviour:
    """It answers."""
    return lambda call: Reply(first())


def silent(call: Call) -> Reply:
    """It accepts requests and never says anything."""
    return Reply(math.inf)


def overloaded(call: Call) -> Reply:
    """It answers 503 after a tenth of a second."""
    name = call.deployment.provider.name
    return Reply(0.1, lambda: OverloadedError("overloaded", provider=name, status=503))


def within(since: float, until: float, bad: Behaviour, good: Behaviour) -> Behaviour:
    """`bad` from `since` to `until` on the clock, otherwise `good`."""
    return lambda call: (bad if since <= now() < until else good)(call)


def for_tenants(affected: Callable[[str], bool], bad: Behaviour, good: Behaviour) -> Behaviour:
    """`bad` for some tenants, otherwise `good`."""
    return lambda call: (bad if affected(call.tenant) else good)(call)


class Limited:
    """Answers 429 once the token bucket of a key is empty.

    Args:
        rate: Requests that a key may send a second.
        good: How it answers the others.
        waits: Send `Retry-After`: whole seconds until there is a token again.
    """

    def __init__(self, rate: float, good: Behaviour, *, waits: bool) -> None:
        self._rate, self._good, self._waits = rate, good, waits
        self._buckets: dict[str | None, tuple[float, float]] = {}
        self.refused = 0

    def __call__(self, call: Call) -> Reply:
        """Answer one request."""
        tokens, since = self._buckets.get(call.credential, (self._rate, now()))
        tokens = min(self._rate, tokens + (now() - since) * self._rate)
        good = tokens >= 1
        self._buckets[call.credential] = (tokens - good, now())
        if good:
            return self._good(call)
        self.refused += 1
        wait = math.ceil((1 - tokens) / self._rate) if self._waits else None
        name = call.deployment.provider.name
        return Reply(0.1, lambda: RateLimitError("slow down", provider=name, status=429, retry_after=wait))
