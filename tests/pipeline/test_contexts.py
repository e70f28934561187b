"""Every piece of foreign code runs in the context of its own call, whoever calls it."""

import asyncio
import contextvars
import gc
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ranvier import (
    ConnectionFailedError,
    Layer,
    Pipeline,
    RateLimitError,
    Response,
    ServerError,
    current_tenant,
    deadline,
    tenant,
)
from ranvier.clock import current_deadline
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle
from ranvier.messages import StreamEvent
from ranvier.testing import ScriptedProvider, broken, stall, stream

REQUEST: contextvars.ContextVar[str | None] = contextvars.ContextVar("request", default=None)

Seen = tuple[str, str | None, str | None, float | None]
"""The tenant that an event is about; the tenant, request and deadline of the context it was told in."""


class Listening:
    """A plain and an async listener that note in which context they are told."""

    def __init__(self, pipeline: Pipeline, *, verbose: bool = True) -> None:
        self.plain: list[Seen] = []
        self.slow: list[Seen] = []
        pipeline.events.add(self._hear, verbose=verbose)
        pipeline.events.add(self._hear_slowly, verbose=verbose)

    def _hear(self, event: Any) -> None:
        self.plain.append((event.tenant, current_tenant(), REQUEST.get(), current_deadline()))

    async def _hear_slowly(self, event: Any) -> None:
        await asyncio.sleep(0.001)
        self.slow.append((event.tenant, current_tenant(), REQUEST.get(), current_deadline()))

    def check(self, *tenants: str) -> None:
        """Each event was told in the context of its call, without a deadline, and to both alike."""
        assert self.plain == self.slow
        assert {seen[0] for seen in self.plain} == set(tenants)
        for about, acting, request, limit in self.plain:
            assert (acting, request, limit) == (about, f"request of {about}", None)


class Closing(ScriptedProvider):
    """Notes in which context its streams are cleaned up."""

    def __init__(self, name: str, script: Any) -> None:
        super().__init__(name, script)
        self.cleaned: list[tuple[str, str | None, str | None]] = []

    async def stream(self, call: Any) -> AsyncGenerator[StreamEvent, None]:
        events = super().stream(call)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()
            self.cleaned.append((call.tenant, current_tenant(), REQUEST.get()))

    def check(self, *tenants: str) -> None:
        """Each stream was cleaned up in the context of its call."""
        assert sorted(self.cleaned) == [(name, name, f"request of {name}") for name in tenants]


async def acting_as(name: str, work: Any) -> Any:
    """Await what `work()` returns as a request of that tenant, in a task of its own."""

    async def request() -> Any:
        REQUEST.set(f"request of {name}")
        with tenant(name):
            return await work()

    return await asyncio.create_task(request())


async def test_listeners_hear_of_a_call_in_its_own_context() -> None:
    """Several tenants at once: each sees its tenant and request, and no deadline."""
    replies = {name: [broken(), "ok"] for name in ("acme", "globex", "initech")}
    provider = ScriptedProvider("one", lambda call: replies[call.tenant].pop(0))  # type: ignore[arg-type, return-value]
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=0.001), Breaker())
    listening = Listening(pipeline)

    async def ask() -> None:
        with deadline(60):
            await pipeline.complete("Why?")

    await asyncio.gather(*(acting_as(name, ask) for name in replies))
    await pipeline.events.drain()
    listening.check("acme", "globex", "initech")
    await pipeline.aclose()


async def test_a_listener_acts_for_the_tenant_that_the_call_names() -> None:
    """`tenant=` counts as well as `with tenant(...)`: a call of the listener is made with the right key."""
    provider = ScriptedProvider("one", lambda call: ServerError("down", provider="one"))
    pipeline = Pipeline(Fallback(provider), Retry(max_retries=1, base_delay=0))
    listening = Listening(pipeline)

    async def ask() -> None:
        with pytest.raises(ServerError):
            await pipeline.complete("Why?", tenant="globex")

    REQUEST.set("request of globex")
    with tenant("acme"):
        await ask()
    await pipeline.events.drain()
    listening.check("globex")
    await pipeline.aclose()


async def test_a_call_of_nobody_is_told_of_as_nobody() -> None:
    """No tenant is set where the caller has set none."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    listening = Listening(pipeline)
    await pipeline.complete("Why?")
    await pipeline.events.drain()
    assert {seen[:2] for seen in listening.plain} == {("default", None)}
    await pipeline.aclose()


async def test_a_stream_that_another_task_reads_is_told_of_in_the_context_of_its_call() -> None:
    """Its reader may be a worker that serves everybody."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stream("a", broken())])), Breaker())
    listening = Listening(pipeline)
    answer = await acting_as("acme", lambda: pipeline.stream("Why?"))

    async def read() -> None:
        with pytest.raises(Exception, match="broke"):
            await answer.collect()

    await acting_as("globex", read)
    await pipeline.events.drain()
    listening.check("acme")
    await pipeline.aclose()


