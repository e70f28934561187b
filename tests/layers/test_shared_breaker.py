"""Shared circuits in a pipeline: who votes, who is rejected, and what operators and users are told."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ranvier import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    Pipeline,
    RateLimitError,
    RejectedError,
    ServerError,
    SharedCircuitOpenError,
)
from ranvier.events import CallRejected, Event, SharedCircuitChanged
from ranvier.layers import Breaker, Fallback, Retry, SharedCircuits, Timeout
from ranvier.layers.breaker.shared.registry import SharedCircuitRegistry
from ranvier.pipeline import Call, Deployment, Layer, Place
from ranvier.pipeline.call import Watch
from ranvier.pipeline.reporting import recorder
from ranvier.testing import ScriptedProvider, VirtualTimeLoop, after, assert_settled, cut, stall, stream

pytestmark = pytest.mark.virtual_time

DOWN = ServerError("internal error", provider="p", status=500)
UNREACHABLE = ConnectionFailedError("refused", provider="p")
REFUSALS = [
    AuthenticationError("no", provider="p", status=401),
    RateLimitError("slow down", provider="p", status=429),
    InvalidRequestError("no", provider="p", status=400),
]
TENANTS = [f"tenant {number}" for number in range(5)]


class Direct(Layer):
    """A route to one target, which it does not ask when it is rejected."""

    place = Place.ROUTE

    def __init__(self, provider: Any) -> None:
        self.target = Deployment(provider)

    def deployments(self) -> Any:
        return [self.target]

    async def handle(self, call: Call, inner: Any) -> Any:
        directed = call.to(self.target)
        directed.watch = Watch()
        try:
            return await inner(directed)
        except RejectedError as error:
            recorder.skipped(directed, error)
            raise


class OwnKeys(Layer):
    """Tenants whose names begin with `own` have keys of their own; some calls are the last of their route."""

    place = Place.RETRY

    async def handle(self, call: Call, inner: Any) -> Any:
        directed = call.within(call.limits)
        directed.tenants_key = call.tenant.startswith("own")
        if call.tenant.startswith("last"):
            directed.watch = Watch()
            directed.watch.last_target = True
        if call.tenant.startswith("unhedged"):
            directed.hedge = False
        return await inner(directed)


class Scene:
    """One provider that answers by `reply`, and the calls of tenants to it."""

    def __init__(self, reply: Any = DOWN, *, outer: Any = (), inner: Any = (), **rules: Any) -> None:
        self.reply = reply
        self.events: list[Event] = []
        self.provider = ScriptedProvider("p", lambda call: self.reply, model="m")
        self.breaker = Breaker(failure_threshold=1000, shared=SharedCircuits(**rules))
        self.pipeline = Pipeline(
            Direct(self.provider), OwnKeys(), *outer, self.breaker, *inner, listeners=[self.events.append]
        )

    @property
    def shared(self) -> SharedCircuitRegistry:
        assert self.breaker.circuits.shared is not None
        return self.breaker.circuits.shared

    async def ask(self, *tenants: str, streaming: bool = False, deadline: float | None = None) -> list[str]:
        """The outcomes of one call of each tenant, one after the other."""
        return [await self._ask(tenant, streaming, deadline) for tenant in tenants]

    async def _ask(self, tenant: str, streaming: bool, deadline: float | None) -> str:
        try:
            if streaming:
                async with self.pipeline.stream("Why?", tenant=tenant, deadline=deadline) as answer:
                    await answer.collect()
            else:
                await self.pipeline.complete("Why?", tenant=tenant, deadline=deadline)
        except Exception as error:
            return str(getattr(error, "kind", error))
        return "ok"

    async def open(self) -> None:
        await self.ask(*TENANTS)
        assert self.state() == "open"

    def state(self, model: str | None = "m", *, tenants_keys: bool = False) -> str | None:
        return self.shared.state("p", model, tenants_keys=tenants_keys)

    def votes(self, model: str | None = "m") -> tuple[int, int]:
        return next((seen.failing, seen.active) for seen in self.shared if seen.model == model)

    def changes(self) -> Iterator[tuple[str, str]]:
        return ((each.before, each.after) for each in self.events if isinstance(each, SharedCircuitChanged))


# --- who votes ---------------------------------------------------------------------------------------


async def test_five_tenants_whose_calls_fail_open_the_circuit_for_all() -> None:
    """The sixth is rejected at its first call, although its own circuit has never seen a failure."""
    scene = Scene()
    assert await scene.ask(*TENANTS, "new") == ["server_error"] * 5 + ["shared_circuit_open"]
    assert len(scene.provider.calls) == 5
    assert (scene.state("m"), scene.state(None)) == ("open", "closed")


async def test_one_tenant_opens_nothing() -> None:
    """However often it fails."""
    scene = Scene()
    await scene.ask(*["loud"] * 200)
    assert scene.state() == "closed"
    assert scene.votes() == (1, 1)


async def test_the_endpoint_has_a_circuit_of_its_own() -> None:
    """Without a connection no model can be reached: its other models are rejected as well."""
    replies: dict[str, Any] = {"a": UNREACHABLE, "b": "ok"}
    provider = ScriptedProvider("p", lambda call: replies[call.deployment.model])
    breaker = Breaker(failure_threshold=1000, shared=SharedCircuits())
    pipeline = Pipeline(Fallback(Deployment(provider, "b"), Deployment(provider, "a")), breaker)
    for tenant in TENANTS:
        await pipeline.complete("Why?", tenant=tenant, to="p/b")
        with pytest.raises(ConnectionFailedError):
            await pipeline.complete("Why?", tenant=tenant, to="p/a")
    states = {each.target: each.state for each in breaker.circuits.shared or ()}
    assert states == {"p/a": "closed", "p/b": "closed", "p": "closed"}  # half of their calls had content
    for tenant in TENANTS:
        await asyncio.gather(pipeline.complete("Why?", tenant=tenant, to="p/a"), return_exceptions=True)
    states = {each.target: each.state for each in breaker.circuits.shared or ()}
    assert states == {"p/a": "closed", "p/b": "closed", "p": "open"}
    answer = await pipeline.complete("Why?", tenant="new", to="p/b")  # nothing else is left to ask
    assert [skip.target for skip in answer.story.skips] == ["p/b", "p/a"]
    assert {skip.reason for skip in answer.story.skips} == {"shared_circuit_open"}
    assert (await pipeline.complete("Why?", tenant=TENANTS[0], to="p/b")).text == "ok"  # it is well there


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_says_nothing_about_the_model_and_proves_the_endpoint(refusal: Exception) -> None:
    """A rejected key, a rate limit, an invalid request."""
    scene = Scene(refusal)
    await scene.ask(*TENANTS * 3)
    assert (scene.votes("m"), scene.votes(None)) == ((0, 0), (0, 5))
    scene.reply = UNREACHABLE
    await scene.ask(*TENANTS * 4)
    assert scene.state(None) == "open"
    await asyncio.sleep(12.1)
    scene.reply = refusal
    await scene.ask("new")
    assert scene.state(None) == "closed"


async def test_electorates_are_apart() -> None:
    """Calls with our key never reject a tenant with a key of its own, and the other way round."""
    scene = Scene()
    await scene.ask(*TENANTS, *(f"own {tenant}" for tenant in TENANTS[:4]))
    assert (scene.state(), scene.state(tenants_keys=True)) == ("open", "closed")
    assert await scene.ask("new", "own new") == ["shared_circuit_open", "server_error"]
    assert scene.state(tenants_keys=True) == "open"


async def test_who_gives_up_votes_nothing() -> None:
    """Cancelled by its caller, or out of its own time."""
    scene = Scene(stall(), inner=[Timeout(first_token=20)])
    assert await scene.ask(*TENANTS, deadline=5.0) == ["deadline_exceeded"] * 5
    for tenant in TENANTS:
        task = asyncio.create_task(scene.pipeline.complete("Why?", tenant=tenant))
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert scene.votes() == (0, 0)
    assert await scene.ask(*TENANTS) == ["timeout"] * 5
    assert scene.votes() == (5, 5)


async def test_a_stream_that_breaks_is_a_failure() -> None:
    """Its first content is taken back: it is one call, and it failed."""
    scene = Scene(stream("one", cut()))
    await scene.ask(*TENANTS, streaming=True)
    assert scene.votes() == (5, 5)
    assert scene.state() == "open"


async def test_content_of_a_stream_counts_before_its_end() -> None:
    """As soon as it is there."""
    scene = Scene(stream("one", after(60, "two")))
    async with scene.pipeline.stream("Why?", tenant="acme"):
        assert scene.votes() == (0, 1)


# --- silences ----------------------------------------------------------------------------------------


class Watched(Layer):
    """Gives each call a watch, as a route that hedges does."""

    place = Place.RETRY

    def __init__(self) -> None:
        self.given: dict[str, Leaving] = {}

    async def handle(self, call: Call, inner: Any) -> Any:
        watched = call.within(call.limits)
        watched.watch = self.given[call.tenant] = Leaving()
        return await inner(watched)


class Leaving(Watch):
    """A watch that notes when it is to leave."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[float] = []

    def leave(self, after: float = 0.0) -> None:
        self.left.append(after)

    def hang(self) -> None:
        for observer in self.observers:
            observer.silent()

    def begin(self) -> None:
        for observer in self.observers:
            observer.content()


