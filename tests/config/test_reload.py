"""A stack is replaced while calls are in flight: nothing fails, and what cannot be used changes nothing."""

import asyncio
import gc
import random
import sys
import tomllib
import weakref
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from ranvier import ConfigurationError, Layer, Pipeline, RateLimitError, ServerError
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.report import Report
from ranvier.asgi.status.stats import Stats
from ranvier.events import Event, Reloaded, ReloadFailed
from ranvier.layers import Breaker, Bulkhead, Deadline, Fallback, Retry
from ranvier.pipeline import Call, Handler, registry
from ranvier.pipeline.runtime import Runtime
from ranvier.providers import Stub
from ranvier.testing import ScriptedProvider, VirtualTimeLoop, after, assert_settled, cut, stream
from support.reloads import Crowd, Reloadable, layer, route

pytestmark = pytest.mark.virtual_time

DOWN = ServerError("down", provider="one")


# --- calls ---------------------------------------------------------------------------------------


async def test_a_call_in_flight_ends_on_the_stack_with_which_it_began(monkeypatch: Any) -> None:
    """It falls back to the target that it knew, and new calls go elsewhere."""
    scene = Reloadable(
        monkeypatch, route("one", "two"), one=[after(5, DOWN)], two=["second"], three=["third"]
    )
    call = scene.start()
    await asyncio.sleep(1)
    await scene.reload(route("three"))
    assert await scene.outcome() == "third"
    assert (await call).text == "second"


async def test_a_stream_that_breaks_restarts_on_the_stack_with_which_it_began(monkeypatch: Any) -> None:
    """With the targets that it knew."""
    scene = Reloadable(
        monkeypatch, route("one", "two"), one=[stream("a", after(5, cut()))], two=["second"], three=["third"]
    )
    async with scene.pipeline.stream("Why?", on_break="restart") as answer:
        assert (await anext(answer)).text == "a"
        await scene.reload(route("three"))
        assert [event.text async for event in answer if event.text] == ["second"]


async def test_a_call_that_was_made_before_a_reload_and_begins_after_it_is_new(monkeypatch: Any) -> None:
    """Its target may not be there any more, so that it goes through the new stack from the start."""
    scene = Reloadable(monkeypatch, route("one"), one=["first"], two=["second"])
    await scene.outcome()
    call, pending = scene.pipeline.complete("Why?"), scene.pipeline.stream("Why?")
    restarting = scene.pipeline.stream("Why?", on_break="restart")
    await scene.reload(layer("Deadline", seconds=9), route("two"), layer("Timeout", seconds=3))
    assert (await call).text == "second"
    for each in (pending, restarting):
        async with each as answer:
            assert [event.text async for event in answer if event.text] == ["second"]
    received = scene.providers["two"].calls[0]
    assert received.limits.seconds == 3
    assert received.deadline is not None


async def test_a_pipeline_shows_the_stack_in_use(monkeypatch: Any) -> None:
    """Its layers, targets and settings are those of the last reload."""
    scene = Reloadable(monkeypatch, layer("Deadline", seconds=9), route("one"), one=["a"], two=["b"])
    await scene.reload(route("two"), layer("Breaker"), pipeline={"require_tenant": True})
    assert repr(scene.pipeline).startswith("Pipeline(Fallback(two/scripted), Breaker(")
    assert scene.pipeline.timed_by is None
    with pytest.raises(ConfigurationError, match="requires one"):
        await scene.pipeline.complete("Why?")
    assert len(scene.pipeline.circuits) == 0


async def test_a_pipeline_of_code_can_be_reloaded(monkeypatch: Any) -> None:
    """From a dict or a file that it is given; without one, the error says so."""
    provider = ScriptedProvider("one", [DOWN, "fine"])
    monkeypatch.setitem(registry._factories, "one", lambda: provider)
    pipeline = Pipeline(Fallback(provider), Breaker(failure_threshold=1))
    with pytest.raises(ConfigurationError, match="was built in code"):
        await pipeline.reload()
    with pytest.raises(ServerError):
        await pipeline.complete("Why?")
    await pipeline.reload({"layers": [route("one"), layer("Breaker")]})
    assert pipeline.circuits.state("default", "one") == "open"
    await pipeline.reload()


