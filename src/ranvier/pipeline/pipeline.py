"""The pipeline: composes layers once, and carries calls through them to a provider."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextvars import Context
from types import TracebackType
from typing import Any, Self, Unpack

from ranvier import validation
from ranvier.caller import delivered
from ranvier.events import Listener
from ranvier.facts.price import Prices
from ranvier.messages.build import Prompt
from ranvier.messages.request import Options
from ranvier.messages.response import ParsedT, Response
from ranvier.pipeline.asking.allow import Allow, AllowRule
from ranvier.pipeline.asking.new_call import begin_again, new_call
from ranvier.pipeline.blocking.faces import Faces
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.pipeline.credentials.resolver import Resolver
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.reporting.announce import announce_call
from ranvier.pipeline.reporting.call_end import fail, failed, hand_out
from ranvier.pipeline.reporting.complaints import Complaints
from ranvier.pipeline.reporting.context import context_of
from ranvier.pipeline.reporting.emitter import Events
from ranvier.pipeline.running.configured import Configured
from ranvier.pipeline.running.elsewhere import closed_error
from ranvier.pipeline.running.joining import checked_store
from ranvier.pipeline.running.lifecycle import Lifecycle
from ranvier.pipeline.running.shown import Shown
from ranvier.pipeline.running.stack import Stack, shown_by
from ranvier.pipeline.runtime import Work
from ranvier.pipeline.streaming.pending import PendingStream
from ranvier.pipeline.streaming.restarting import OnBreak, RestartingStream, Restarts
from ranvier.remedies import OF_A_PIPELINE, reports_missing_prompt, suggests
from ranvier.store.protocol import Store


class Pipeline(Configured, Faces, Shown):
    """Carries calls through its layers, from the outside in, to a provider.

    Args:
        layers: From the outside in: `Deadline, Fallback, Retry, Breaker, Timeout`.
        credentials: A resolver: a plain or async function of a tenant and a provider's name that returns a
            key, `None` (no key: the target is skipped) or `SHARED` (the provider's own key); or
            `Credentials(...)` with a resolver and settings. Without it, the provider's own key is used.
        listeners: Plain or async functions that receive every event. By default events are logged: see
            `LoggingListener`. Your listeners replace the log; `[LoggingListener(), ...]` keeps it, and `()`
            means none.
        require_tenant: Reject calls without a tenant instead of using the tenant "default".
        allow: A plain function of a call and a deployment that decides whether the call may be sent there: it
            returns true, or else false or the reason, and the target is skipped. See `NotAllowedError`.
        prices: Prices by `"provider/model"`, for `call.estimated_cost`.
        check_order: Reject a stack whose layers are in an order in which they cannot work as documented.
        store: Shares circuits and gates with the other workers of a service: `MemoryStore()`, for example.
            Without it each process learns alone. No call fails because of the store, and only probes wait for
            it, for at most 0.25 seconds.

    Raises:
        ConfigurationError: the stack cannot work; `LayerOrderError` if its order is wrong.

    A pipeline opens on first use, and belongs to that event loop until `aclose()`, or until the loop closes.

    Attributes:
        loop, clock, timers: Its event loop, the loop's clock (`pipeline.clock()` is now, in seconds), and its
            timers.
    """

    layers: tuple[Layer, ...]
    allow: AllowRule | None
    credentials: Credentials
    lifecycle: Lifecycle

    @suggests(**OF_A_PIPELINE)
    def __init__(
        self,
        *layers: Layer,
        credentials: Credentials | Resolver | None = None,
        listeners: Iterable[Listener] | None = None,
        require_tenant: bool = False,
        allow: Allow | None = None,
        prices: Prices | None = None,
        check_order: bool = True,
        store: Store | None = None,
    ) -> None:
        self.stack = Stack(
            layers,
            lifecycle=Lifecycle(checked_store(store)),
            events=Events(listeners if listeners is None else validation.listed("listeners", listeners)),
            complaints=Complaints(),
            credentials=credentials,
            require_tenant=require_tenant,
            allow=allow,
            prices=prices,
            check_order=check_order,
        )
        self.lifecycle.providers = list(self.stack.providers)

    # --- calls -----------------------------------------------------------------------------------

    @reports_missing_prompt
    def complete(
        self,
        prompt: Prompt,
        *,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        hedge: bool | None = None,
        **options: Unpack[Options[ParsedT]],
    ) -> Coroutine[Any, Any, Response[ParsedT]]:
        """The whole answer to `prompt`: `await pipeline.complete("Why?")`.

        Args:
            prompt: A text, a list of messages, or a `Request`.
            to: The target to start at, by provider or `"provider/model"`; `None` means the first.
            tenant: The tenant; `None` means that of the enclosing `with tenant(...)`.
            deadline: Seconds for the whole call, from now; the earliest of all deadlines counts.
            hedge: False never asks two targets at a time; true allows it even for requests with tools that
                the provider runs, or with state that it keeps; `None` follows the route.
            options: `system`, `max_tokens`, `temperature`, `top_p`, `stop`, `tools`, `tool_choice`,
                `schema`, `repair`, `reasoning`, `reasoning_summary`, `seed`, `cache`, `cache_key`,
                `keep_raw`, `extra`: see `ranvier.messages.request.Options`.

        Raises:
            ConfigurationError: invalid arguments, raised at once.
            RanvierError: raised when awaited: see `ranvier.errors`. It carries `attempts`.
        """
        if deadline is not None:
            validation.seconds("deadline", deadline)
        return self._carry(new_call(self.stack, prompt, to, tenant, options, hedge=hedge), deadline)

    @reports_missing_prompt
    def stream(
        self,
        prompt: Prompt,
        *,
        to: str | None = None,
        tenant: str | None = None,
        deadline: float | None = None,
        hedge: bool | None = None,
        on_break: OnBreak = "raise",
        **options: Unpack[Options[ParsedT]],
    ) -> PendingStream[ParsedT]:
        """The answer as events: `async with pipeline.stream("Why?") as answer: async for event in answer`.

        It takes the arguments of `complete`. Entering it waits for the first content, and fails as `complete`
        does; if the stream breaks after that, the `async for` raises a `StreamInterruptedError`.

        With `on_break="restart"`, a stream that breaks continues with an event `restarted` (discard what you
        have shown) and the whole answer of another attempt or target, unless you have received a complete
        tool call. `"restart_after_tools"` restarts even then: your tools must be safe to call twice.
        """
        validation.choice("on_break", on_break, ("raise", "restart", "restart_after_tools"))
        if deadline is not None:
            validation.seconds("deadline", deadline)
        call = new_call(self.stack, prompt, to, tenant, options, hedge=hedge, streaming=True)
        if on_break == "raise":
            return PendingStream(lambda: self._carry(call.afresh(), deadline))
        return PendingStream(lambda: self._restarting(call.afresh(), deadline, on_break))

    async def _restarting(
        self, call: Call, deadline: float | None, on_break: OnBreak
    ) -> RestartingStream[Any]:
        if call.pipeline is not self.stack:
            begin_again(call, self.stack)
        restarts = Restarts(call, self.lifecycle, self.stack.handle)
        stream = await self._carry(call, deadline, restarts)
        return RestartingStream(stream, restarts, on_break == "restart_after_tools")

    # --- carrying --------------------------------------------------------------------------------

    async def _carry(self, call: Call, seconds: float | None, restarts: Restarts | None = None) -> Any:
        record, lifecycle = call.record, self.stack.lifecycle
        task = lifecycle.enter(record) or await lifecycle.enter_late(self.stack, record)
        cancelling = delivered(task)
        try:
            stack = self.stack
            if call.pipeline is not stack:
                begin_again(call, stack)  # the stack was reloaded after the call was created
            if call.streaming or stack.events.in_context:
                record.context = context_of(call.tenant)
            clock = stack.clock
            record.started_at = clock()
            own = None if stack.timed_by is None else stack.timed_by.seconds
            if own is not None and (seconds is None or own < seconds):
                seconds = own
            if seconds is not None and (call.deadline is None or record.started_at + seconds < call.deadline):
                call.deadline = record.started_at + seconds
            answer = await stack.handle(call)
            record.ended = clock()
            if call.streaming:
                ended = None if restarts is None else restarts.stream_ended
                hand_out(call, answer, lifecycle, task, ended)
            else:
                record.outcome = "succeeded"
                answer.attempts = record.attempts
                answer.record = record
                if stack.events.verbose:
                    announce_call(call)
                record.context = None
            return answer
        except asyncio.CancelledError as cancelled:
            if record.cut_off and task.cancelling() - 1 <= cancelling:
                raise failed(call, closed_error()) from None
            failed(call, cancelled)
            raise
        except BaseException as error:
            fail(call, error)
            raise
        finally:
            lifecycle.leave(record)

    _carry.__qualname__ = "Pipeline.complete"  # Python shows it if `await` was forgotten

    # --- opening and closing ---------------------------------------------------------------------

    async def aclose(self, drain: float = 0.0) -> None:
        """Reject new calls, let calls and streams in flight continue for `drain` seconds, then close.

        After that, calls in flight raise a `ConfigurationError`, and reads of streams raise a
        `StreamInterruptedError`. Closing takes at most `drain` + 10 seconds; tasks that ignore their
        cancellation are logged and left running.
        """
        validation.seconds("drain", drain)
        await self.lifecycle.close(self.stack, drain)

    async def __aenter__(self) -> Self:
        self.lifecycle.renew()
        await self.lifecycle.open(self.stack)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def in_background(
        self, work: Work, context: Context | None = None, name: str = "work", *, cut_off: bool = False
    ) -> asyncio.Task[None]:
        """Run `work` in a background task: see `Runtime.in_background`."""
        return self.lifecycle.in_background(work, context, name, cut_off=cut_off)


shown_by(Pipeline)