class SilentScene(Scene):
    """Calls that wait for content until the test says otherwise."""

    def __init__(self, **rules: Any) -> None:
        self.watched = Watched()
        super().__init__(stall(), outer=[self.watched], inner=[Timeout(first_token=100)], **rules)
        self.tasks: dict[str, asyncio.Task[Any]] = {}

    async def start(self, *tenants: str) -> None:
        for tenant in tenants:
            self.tasks[tenant] = asyncio.create_task(self.pipeline.complete("Why?", tenant=tenant))
            await asyncio.sleep(0.1)

    def hang(self, *tenants: str) -> None:
        for tenant in tenants:
            self.watched.given[tenant].hang()

    async def end(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_a_silence_votes_while_it_waits_and_once() -> None:
    """When the attempt times out it is still one failure."""
    scene = SilentScene()
    await scene.start("a")
    await asyncio.sleep(20)
    scene.hang("a", "a")
    assert scene.votes() == (1, 1)
    await asyncio.sleep(90)
    assert scene.votes() == (1, 1)
    scene.shared.ours["p/m"].content("a", 0.0, asyncio.get_running_loop().time())
    assert scene.votes() == (0, 1)  # one content for one failure
    await scene.end()


async def test_content_takes_a_silence_back() -> None:
    """Late is not silent."""
    scene = SilentScene()
    await scene.start("a")
    scene.hang("a")
    scene.watched.given["a"].begin()
    assert scene.votes() == (0, 1)
    scene.hang("a")
    assert scene.votes() == (0, 1)
    await scene.end()


async def test_a_silence_that_is_overtaken_counts_nothing() -> None:
    """By the content of another tenant, whose attempt began later."""
    scene = SilentScene()
    await scene.start("a", "b", "c")
    scene.hang("a", "c")
    assert scene.votes() == (2, 2)
    scene.watched.given["b"].begin()
    assert scene.votes() == (1, 2)
    scene.hang("a")
    assert scene.votes() == (1, 2)
    await scene.end()


async def test_who_gives_up_after_its_silence_has_voted() -> None:
    """It waited past the hang threshold: that is known, whatever its caller does."""
    scene = SilentScene()
    await scene.start("a")
    scene.hang("a")
    await scene.end()
    assert scene.votes() == (1, 1)


async def test_those_who_wait_are_rescued_when_it_opens() -> None:
    """Spread over a second, and each once; those that wait with keys of their own are not."""
    scene = SilentScene()
    await scene.start(*TENANTS, "b", "own c")
    scene.hang(*TENANTS)
    assert scene.state() == "open"
    left = {tenant: watch.left for tenant, watch in scene.watched.given.items()}
    assert all(len(times) == (tenant != "own c") for tenant, times in left.items())
    assert all(0 <= time <= 1 for times in left.values() for time in times)
    assert len({tuple(times) for times in left.values()}) > 4
    await scene.end()


# --- probes ------------------------------------------------------------------------------------------


async def test_it_closes_with_the_first_content_of_a_probe() -> None:
    """Ten to twelve seconds after it opened; a probe that fails leaves it open for twenty more."""
    scene = Scene()
    await scene.open()
    assert await scene.ask("new") == ["shared_circuit_open"]
    await asyncio.sleep(12.1)
    assert await scene.ask("new", "new") == ["server_error", "shared_circuit_open"]
    await asyncio.sleep(24.1)
    scene.reply = "ok"
    assert await scene.ask("new", "other") == ["ok", "ok"]
    assert list(scene.changes()) == [
        ("closed", "open"),
        ("open", "half_open"),
        ("half_open", "open"),
        ("open", "half_open"),
        ("half_open", "closed"),
    ]


async def test_a_probe_that_is_cancelled_leaves_its_place() -> None:
    """And says nothing."""
    scene = Scene(max_probes=1)
    await scene.open()
    await asyncio.sleep(12.1)
    scene.reply = stall()
    task = asyncio.create_task(scene.pipeline.complete("Why?", tenant="a"))
    await asyncio.sleep(25)
    assert scene.state() == "half_open"
    assert await scene.ask("b") == ["shared_circuit_open"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert scene.state() == "open"
    scene.reply = "ok"
    assert await scene.ask("b") == ["ok"]
    assert scene.state() == "closed"


class NoLimits(Layer):
    """A layer whose limits cannot be read at times."""

    place = Place.ATTEMPT
    broken = False

    def limits_at(self, deployment: Deployment | None) -> Any:
        if self.broken:
            raise ValueError("no limits now")
        return super().limits_at(deployment)


async def test_a_probe_whose_time_cannot_be_estimated_takes_no_permit() -> None:
    """A layer that raises fails the call, and nothing of the tenant's circuit is kept."""
    layer = NoLimits()
    scene = Scene(inner=[layer])
    await scene.open()
    await asyncio.sleep(12.1)
    scene.reply, layer.broken = "ok", True
    assert await scene.ask("a") == ["no limits now"]
    assert_settled(scene.pipeline)
    layer.broken = False
    assert await scene.ask("a") == ["ok"]


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit])
def test_a_listener_that_ends_the_program_keeps_no_probe(ends: type[BaseException]) -> None:
    """The event loop may be run again afterwards, for example in a notebook."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        scene, armed = Scene(max_probes=1), True

        def end(event: Event) -> None:
            nonlocal armed
            if armed and isinstance(event, SharedCircuitChanged) and event.after == "half_open":
                armed = False
                raise ends

        scene.pipeline.events.add(end)
        runner.run(scene.open())
        runner.run(asyncio.sleep(12.1))
        scene.reply = "ok"
        with pytest.raises(ends):
            runner.run(scene.ask("a"))
        assert_settled(scene.pipeline)
        runner.run(asyncio.sleep(25))
        assert runner.run(scene.ask("b")) == ["ok"]
        assert scene.state() == "closed"


async def test_tenants_that_were_just_served_are_not_rejected() -> None:
    """Their success does not close the circuit, and ten seconds later they are rejected too."""
    scene = Scene("ok")
    well = ["well 1", "well 2"]
    await scene.ask(*well)
    scene.reply = DOWN
    await scene.open()
    scene.reply = "ok"
    assert await scene.ask(*well, "new") == ["ok", "ok", "shared_circuit_open"]
    assert scene.state() == "open"
    await asyncio.sleep(9)
    assert await scene.ask(well[0]) == ["ok"]
    scene.reply = DOWN
    assert await scene.ask(well[0], well[0]) == ["server_error", "shared_circuit_open"]


async def test_the_last_target_is_asked_although_it_is_open() -> None:
    """And its content closes the circuit; a call that must not be hedged never probes otherwise."""
    scene = Scene()
    await scene.open()
    assert await scene.ask("last", "new") == ["server_error", "shared_circuit_open"]
    await asyncio.sleep(12.1)
    assert await scene.ask("unhedged") == ["shared_circuit_open"]
    scene.reply = "ok"
    assert await scene.ask("last", "unhedged") == ["ok", "ok"]


async def test_the_route_is_told_what_might_be_a_probe() -> None:
    """Of a shared circuit, and of the tenant's own."""
    scene = Scene()
    seen: list[bool] = []

    class Asking(Layer):
        place = Place.RETRY

        async def handle(self, call: Call, inner: Any) -> Any:
            seen.append(scene.breaker.may_probe(call))
            return await inner(call)

    breaker = scene.breaker
    scene.pipeline = Pipeline(Direct(scene.provider), OwnKeys(), Asking(), breaker)
    await scene.ask("new")
    await scene.open()
    await asyncio.sleep(12.1)
    await scene.ask("unhedged", "new", "new")
    assert seen == [False] * 6 + [False, True, False]
    own = Breaker(failure_threshold=1, cooldown=1)
    scene.breaker = own
    scene.pipeline = Pipeline(Fallback(scene.provider), Asking(), own)
    seen.clear()
    await scene.ask("a", "a")
    await asyncio.sleep(1.3)
    await scene.ask("a")
    assert seen == [False, False, True]