@pytest.mark.virtual_time
async def test_a_deadline_that_passes_while_nobody_reads_is_met_in_the_context_of_its_call() -> None:
    """One timer rings for everybody: what it tells, and the cleanup that it begins, are of the right call."""
    provider = Closing("one", lambda call: stream("a", stall()))
    pipeline = Pipeline(Deadline(10), Fallback(provider), Breaker())
    listening = Listening(pipeline)
    held = [await acting_as(name, lambda: pipeline.stream("Why?")) for name in ("acme", "globex")]
    await asyncio.sleep(11)
    await pipeline.events.drain()
    listening.check("acme", "globex")
    provider.check("acme", "globex")
    del held
    await pipeline.aclose()


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_a_dropped_stream_is_settled_and_cleaned_up_in_the_context_of_its_call() -> None:
    """Whoever's task the garbage collector happens to run in, in a cycle or not."""
    provider = Closing("one", lambda call: stream("a", stall()))
    pipeline = Pipeline(Fallback(provider), Breaker())
    listening = Listening(pipeline)

    async def drop(*, in_a_cycle: bool) -> None:
        session: dict[str, Any] = {}
        if in_a_cycle:
            session["itself"] = session
        name = "globex" if in_a_cycle else "acme"
        session["stream"] = await acting_as(name, lambda: pipeline.stream("Why?"))

    async def somebody_else() -> None:
        await drop(in_a_cycle=False)
        await drop(in_a_cycle=True)
        gc.collect()
        await asyncio.sleep(0.01)

    await acting_as("initech", somebody_else)
    await pipeline.events.drain()
    listening.check("acme", "globex")
    provider.check("acme", "globex")
    await pipeline.aclose()


async def test_a_stream_that_a_layer_loses_is_given_up_in_the_context_of_its_call() -> None:
    """The call has ended by then; what another layer does at the end of the stream runs there, too."""
    ends: list[Any] = []

    class Losing(Layer):
        async def handle(self, call: Any, inner: Any) -> Any:
            answer = await inner(call)
            answer.on_end(lambda outcome: ends.append((current_tenant(), REQUEST.get())))
            return Response("from a cache")

    provider = Closing("one", lambda call: stream("a", stall()))
    pipeline = Pipeline(Losing(), Fallback(provider), Breaker())
    listening = Listening(pipeline)

    async def ask() -> None:
        await (await pipeline.stream("Why?")).collect()

    await acting_as("acme", ask)

    async def collect() -> None:
        gc.collect()
        await asyncio.sleep(0.01)

    await acting_as("globex", collect)
    await pipeline.events.drain()
    assert ends == [("acme", "request of acme")]
    listening.check("acme")
    provider.check("acme")
    await pipeline.aclose()


async def test_a_pipeline_that_closes_ends_each_stream_in_the_context_of_its_call() -> None:
    """Also one that is being read."""
    provider = Closing("one", lambda call: stream("a", stall()))
    pipeline = Pipeline(Fallback(provider), Breaker())
    listening = Listening(pipeline)
    held = await acting_as("acme", lambda: pipeline.stream("Why?"))
    read = await acting_as("globex", lambda: pipeline.stream("Why?"))
    reading = asyncio.create_task(acting_as("globex", read.collect))
    await asyncio.sleep(0.01)
    await acting_as("operator", pipeline.aclose)
    await asyncio.wait([reading])
    assert reading.exception() is not None
    listening.check("acme", "globex")
    provider.check("acme", "globex")
    del held


async def test_a_gate_that_opens_wakes_each_call_in_its_own_context() -> None:
    """The timer of a gate is set by one call for all of them."""
    replies: list[Any] = [RateLimitError("slow down", provider="one", retry_after=0.02)]
    provider = ScriptedProvider("one", lambda call: replies.pop() if replies else "ok")
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=0), Throttle())
    listening = Listening(pipeline)
    names = ("acme", "globex", "initech")
    await asyncio.gather(*(acting_as(name, lambda: pipeline.complete("Why?")) for name in names))
    await pipeline.events.drain()
    listening.check(*names)
    await pipeline.aclose()


async def test_what_an_event_causes_is_told_in_the_context_of_its_own_call() -> None:
    """An event that waits for the delivery of another brings its own context."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [broken()])), Breaker(failure_threshold=1))
    listening = Listening(pipeline, verbose=False)
    closing: list[Any] = []

    async def heal(event: Any) -> None:
        closing.append(current_tenant())
        await pipeline.circuits.reset(event.tenant, event.provider)

    pipeline.events.add(heal)
    with pytest.raises(ConnectionFailedError):
        await acting_as("acme", lambda: pipeline.complete("Why?"))
    await pipeline.events.drain()
    listening.check("acme")
    assert closing[0] == "acme"
    await pipeline.aclose()


async def test_a_listener_keeps_what_it_sets_to_itself() -> None:
    """Neither the caller nor another call sees a variable that a listener has set."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    pipeline.events.add(lambda event: REQUEST.set("of the listener"), verbose=True)
    REQUEST.set("of the caller")
    await pipeline.complete("Why?")
    assert REQUEST.get() == "of the caller"
    await pipeline.aclose()


async def test_the_record_of_a_call_that_has_ended_keeps_no_context() -> None:
    """An answer may be kept for long, and a context holds what a request has opened."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", ["ok", stream("a"), broken()])))
    pipeline.events.add(lambda event: None, verbose=True)
    whole = await pipeline.complete("Why?")
    streamed = await (await pipeline.stream("Why?")).collect()
    with pytest.raises(ConnectionFailedError) as failed:
        await pipeline.complete("Why?")
    for record in (whole.record, streamed.record, failed.value.record):  # type: ignore[attr-defined]
        assert record is not None
        assert record.context is None
    await pipeline.aclose()