async def test_a_pipeline_that_is_not_open_yet_is_reloaded(monkeypatch: Any) -> None:
    """It opens with the new stack."""
    scene = Reloadable(monkeypatch, route("one"), one=["first"], two=["second"])
    await scene.reload(route("two"))
    assert await scene.outcome() == "second"


async def test_a_closed_pipeline_keeps_its_state_through_a_reload(monkeypatch: Any) -> None:
    """And opens again as it was."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker", failure_threshold=1), one=[DOWN])
    await scene.outcome()
    await scene.pipeline.aclose()
    await scene.reload(route("one"), layer("Breaker", failure_threshold=2))
    async with scene.pipeline:
        assert await scene.outcome() == "circuit_open"


async def test_listeners_of_code_hear_the_new_stack(monkeypatch: Any) -> None:
    """And that it is in use."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker", failure_threshold=1), one=[DOWN])
    await scene.reload(route("one"), layer("Breaker", failure_threshold=1, cooldown=3))
    await scene.outcome()
    assert [event.name for event in scene.events] == ["reloaded", "circuit"]
    assert scene.events[0] == Reloaded(tenant="", provider="", source="the configuration")


async def test_listeners_of_a_file_replace_each_other_and_the_log(monkeypatch: Any) -> None:
    """Those of code stay, and the log is back when a file names no listeners any more."""
    heard: list[Event] = []
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "hear_one", heard.append, raising=False)
    monkeypatch.setattr(module, "hear_two", lambda event: None, raising=False)
    one, two = ({"pipeline": {"listeners": [{"import": f"{__name__}:hear_{n}"}]}} for n in ("one", "two"))
    plain = {"layers": [route("stub")]}
    pipeline = Pipeline.from_config({**plain, **one}, imports=True)

    def of_code(event: Event) -> None:
        """Stays."""

    pipeline.events.add(of_code)
    await pipeline.reload({**plain, **two})
    assert pipeline.events.listeners == (of_code, module.hear_two)  # type: ignore[attr-defined]
    await pipeline.reload(plain)
    assert [type(each).__name__ for each in pipeline.events.listeners] == ["LoggingListener", "function"]
    await pipeline.reload({**plain, **one})
    assert pipeline.events.listeners == (of_code, heard.append)
    assert [event.name for event in heard] == ["reloaded"]


async def test_a_listener_that_cannot_be_called_changes_nothing(monkeypatch: Any) -> None:
    """Neither the listeners nor the layers."""
    pipeline = Pipeline.from_config({"layers": [route("stub")]}, imports=True)
    stack, listeners = pipeline.stack, pipeline.events.listeners
    wrong = {"listeners": [{"import": "sys:path"}]}
    with pytest.raises(ConfigurationError, match=r"pipeline\.listeners: .*give functions"):
        await pipeline.reload({"layers": [route("stub"), layer("Retry")], "pipeline": wrong})
    assert (pipeline.stack, pipeline.events.listeners) == (stack, listeners)


async def test_a_reload_that_is_cancelled_lets_the_next_one_go(monkeypatch: Any) -> None:
    """Also if it was still waiting for its turn."""
    scene = Reloadable(monkeypatch, route("one"), one=["fine"])
    reloads = [
        asyncio.create_task(scene.reload(layer("Deadline", seconds=n), route("one"))) for n in range(1, 5)
    ]
    await asyncio.sleep(0)
    reloads[1].cancel()
    reloads[2].cancel()
    await asyncio.wait(reloads)
    assert [each.cancelled() for each in reloads] == [False, True, True, False]
    assert scene.layer(Deadline).seconds == 4


