"""A provider that does what a seed tells it to, and reports every request to the checker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from ranvier import ConnectionFailedError, FinishReason, InvalidRequestError, Response, StreamEvent, Usage
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.messages import SIGN_OF_LIFE
from ranvier.pipeline import Call
from simulation.exchange import Exchange
from simulation.misbehaviour import misbehave
from simulation.moods import FINISH, MISBEHAVE, PING, RAISE, SAY, WAIT, Reply, Weather, draw
from simulation.story import STORY

if TYPE_CHECKING:
    from simulation.checker import Checker

NO_CONNECTION = 5.0
"""Seconds after which a provider that cannot be reached is given up where the stack sets no limit."""


class Quota:
    """How many requests each key may send in a window, as its provider reports it; the excess is accepted."""

    def __init__(self, rng: Random) -> None:
        self._limit = rng.choice([3, 30, 1_000_000])
        self._window = rng.choice([1.0, 10.0, 60.0])
        self._sent: dict[tuple[str, str | None], list[float]] = {}

    def used(self, target: str, key: str | None, now: float) -> RateLimits:
        """What is left after one more request."""
        windows = self._sent.setdefault((target, key), [])
        windows[:] = [*(sent for sent in windows if sent // self._window == now // self._window), now]
        left = max(self._limit - len(windows), 0)
        reset = self._window - now % self._window
        return RateLimits(
            requests=RateLimit(self._limit, left, reset), output_tokens=RateLimit(1e9, 1e8, 30.0)
        )


class Slots(asyncio.Semaphore):
    """Connections; the ticket of a breaker is told of a request that has to wait for one."""

    async def acquire(self) -> Literal[True]:
        ticket = STORY.get().ticket
        if ticket is not None and self.locked():
            ticket.waits(asyncio.get_running_loop().time())
        return await super().acquire()


class SeededProvider:
    """Answers, fails, stalls and lies by its weather.

    Attributes:
        sockets: The requests that have not ended.
        requests, faults: How many there have been, and how many of them were bad.
        hurries: It takes no time to let go of a request.
    """

    def __init__(
        self,
        name: str,
        rng: Random,
        checker: Checker,
        *,
        connections: int | None,
        streaming: bool,
        own_key: str | None,
    ) -> None:
        self.name = name
        self.default_model = "small"
        self.connections = connections
        self.slots = None if connections is None else Slots(connections)
        self.own_key = own_key
        self.needs_credential = own_key is not None
        self.sockets: set[Exchange] = set()
        self.requests = self.faults = 0
        self.hurries = False
        self._rng = rng
        self._weather = Weather(rng)
        self._quota = Quota(Random(f"{name} {connections} {own_key}"))
        self._checker = checker
        self._time = asyncio.get_running_loop().time
        if not streaming:
            self.stream = None  # type: ignore[assignment]  # because: so says a provider that cannot stream

    def credential(self) -> str | None:
        """Our own key there."""
        return self.own_key

    async def complete(self, call: Call) -> Response:
        """The whole answer."""
        exchange, reply = self._begin(call, streamed=False)
        try:
            for kind, value in reply.steps:
                if kind == WAIT:
                    await self._wait(value)
                elif kind == SAY:
                    exchange.said.append(value)
                elif kind == RAISE:
                    raise self._failure(exchange, value)
                elif kind == MISBEHAVE:
                    await misbehave(value, exchange, call, self._checker)
            exchange.stop("finished", self._time())
            exchange.usage = Usage(input=1, output=len(exchange.said))
            self._checker.begins(exchange)
            return Response("".join(exchange.said), usage=exchange.usage)
        except asyncio.CancelledError:
            exchange.stop("cancelled", self._time())
            await self._clean_up(exchange, reply)
            raise
        finally:
            self._end(exchange)

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The answer in steps."""
        exchange, reply = self._begin(call, streamed=True)
        time = self._time
        try:
            for kind, value in reply.steps:
                if kind == WAIT:
                    await self._wait(value)
                    continue
                if kind == RAISE:
                    raise self._failure(exchange, value)
                if kind == MISBEHAVE:
                    await misbehave(value, exchange, call, self._checker)
                    continue
                now = time()
                yield self._event(exchange, kind, value, now)
                exchange.last = time()
                exchange.held += exchange.last - now
            exchange.stop("finished", time())
        except asyncio.CancelledError:
            exchange.stop("cancelled", time())
            await self._clean_up(exchange, reply)
            raise
        except GeneratorExit:
            exchange.stop("closed", time())
            await self._clean_up(exchange, reply)
            raise
        finally:
            self._end(exchange)

    # --- a request -------------------------------------------------------------------------------

    def _begin(self, call: Call, *, streamed: bool) -> tuple[Exchange, Reply]:
        story, now = STORY.get(), self._time()
        exchange = Exchange(story, call, self.name, now, streamed)
        exchange.key = call.credential
        exchange.theirs = call.credential not in (None, self.own_key)
        exchange.probing = bool(call.probing)
        reply = draw(self._rng, self._weather.mood(now, int(story.tenant[7:])))
        if reply.fault == "asks_whole" and not streamed:
            reply = draw(self._rng, "well")
        elif reply.fault == "unreachable":
            connect = call.limits.connect
            reply.steps[0] = (WAIT, NO_CONNECTION if connect is None else connect)
        if call.on_limits is not None:
            call.on_limits(self._quota.used(exchange.target, exchange.key, now), True)
        self.requests += 1
        self.faults += reply.fault is not None
        self.sockets.add(exchange)
        self._checker.request(exchange, call)
        if reply.fault == "asks_whole":
            exchange.asks_whole = True
        return exchange, reply

    def _event(self, exchange: Exchange, kind: int, value: Any, now: float) -> StreamEvent:
        if kind == PING:
            exchange.last = now
            return SIGN_OF_LIFE
        if kind == FINISH:
            exchange.finished = True
            exchange.usage = Usage(input=1, output=len(exchange.said))
            return StreamEvent(finish_reason=FinishReason.STOP, usage=exchange.usage)
        assert kind == SAY
        if exchange.first is None:
            exchange.first = now
            self._checker.begins(exchange)
        exchange.said.append(value)
        return StreamEvent(text=value)

    def _failure(
        self, exchange: Exchange, drawn: tuple[type[BaseException], dict[str, Any] | None]
    ) -> BaseException:
        """The error to raise, of which the checker is told first."""
        kind, facts = drawn
        if kind is asyncio.CancelledError:  # of its own making: a failed connection, for all that we know
            exchange.stop("raised", self._time(), ConnectionFailedError("cancelled", provider=self.name))
            self._checker.refused(exchange)
            return kind()
        error: Any
        if facts is None:
            error = kind("this adapter has a bug")
        else:
            error = kind(f"{self.name} said no", provider=self.name, **facts)  # type: ignore[call-arg]
        if exchange.asks_whole and isinstance(error, InvalidRequestError):
            error.refuses_streaming = True
        exchange.stop("raised", self._time(), error)
        self._checker.refused(exchange)
        return error

    async def _wait(self, seconds: float | None) -> None:
        if seconds is None:
            await asyncio.get_running_loop().create_future()
        else:
            await asyncio.sleep(seconds)

    async def _clean_up(self, exchange: Exchange, reply: Reply) -> None:
        if reply.cleanup and not self.hurries and exchange.ending != "raised":
            exchange.story.keep_busy(self._time() + reply.cleanup)
            await asyncio.sleep(reply.cleanup)

    def _end(self, exchange: Exchange) -> None:
        self.sockets.discard(exchange)
        if not exchange.story.read_elsewhere and STORY.get(None) is not exchange.story:
            self._checker.fail(12, "a request is cleaned up in the context of another call", exchange.story)
        self._checker.request_ended(exchange)