async def test_no_retry_follows_once_a_shared_circuit_is_open() -> None:
    """It would be rejected."""
    scene = Scene(outer=[Retry(max_retries=3, budget=None)])
    await scene.ask(*TENANTS)
    assert len(scene.provider.calls) == 17  # four attempts each, but only one of the fifth tenant


# --- the circuits of tenants -------------------------------------------------------------------------


async def test_a_tenants_circuit_is_asked_first() -> None:
    """And where both are open the error is that of the tenant's own."""
    scene = Scene()
    scene.breaker.rules.failure_threshold = 1
    await scene.open()
    assert await scene.ask(TENANTS[0], "new") == ["circuit_open", "shared_circuit_open"]


async def test_tenants_circuits_probe_at_once_when_a_shared_one_has_closed() -> None:
    """Whatever is left of their cooldown."""
    scene = Scene()
    scene.breaker.rules.failure_threshold, scene.breaker.rules.cooldown = 1, 600.0
    await scene.open()
    await asyncio.sleep(12.1)
    scene.reply = "ok"
    assert await scene.ask(TENANTS[0], "new", TENANTS[0]) == ["circuit_open", "ok", "ok"]
    assert scene.breaker.circuits.state(TENANTS[0], "p") == "half_open"


async def test_each_model_of_a_provider_has_its_own_circuits() -> None:
    """One model that fails leaves the other in use; operators may name the provider or the target."""
    replies: dict[str, Any] = {"a": DOWN, "b": "ok"}
    provider = ScriptedProvider("p", lambda call: replies[call.deployment.model])
    breaker = Breaker(failure_threshold=1)
    pipeline = Pipeline(Fallback(Deployment(provider, "a"), Deployment(provider, "b")), breaker)
    assert pipeline.circuits.state("acme", "p") is None
    assert (await pipeline.complete("Why?", tenant="acme")).text == "ok"
    circuits = pipeline.circuits
    assert {key: str(state) for key, state in circuits.states()} == {
        ("acme", "p/a"): "open",
        ("acme", "p/b"): "closed",
    }
    assert circuits.state("acme", "p") == circuits.state(("acme", "p")) == "open"
    assert circuits.state("acme", "p/b") == "closed"
    assert await circuits.reset("acme", "p")
    assert circuits.state("acme", "p") == "closed"
    await circuits.isolate("acme", "p")
    assert {str(state) for _, state in circuits.states()} == {"isolated"}
    assert await circuits.reset("acme", "p/b")
    assert circuits.state("acme", "p") == "isolated"
    assert not await circuits.reset("globex", "p")