async def test_stacks_that_were_replaced_are_forgotten(monkeypatch: Any) -> None:
    """Nothing that goes on refers to them: neither circuits nor gates, queues or times."""
    limited = RateLimitError("slow down", provider="one", retry_after=1)
    layers = [
        layer("SpendLimit", per_tenant=10**9, window=99.0),
        route({"targets": ["one", "two"]}, hedge_after="p99", open=True),
        layer("Retry"),
        layer("Bulkhead", limit=3),
        layer("AdaptiveLimit"),
        layer("Pacing"),
        layer("Throttle"),
        layer("Breaker", shared={}, overrides={"one": {"cooldown": 1}}),
        layer("Chaos", faults=["slow"]),
    ]
    scene = Reloadable(monkeypatch, *layers, one=[limited, DOWN, "fine"], two=["fine"])
    stacks = []
    for n in range(5):
        calls = [scene.start(f"t{each}", max_tokens=5, to="one/other") for each in range(5)]
        await asyncio.wait(calls)
        stacks.append(weakref.ref(scene.pipeline.stack))
        layers[2] = layer("Retry", max_retries=n)
        layers[7] = layer("Breaker", cooldown=5 + n)
        await scene.reload(*layers)
    await asyncio.sleep(30)
    scene.events.clear()
    del calls
    for provider in scene.providers.values():
        provider.calls.clear()
    gc.collect()
    assert [each() for each in stacks] == [None] * 5


async def test_reloads_at_once_follow_each_other(monkeypatch: Any) -> None:
    """The last one that was asked for is in use at the end."""
    scene = Reloadable(monkeypatch, route("one"), one=["fine"])
    await asyncio.gather(*(scene.reload(layer("Deadline", seconds=n), route("one")) for n in range(1, 9)))
    assert scene.layer(Deadline).seconds == 8


# --- what else sees the stack --------------------------------------------------------------------


class Counting(Layer):
    """A layer of a user's, which keeps its count through reloads, and tells when it is left out."""

    def __init__(self) -> None:
        self.seen = [0]
        self.left = False

    async def handle(self, call: Call, inner: Handler) -> Any:
        """Count it."""
        self.seen[0] += 1
        return await inner(call)

    def take_over(self, before: "Counting") -> None:
        """Go on counting."""
        self.seen = before.seen

    def leave(self, pipeline: Runtime) -> None:
        """Note it."""
        self.left = True


class Failing(Layer):
    """A layer of a user's that cannot take over."""

    def take_over(self, before: "Failing") -> None:
        """Fail."""
        raise RuntimeError("no")


async def test_a_custom_layer_takes_over_from_the_one_before(monkeypatch: Any) -> None:
    """And is told when a stack does without it."""
    monkeypatch.setattr(sys.modules[__name__], "Custom", Counting, raising=False)
    mine = {"import": f"{__name__}:Custom"}
    pipeline = Pipeline.from_config({"layers": [mine, route("stub")]}, imports=True)
    await pipeline.complete("Why?")
    before = pipeline.layers[0]
    await pipeline.reload({"layers": [mine, layer("Deadline"), route("stub")]})
    after_it = pipeline.layers[0]
    await pipeline.complete("Why?")
    assert isinstance(before, Counting)
    assert isinstance(after_it, Counting)
    assert (after_it is before, after_it.seen, before.left) == (False, [2], True)
    await pipeline.reload({"layers": [route("stub")]})
    assert after_it.left


async def test_a_custom_layer_that_fails_changes_nothing(monkeypatch: Any) -> None:
    """Also no rule of a layer of ours, which come after it."""
    monkeypatch.setattr(sys.modules[__name__], "Custom", Failing, raising=False)
    mine = {"import": f"{__name__}:Custom"}
    pipeline = Pipeline.from_config({"layers": [mine, route("stub"), layer("Breaker")]}, imports=True)
    stack, rules = pipeline.stack, pipeline.circuits
    with pytest.raises(ConfigurationError, match="cannot be replaced: RuntimeError"):
        await pipeline.reload({"layers": [mine, route("stub"), layer("Breaker", failure_threshold=1)]})
    assert pipeline.stack is stack
    assert pipeline.circuits is rules
    breaker = next(each for each in pipeline.layers if isinstance(each, Breaker))
    assert breaker.rules.failure_threshold == 5


