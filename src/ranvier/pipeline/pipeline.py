"""The pipeline: layers, composed once, around whoever answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, Unpack

from ranvier import checks
from ranvier.caller import delivered
from ranvier.clock import Clock, current_deadline, now
from ranvier.errors import ConfigurationError
from ranvier.messages.response import ParsedT, Response
from ranvier.pipeline.attempt import attempt
from ranvier.pipeline.call import UNLIMITED, Call
from ranvier.pipeline.call_end import fail, failed, hand_out
from ranvier.pipeline.call_events import tell_call
from ranvier.pipeline.chain import chained
from ranvier.pipeline.context import context_of
from ranvier.pipeline.credentials import Credentials
from ranvier.pipeline.deployment import distinct_providers
from ranvier.pipeline.elsewhere import closed
from ranvier.pipeline.events import Events, Listener
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.lifecycle import Lifecycle
from ranvier.pipeline.order import check_stack
from ranvier.pipeline.pending import PendingStream
from ranvier.pipeline.prompt import Options, Prompt, build_request
from ranvier.pipeline.record import Record
from ranvier.pipeline.resolver import Resolver
from ranvier.pipeline.timers import Timers
from ranvier.remedies import OF_A_PIPELINE, suggests
from ranvier.tenancy import DEFAULT_TENANT, current_tenant

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment


class _Timed(Protocol):
    seconds: float | None


class Pipeline:
    """Carries calls through its layers, from the outside in, to a provider.

    Args:
        layers: From the outside in: `Deadline, Fallback, Retry, Breaker, Timeout`.
        credentials: Whose key is used where: a plain or async `(tenant, provider) -> key`, `None`
            (no key: the target is skipped) or `SHARED` (ours), or `Credentials(...)` with one and its
            settings. Without it, ours is used.
        listeners: Plain or async functions that are told of every event.
        require_tenant: Refuse a call without a tenant instead of taking "default".
        check_order: Refuse layers in an order in which they do not do what they say.

    Raises:
        ConfigurationError: a stack that cannot work; `LayerOrderError` where its order is to blame.

    It opens on first use and then belongs to that event loop until `aclose()`, or until that loop is closed.

    Attributes:
        loop, clock, timers: That loop, its clock (`pipeline.clock()` is now, in seconds), and its timers.
        timed_by, limits: Who says how long a call may take, and the limits of its attempts: a layer that says
            the same of every call may say it here, as it joins, so that no call has to be derived for it.
    """

    loop: asyncio.AbstractEventLoop
    clock: Clock
    timers: Timers

    @suggests(**OF_A_PIPELINE)
    def __init__(
        self,
        *layers: Layer,
        credentials: Credentials | Resolver | None = None,
        listeners: Iterable[Listener] = (),
        require_tenant: bool = False,
        check_order: bool = True,
    ) -> None:
        check_stack(layers, order=check_order)
        self.layers = layers
        self.credentials = credentials if isinstance(credentials, Credentials) else Credentials(credentials)
        self.events = Events(checks.listed("listeners", listeners))
        deployments = [deployment for layer in layers for deployment in layer.deployments()]
        self.lifecycle = Lifecycle(distinct_providers(deployments))
        self._require_tenant = require_tenant
        self.timed_by: _Timed | None = None
        self.limits = UNLIMITED
        self._circuit = "closed" if any(hasattr(layer, "circuits") for layer in layers) else None
        self._handle = chained(layers, attempt)
        for layer in layers:
            layer.join(self)

    # --- asking ----------------------------------------------------------------------------------

    def complete(
        self,
        prompt: Prompt,
        *,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        **options: Unpack[Options[ParsedT]],
    ) -> Coroutine[Any, Any, Response[ParsedT]]:
        """The whole answer to `prompt`: `await pipeline.complete("Why?")`.

        Args:
            prompt: A text, a list of messages, or a `Request`.
            to: The target to start at, by provider or `"provider/model"`; `None` is the first.
            tenant: On whose behalf; `None` is the tenant of the enclosing `with tenant(...)`.
            deadline: Seconds for the whole call, from now; the earliest of all deadlines counts.
            options: `system`, `max_tokens`, `temperature`, `top_p`, `stop`, `tools`, `tool_choice`,
                `schema`, `repair`, `extra`: see `ranvier.pipeline.prompt.Options`.

        Raises:
            ConfigurationError: bad input, at once.
            RanvierError: when it is awaited: see `ranvier.errors`. It carries `attempts`.
        """
        if deadline is not None:
            checks.seconds("deadline", deadline)
        return self._carry(self._call(prompt, to, tenant, options, False), deadline)

    def stream(
        self,
        prompt: Prompt,
        *,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        **options: Unpack[Options[ParsedT]],
    ) -> PendingStream[ParsedT]:
        """The answer step by step: `async with pipeline.stream("Why?") as answer: async for event in answer`.

        Takes what `complete` takes. Entering it waits for the first content, and fails as `complete`
        does; what breaks it after that is a `StreamInterruptedError` out of the `async for`.
        """
        if deadline is not None:
            checks.seconds("deadline", deadline)
        call = self._call(prompt, to, tenant, options, True)
        return PendingStream(lambda: self._carry(call.afresh(), deadline))

    def _call(
        self, prompt: Prompt, to: str | None, tenant: str | None, options: Options[Any], streaming: bool
    ) -> Call:
        if self.lifecycle.state != "open":
            self.lifecycle.refuse_if_closed()
        tenant = current_tenant() if tenant is None else checks.identifier("tenant", tenant)
        if tenant is None:
            if self._require_tenant:
                raise ConfigurationError(
                    "tenant=None: this pipeline requires one, by `with tenant(...)` or tenant=..."
                )
            tenant = DEFAULT_TENANT
        if to is not None:
            for layer in self.layers:
                layer.check_start(to)
        request = build_request(prompt, options)
        limit = current_deadline()
        return Call(request, tenant, self, Record(), to, streaming, limit, self._circuit, self.limits)

    # --- carrying --------------------------------------------------------------------------------

    async def _carry(self, call: Call, seconds: float | None) -> Any:
        record, lifecycle = call.record, self.lifecycle
        task = lifecycle.enter(record) or await lifecycle.enter_late(self, record)
        cancelling = delivered(task)
        try:
            if call.streaming or self.events.listeners:
                record.context = context_of(call.tenant)
            record.began = self.clock()
            own = None if self.timed_by is None else self.timed_by.seconds
            if own is not None and (seconds is None or own < seconds):
                seconds = own
            if seconds is not None and (call.deadline is None or record.began + seconds < call.deadline):
                call.deadline = record.began + seconds
            answer = await self._handle(call)
            record.ended = self.clock()
            if call.streaming:
                hand_out(call, answer, task)
            else:
                record.outcome = "succeeded"
                answer.attempts = record.attempts
                answer.record = record
                if self.events.attentive:
                    tell_call(call)
                record.context = None
            return answer
        except asyncio.CancelledError as cancelled:
            if record.cut_off and task.cancelling() - 1 <= cancelling:
                raise failed(call, closed()) from None
            failed(call, cancelled)
            raise
        except BaseException as error:
            fail(call, error)
            raise
        finally:
            lifecycle.leave(record)

    _carry.__qualname__ = "Pipeline.complete"  # which Python names where its `await` was forgotten

    # --- opening and closing ---------------------------------------------------------------------

    async def aclose(self, drain: float = 0.0) -> None:
        """Refuse new calls, let running calls and streams go on for `drain` seconds, then close.

        What is left by then ends with a `ConfigurationError`, a read with a `StreamInterruptedError`.
        This takes `drain` + 10 seconds at most; what ignores its cancellation is logged, and left behind.
        """
        checks.seconds("drain", drain)
        await self.lifecycle.close(self, drain)

    async def __aenter__(self) -> Self:
        self.lifecycle.renew()
        await self.lifecycle.open(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- looking ---------------------------------------------------------------------------------

    @property
    def circuits(self) -> Any:
        """The circuits of the stack's breaker, by (tenant, provider).

        Raises:
            ConfigurationError: the stack has no breaker.
        """
        for layer in self.layers:
            if hasattr(layer, "circuits"):
                return layer.circuits
        raise ConfigurationError("this pipeline has no circuits: add a Breaker() between Retry and Timeout")

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The longest that the stack lets one attempt at `deployment` take; `None` is without limit."""
        bounds = [layer.attempt_seconds(deployment) for layer in self.layers]
        return min((bound for bound in bounds if bound is not None), default=None)

    def __str__(self) -> str:
        calls, streams = self.lifecycle.under_way
        lines = [f"Pipeline ({self.lifecycle.state}, {calls} calls and {streams} streams under way)"]
        for layer in self.layers:
            lines.append(f"  {layer.place.name:<8} {layer!r}")
            lines.extend(f"           {line}" for line in layer.status(now()))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(map(repr, self.layers))})"


for _method in (Pipeline.complete, Pipeline.stream):
    _method.__defaults__ = (None,)  # a call without a prompt is told what to write, `messages=[...]` too
