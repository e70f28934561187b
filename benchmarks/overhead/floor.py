"""The floor: what protects one call, fused by hand into one coroutine: the least that correct Python can do.

It keeps a circuit by (tenant, provider), bounds an attempt, tries again, goes on to the next provider, and
gives a caller what a caller must get: an answer with the record of its attempts. It has no layers, no
streams, no events. Everything else is measured against it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

TENANT: ContextVar[str] = ContextVar("tenant", default="acme")
CHAIN = ("a", "b")
ATTEMPTS, THRESHOLD, SECONDS = 3, 5, 30.0


class Request:
    """What is asked."""

    __slots__ = ("max_tokens", "messages", "system")

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        self.system: str | None = None
        self.max_tokens: int | None = None


class Attempt:
    """The record of one try."""

    __slots__ = ("number", "outcome", "provider", "seconds")

    def __init__(self, provider: str, number: int, outcome: str, seconds: float) -> None:
        self.provider, self.number, self.outcome, self.seconds = provider, number, outcome, seconds


class Response:
    """What the caller gets."""

    __slots__ = ("attempts", "provider", "text")

    def __init__(self, text: str, provider: str, attempts: list[Attempt]) -> None:
        self.text, self.provider, self.attempts = text, provider, attempts


class Circuit:
    """Failures in a row, and until when nobody passes."""

    __slots__ = ("failures", "open_until")

    def __init__(self) -> None:
        self.failures, self.open_until = 0, 0.0

    def failed(self) -> None:
        """Count, and open at the threshold."""
        self.failures += 1
        if self.failures >= THRESHOLD:
            self.open_until = time.monotonic() + SECONDS


class Expiry:
    """A timer's cancellation, told apart from everybody else's."""

    __slots__ = ("fired", "task")

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task, self.fired = task, False

    def fire(self) -> None:
        """The time is over."""
        self.fired = True
        self.task.cancel()


Ask = Callable[[Request], Awaitable[str]]


class Floor:
    """The circuits, and the one coroutine."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._circuits: dict[tuple[str, str], Circuit] = {}

    async def complete(self, prompt: str) -> Response:  # because: it is fused, that is the point
        """Answer `prompt`, or raise the last error once everything has failed."""
        tenant, request = TENANT.get(), Request([prompt])
        last: Exception | None = None
        attempts: list[Attempt] = []
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for provider in CHAIN:
            circuit = self._circuits.get((tenant, provider))
            if circuit is None:
                circuit = self._circuits[(tenant, provider)] = Circuit()
            for number in range(1, ATTEMPTS + 1):
                start = time.monotonic()
                if circuit.open_until and circuit.open_until > start:
                    break
                expiry, before = Expiry(task), task.cancelling()
                timer = loop.call_later(SECONDS, expiry.fire)
                try:
                    text = await self._ask(request)
                except asyncio.CancelledError:
                    if not (expiry.fired and task.uncancel() <= before):
                        raise
                    last = TimeoutError()
                    circuit.failed()
                    attempts.append(Attempt(provider, number, "timeout", time.monotonic() - start))
                except Exception as error:
                    last = error
                    circuit.failed()
                    attempts.append(Attempt(provider, number, "failed", time.monotonic() - start))
                else:
                    circuit.failures = 0
                    attempts.append(Attempt(provider, number, "succeeded", time.monotonic() - start))
                    return Response(text, provider, attempts)
                finally:
                    timer.cancel()
        raise last or RuntimeError("every circuit is open")