async def test_the_status_page_shows_the_stack_in_use(monkeypatch: Any) -> None:
    """Its providers, circuits and places."""
    scene = Reloadable(monkeypatch, route("one"), one=["fine"], two=["second"])
    report = Report(scene.pipeline, Stats(1.0), Names(hashed=False))
    assert (report.viewer, report.providers) == (None, ["one"])
    await scene.reload(route("two"), layer("Bulkhead", limit=3), layer("Breaker"))
    await scene.outcome()
    facts = await report.facts()
    assert [each["name"] for each in facts["providers"]] == ["two"]
    assert facts["circuits"]["total"] == 1
    assert [each["limit"] for each in facts["places"]] == [3]


async def test_telemetry_listens_once(monkeypatch: Any) -> None:
    """However often the stack is replaced, and no longer if it has no telemetry any more."""
    exporter = InMemoryMetricReader()
    provider = MeterProvider([exporter])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    telemetry = layer("OpenTelemetry")
    scene = Reloadable(monkeypatch, telemetry, route("one"), one=["fine"])
    for seconds in (1, 2, 3):
        await scene.outcome()
        await scene.reload(telemetry, layer("Deadline", seconds=seconds), route("one"))
    await scene.outcome()
    kinds = [type(each).__name__ for each in scene.pipeline.events.listeners]
    assert kinds.count("CountingListener") == 1
    await scene.reload(route("one"))
    assert "CountingListener" not in [type(each).__name__ for each in scene.pipeline.events.listeners]


# --- providers -----------------------------------------------------------------------------------


class Connected(ScriptedProvider):
    """Tells when it is opened and closed."""

    def __init__(self, name: str, script: Any) -> None:
        super().__init__(name, script)
        self.log: list[str] = []

    def open(self, pipeline: Any) -> None:
        """Note it."""
        self.log.append("open")

    async def aclose(self) -> None:
        """Note it."""
        self.log.append("closed")


def connected(monkeypatch: Any, **scripts: Any) -> dict[str, Connected]:
    """Providers by name."""
    made = {name: Connected(name, script) for name, script in scripts.items()}
    for name, provider in made.items():
        monkeypatch.setitem(registry._factories, name, lambda made=provider: made)
    return made


async def test_a_provider_that_stays_keeps_its_connections(monkeypatch: Any) -> None:
    """It is opened once and closed once, however often the stack is replaced."""
    one = connected(monkeypatch, one=["fine"])["one"]
    async with Pipeline.from_config({"layers": [route("one")]}) as pipeline:
        for seconds in range(1, 5):
            await pipeline.reload({"layers": [layer("Deadline", seconds=seconds), route("one")]})
            await pipeline.complete("Why?")
        await asyncio.sleep(10)
        assert one.log == ["open"]
    assert one.log == ["open", "closed"]


async def test_a_provider_that_goes_is_closed_when_its_last_call_has_ended(monkeypatch: Any) -> None:
    """Streams included; new providers are opened at once."""
    both = connected(monkeypatch, one=[after(5, "fine"), stream("a", after(20, "b"))], two=["second"])
    async with Pipeline.from_config({"layers": [route("one")]}) as pipeline:
        call = asyncio.create_task(pipeline.complete("Why?"))
        await asyncio.sleep(0)
        async with pipeline.stream("Why?") as answer:
            await anext(answer)
            await pipeline.reload({"layers": [route("two")]})
            assert (both["one"].log, both["two"].log) == (["open"], ["open"])
            await call
            await asyncio.sleep(5)
            assert both["one"].log == ["open"]
            assert (await anext(answer)).text == "b"
        await asyncio.sleep(3)
        assert both["one"].log == ["open", "closed"]
        assert_settled(pipeline)
    assert both["two"].log == ["open", "closed"]


