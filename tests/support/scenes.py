"""What the tests of traps and layers are played with: one provider behind a breaker, and failures."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from ranvier import CircuitOpenError, Pipeline, RanvierError, Response
from ranvier.events import Event
from ranvier.facts.record import Record
from ranvier.layers import Breaker, Fallback, Timeout
from ranvier.layers.breaker import CircuitSnapshot
from ranvier.pipeline import Outcome, Permit
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.reporting.emitter import Events
from ranvier.pipeline.streaming.pending import PendingStream
from ranvier.pipeline.timing.timer_wheel import TimerWheel
from ranvier.testing import ScriptedProvider


class BreakerScene:
    """One scripted provider behind a breaker that one failure opens and one good probe closes.

    Args:
        script: The provider's replies; see `ScriptedProvider`.
        outer: Layers between the targets and the breaker.
        inner: Layers between the breaker and the provider.
        listeners: Of the pipeline.
        breaker: The class of the breaker.
        rules: Of the breaker, where they differ from the above.
    """

    def __init__(
        self,
        script: Iterable[Any] | Callable[[Any], Any],
        *,
        outer: Iterable[Layer] = (),
        inner: Iterable[Layer] = (),
        listeners: Iterable[Callable[[Event], object]] = (),
        breaker: type[Breaker] = Breaker,
        **rules: Any,
    ) -> None:
        self.provider = ScriptedProvider("only", script)
        usual = {"failure_threshold": 1, "success_threshold": 1, "cooldown": 10.0}
        self.breaker = breaker(**(usual | rules))
        self.pipeline = Pipeline(
            Fallback(self.provider), *outer, self.breaker, *inner, listeners=tuple(listeners)
        )

    async def ask(self, tenant: str = "acme") -> Response:
        """A whole answer."""
        return await self.pipeline.complete("Why?", tenant=tenant)

    def start(self, tenant: str = "acme") -> asyncio.Task[Response]:
        """Ask for a whole answer in a task of its own."""
        return asyncio.get_running_loop().create_task(self.ask(tenant))

    async def fail(self, times: int = 1, tenant: str = "acme") -> None:
        """Ask, and expect an error."""
        for _ in range(times):
            with pytest.raises(RanvierError):
                await self.ask(tenant)

    async def open_and_cool_down(self, tenant: str = "acme") -> None:
        """Fail once, so that the circuit opens, and wait until its next call is a probe."""
        await self.fail(tenant=tenant)
        assert self.state(tenant) == "open"
        await self.cool_down()

    async def cool_down(self) -> None:
        """Outlast the cooldown, the greatest jitter included."""
        await asyncio.sleep(self.breaker.rules.cooldown * 1.2 + 0.001)

    def state(self, tenant: str = "acme") -> str | None:
        """The state of the circuit."""
        return self.breaker.circuits.state(tenant, "only")

    def circuit(self, tenant: str = "acme") -> CircuitSnapshot:
        """The circuit as it is now."""
        return dict(self.breaker.circuits)[tenant, "only"]


class CircuitsByHand:
    """A breaker's circuits without a pipeline or a loop: a test moves their clock and settles their permits.

    Args:
        listeners: Are told of what happens.
        settings: Of the breaker.
    """

    def __init__(self, *listeners: Callable[[Event], object], **settings: Any) -> None:
        self.now = 0.0
        self.breaker = Breaker(**settings)
        self.circuits = self.breaker.circuits
        self._pipeline = SimpleNamespace(clock=lambda: self.now, events=Events(listeners))
        self._deployment = SimpleNamespace(provider=SimpleNamespace(name="only"), model="m")

    def admit(self, tenant: str = "acme", *, lease: float = 1.0) -> Permit:
        """A permit for one call of `tenant`, or `CircuitOpenError`."""
        call: Any = SimpleNamespace(
            tenant=tenant,
            pipeline=self._pipeline,
            deployment=self._deployment,
            record=Record(),
            access=None,
        )
        self.breaker.probe_lease = lease
        return self.circuits.admit(call, (tenant, "only"), self.breaker)

    def call(self, tenant: str, outcome: Outcome) -> bool:
        """One call that ends so; false if it is refused."""
        try:
            permit = self.admit(tenant)
        except CircuitOpenError:
            return False
        permit.settle(outcome)
        return True

    def state(self, tenant: str = "acme") -> str | None:
        """The state of a circuit."""
        return self.circuits.state(tenant, "only")


def at_once(command: Coroutine[Any, Any, None]) -> None:
    """Carry out an operator's command from where nothing can be awaited."""
    with pytest.raises(StopIteration):
        command.send(None)


def streaming(script: Any, **limits: Any) -> PendingStream:
    """The stream of a pipeline of one provider, within `limits`."""
    return Pipeline(Fallback(ScriptedProvider("only", [script])), Timeout(**limits)).stream("Tell me.")


def time() -> float:
    """Now, on the loop of the test."""
    return asyncio.get_running_loop().time()


async def turns(number: int = 5) -> None:
    """Let the loop turn a few times, without time passing."""
    for _ in range(number):
        await asyncio.sleep(0)


def live_timers() -> list[object]:
    """Timers of the running loop that somebody waits for; a pipeline's counts while it is to ring."""
    live = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    owners = [(handle, getattr(handle._callback, "__self__", None)) for handle in live]
    return [handle for handle, owner in owners if not isinstance(owner, TimerWheel) or len(owner)]