# --- what is told ------------------------------------------------------------------------------------


async def test_an_observed_circuit_rejects_nothing_and_tells_what_it_would_have_done() -> None:
    """Every call is evidence; the first outcome after the cooldown stands for the probe."""
    scene = Scene(mode="observed")
    await scene.open()
    assert await scene.ask("a", "b") == ["server_error"] * 2
    await asyncio.sleep(12.1)
    await scene.ask("c")
    scene.reply = "ok"
    assert await scene.ask("d") == ["ok"]
    assert scene.state() == "open"
    await asyncio.sleep(24.1)
    assert await scene.ask("e") == ["ok"]
    assert scene.state() == "closed"
    closing = [each for each in scene.events if isinstance(each, SharedCircuitChanged)][-1]
    assert (closing.mode, closing.after, closing.rejected) == ("observed", "closed", 3)
    assert not any(isinstance(each, CallRejected) for each in scene.events)


async def test_a_circuit_that_is_off_does_not_exist() -> None:
    """Nor does it cost anything."""
    breaker = Breaker(shared=SharedCircuits(mode="off"))
    assert breaker.circuits.shared is None


def test_shared_circuits_belong_to_the_whole_breaker() -> None:
    """In an override they would have no effect."""
    with pytest.raises(ConfigurationError, match="outer Breaker"):
        Breaker(overrides={"p": Breaker(shared=SharedCircuits())})