async def test_an_attempt_that_lost_a_hedge_keeps_its_provider_open(monkeypatch: Any) -> None:
    """It goes on for a while without its call."""
    slow = stream(after(9, "late"))
    both = connected(monkeypatch, one=[slow], two=["second"], three=["third"])
    layers = [route("one", "two", hedge_after=1.0), layer("Breaker", shared={})]
    async with Pipeline.from_config({"layers": layers}) as pipeline:
        assert (await pipeline.complete("Why?")).text == "second"
        going_on = both["one"].in_progress
        await pipeline.reload({"layers": [route("three")]})
        await asyncio.sleep(3)
        assert (both["one"].log == ["open"]) == bool(going_on)
        await asyncio.sleep(60)
        assert both["one"].log == ["open", "closed"]


async def test_closing_a_pipeline_closes_providers_that_calls_still_use(monkeypatch: Any) -> None:
    """Those that a reload has removed, too, and at once."""
    one = connected(monkeypatch, one=[after(50, "late")], two=["second"])["one"]
    async with Pipeline.from_config({"layers": [route("one")]}) as pipeline:
        call = asyncio.create_task(pipeline.complete("Why?"))
        await asyncio.sleep(1)
        await pipeline.reload({"layers": [route("two")]})
    assert one.log == ["open", "closed"]
    with pytest.raises(ConfigurationError, match="closed"):
        await call


async def test_a_provider_that_is_described_anew_is_another(monkeypatch: Any) -> None:
    """One that is described as before is the same object."""
    plain = {"providers": {"last": {"type": "stub", "reply": "a"}}, "layers": [route("last")]}
    pipeline = Pipeline.from_config(plain)
    before = pipeline.stack.providers
    await pipeline.reload({**plain, "layers": [layer("Deadline", seconds=1), route("last")]})
    assert pipeline.stack.providers == before
    await pipeline.reload({**plain, "providers": {"last": {"type": "stub", "reply": "b"}}})
    assert pipeline.stack.providers != before
    assert (await pipeline.complete("Why?")).text == "b"


async def test_a_provider_that_cannot_be_opened_changes_nothing(monkeypatch: Any) -> None:
    """Those that were opened before it are closed again."""
    every = connected(monkeypatch, one=["fine"], two=["second"], three=["third"])

    def fails(pipeline: Any) -> None:
        raise OSError("no socket is left")

    monkeypatch.setattr(every["three"], "open", fails)
    async with Pipeline.from_config({"layers": [route("one")]}) as pipeline:
        with pytest.raises(ConfigurationError, match="cannot be replaced: OSError"):
            await pipeline.reload({"layers": [route("two", "three")]})
        assert (await pipeline.complete("Why?")).text == "fine"
        await asyncio.sleep(1)
        assert every["two"].log == ["open", "closed"]
        assert every["one"].log == ["open"]


def imported(monkeypatch: Any, **objects: Any) -> dict[str, Any]:
    """Tables that name these objects as objects of code."""
    for name, thing in objects.items():
        monkeypatch.setattr(sys.modules[__name__], name, thing, raising=False)
    return {name: {"import": f"{__name__}:{name}"} for name in objects}


async def test_a_provider_that_comes_back_before_it_is_closed_stays_open(monkeypatch: Any) -> None:
    """It was still in use by a call: it is neither opened twice nor closed under the calls to come."""
    one, two = Connected("one", [after(5, "a"), "b"]), Connected("two", ["second"])
    named = imported(monkeypatch, to_one=Fallback(one), to_two=Fallback(two))
    async with Pipeline.from_config({"layers": [named["to_one"]]}, imports=True) as pipeline:
        call = asyncio.create_task(pipeline.complete("Why?"))
        await asyncio.sleep(1)
        await pipeline.reload({"layers": [named["to_two"]]})
        await pipeline.reload({"layers": [named["to_one"]]})
        assert (await call).text == "a"
        await asyncio.sleep(60)
        assert (one.log, two.log) == (["open"], ["open", "closed"])
        assert (await pipeline.complete("Why?")).text == "b"
        assert_settled(pipeline)
    assert one.log == ["open", "closed"]


async def test_a_layer_that_stays_keeps_its_own_state(monkeypatch: Any) -> None:
    """Whatever comes before it is left out: the same object has nothing to take over."""
    named = imported(monkeypatch, first=Counting(), second=Counting())
    both = {"layers": [named["first"], named["second"], route("stub")]}
    pipeline = Pipeline.from_config(both, imports=True)
    await pipeline.complete("Why?")
    first, second = pipeline.layers[:2]
    assert isinstance(first, Counting)
    assert isinstance(second, Counting)
    seen = second.seen
    await pipeline.reload({"layers": [named["second"], route("stub")]})
    assert pipeline.layers[0] is second
    assert second.seen is seen
    assert (first.left, second.left) == (True, False)


class Joining(Layer):
    """A layer of a user's that knows its stacks."""

    def __init__(self) -> None:
        self.joined = 0

    def join(self, pipeline: Runtime) -> None:
        """Count them."""
        self.joined += 1


async def test_a_stack_that_cannot_be_built_touches_no_layer_in_use(monkeypatch: Any) -> None:
    """Its settings are checked before its layers join it."""
    mine = Joining()
    named = imported(monkeypatch, mine=mine)
    plain = {"layers": [named["mine"], route("stub")]}
    pipeline = Pipeline.from_config(plain, imports=True)
    with pytest.raises(ConfigurationError, match="allow"):
        await pipeline.reload({**plain, "pipeline": {"allow": {"import": "sys:path"}}})
    assert mine.joined == 1


class Vault:
    """Keeps keys, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    async def find(self, tenant: str, provider: str) -> str:
        """The key."""
        self.asked += 1
        return "sk"


async def test_cached_keys_are_kept_if_the_resolver_is_a_method(monkeypatch: Any) -> None:
    """Python makes a new object each time that one is looked up."""
    vault = Vault()
    monkeypatch.setattr(sys.modules[__name__], "vault", vault, raising=False)
    found = {"credentials": {"import": f"{__name__}:vault.find"}}
    monkeypatch.setitem(registry._factories, "one", lambda: ScriptedProvider("one", ["fine"]))
    given = {"layers": [route("one")], "pipeline": found}
    pipeline = Pipeline.from_config(given, imports=True)
    for _ in range(3):
        await pipeline.complete("Why?", tenant="acme")
        await pipeline.reload(given)
    assert vault.asked == 1


# --- under load ----------------------------------------------------------------------------------


async def test_a_thousand_reloads_under_load_fail_no_call(monkeypatch: Any) -> None:
    """Whole and streamed, hedged and retried, through places and circuits; open circuits stay open."""
    draw = random.Random(7)

    def reply(call: Any) -> Any:
        if call.tenant == "unlucky":
            return DOWN
        return stream("a", after(draw.random() * 3, "b")) if draw.random() < 0.8 else after(0.2, DOWN)

    def layers(n: int) -> list[dict[str, Any]]:
        return [
            layer("Deadline", seconds=500 + n % 7),
            route("one", "two", "last", hedge_after=1.0 + n % 3),
            layer("Retry", max_retries=n % 3, base_delay=0.1, overrides={"one": {"max_retries": 1}}),
            layer("Bulkhead", limit=20 + n % 5, max_wait=400),
            layer("Throttle", max_wait=n % 4),
            layer("Breaker", failure_threshold=5, cooldown=1e6, shared={"votes": 2 + n % 9, "share": 1.0}),
            *([layer("Timeout", seconds=400)] if n % 2 else []),
        ]

    scene = Reloadable(monkeypatch, *layers(0), one=reply, two=reply, last=lambda call: after(0.5, "last"))
    for _ in range(8):
        await scene.outcome("unlucky")
    assert scene.pipeline.circuits.state("unlucky", "one") == "open"
    asked = [call.tenant for call in scene.providers["one"].calls].count("unlucky")
    crowd = Crowd(scene.pipeline)
    async with crowd:
        for n in range(1000):
            await asyncio.sleep(draw.random() / 10)
            await scene.reload(*layers(n))
            if n % 100 == 0:
                assert await scene.outcome("unlucky") == "last"
    assert crowd.answered > 300
    assert scene.pipeline.circuits.state("unlucky", "one") == "open"
    assert [call.tenant for call in scene.providers["one"].calls].count("unlucky") == asked
    await asyncio.sleep(200)
    assert_settled(scene.pipeline)
    assert scene.layer(Bulkhead).places.known["one"].queue.idle


# --- bad files -----------------------------------------------------------------------------------

GOOD = """
[providers.eu]
type = "stub"
reply = "fine"