async def test_events_errors_and_explanations_have_the_numbers() -> None:
    """How many tenants fail, of how many."""
    scene = Scene()
    await scene.open()
    change = next(each for each in scene.events if isinstance(each, SharedCircuitChanged))
    assert (change.target, change.failing, change.active, change.tenant) == ("p/m", 5, 5, TENANTS[4])
    with pytest.raises(SharedCircuitOpenError) as raised:
        await scene.pipeline.complete("Why?", tenant="new")
    error = raised.value
    assert (error.provider, error.model, error.failing, error.active) == ("p", "m", 5, 5)
    assert error.retry_after is not None
    assert 10 <= error.retry_after <= 12
    assert str(error).startswith("the shared circuit of p/m is open, 5 of 5 tenants failing: try again in 1")
    assert "p/m passed over: shared circuit of p/m, 5 of 5 tenants failing" in error.explain()
    shown = str(scene.pipeline)
    assert "2 shared circuits, 1 not closed" in shown
    assert "shared p/m: open, 5 of 5 tenants failing, a probe may pass in 1" in shown


async def test_operators_isolate_and_reset_a_shared_circuit() -> None:
    """By provider and model, or the whole endpoint."""
    scene = Scene("ok")
    with pytest.raises(ConfigurationError, match="no shared circuit of 'p/m' yet, only of: none"):
        scene.shared.isolate("p", "m")
    assert not scene.shared.reset("p")
    await scene.ask("a")
    scene.shared.isolate("p")
    assert await scene.ask("a", "last") == ["shared_circuit_open"] * 2
    assert scene.shared.reset("p")
    assert await scene.ask("a") == ["ok"]
    assert list(scene.changes()) == [("closed", "isolated"), ("isolated", "closed")]


def test_circuits_outlive_their_event_loop() -> None:
    """What is open stays open, and is probed as soon as on the old loop; nothing in flight is kept."""
    scene = Scene()
    asyncio.run(scene.ask(*TENANTS))
    assert scene.state() == "open"
    assert asyncio.run(scene.ask("new")) == ["shared_circuit_open"]
    assert next(iter(scene.shared)).active == 0