[pipeline]
require_tenant = false

[[layers]]
type = "Retry"
max_retries = 1

[[layers]]
type = "Fallback"
targets = ["eu"]
"""


def running() -> Pipeline:
    """A pipeline whose stack is known by its objects."""
    return Pipeline(Fallback(Stub("as before")), Retry())


async def refused(pipeline: Pipeline, file: Path) -> bool:
    """Whether a reload from `file` is refused, which then has changed nothing and was reported."""
    stack, heard = pipeline.stack, list[Event]()
    pipeline.events.add(heard.append)
    layers, providers = pipeline.layers, pipeline.lifecycle.providers
    try:
        await pipeline.reload(file)
    except ConfigurationError:
        assert pipeline.stack is stack
        assert (pipeline.layers, pipeline.lifecycle.providers) == (layers, providers)
        assert [type(event) for event in heard] == [ReloadFailed]
        return True
    finally:
        pipeline.events.remove(heard.append)
    return False


async def test_half_a_file_changes_nothing(tmp_path: Path) -> None:
    """Every beginning of a file whose route comes last, but for the whole."""
    file, pipeline = tmp_path / "ranvier.toml", running()
    text = GOOD.strip()
    for end in range(len(text)):
        file.write_text(text[:end])
        assert await refused(pipeline, file), text[:end]
        assert (await pipeline.complete("Why?")).text == "as before"


@pytest.mark.once
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_files_change_nothing_or_are_valid(tmp_path: Path, data: Any) -> None:
    """Bytes are replaced, lines are left out or doubled, or there is only noise."""
    content = bytearray(GOOD.encode())
    if data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    else:
        lines = GOOD.splitlines(keepends=True)
        order = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines) + 4))
        content = bytearray("".join(order).encode())
    file = tmp_path / "ranvier.toml"
    file.write_bytes(bytes(content))

    async def scenario() -> None:
        pipeline = running()
        if not await refused(pipeline, file):
            tomllib.loads(content.decode())
            assert any(isinstance(each, Fallback) for each in pipeline.layers)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scenario())


BAD = {
    "a route without targets": '[[layers]]\ntype = "Fallback"\ntargets = []',
    "no route": '[[layers]]\ntype = "Retry"',
    "two routes": '[[layers]]\ntype = "Fallback"\ntargets = ["stub"]\n' * 2,
    "layers in a wrong order": GOOD.replace("[[layers]]", '[[layers]]\ntype = "Timeout"\n[[layers]]', 1),
    "a secret that is not set": '[providers.a]\ntype = "openai"\napi_key = { env = "RANVIER_NOT_SET" }'
    + GOOD,
    "an object without imports": GOOD.replace('reply = "fine"', 'reply = { import = "os:getcwd" }'),
    "an unknown provider": GOOD.replace('["eu"]', '["eu", "nowhere/x"]'),
    "a number out of its range": GOOD.replace("max_retries = 1", "max_retries = -1"),
    "an endless number": GOOD.replace("max_retries = 1", "max_delay = nan"),
    "not a table": "layers = 3",
    "deeply nested": "a = " + "[" * 5000,
    "too large": "#" * 1_000_001,
    "a directory": None,
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_file_changes_nothing(tmp_path: Path, what: str) -> None:
    """And the error names the file."""
    file = tmp_path / "ranvier.toml"
    text = BAD[what]
    file.mkdir() if text is None else file.write_text(text)
    pipeline = running()
    assert await refused(pipeline, file)
    with pytest.raises(ConfigurationError, match=r"ranvier\.toml"):
        await pipeline.reload(file)
