"""Circuits that open by the share of failed or slow calls, against a list of everything that happened."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ranvier import ConfigurationError, RanvierError
from ranvier.events import CircuitChanged, Event
from ranvier.layers import Breaker, Timeout
from ranvier.layers.breaker.circuit import Circuit
from ranvier.layers.breaker.settings import CircuitSettings
from ranvier.layers.breaker.windows import WindowedCircuit, Windows
from ranvier.pipeline import Outcome
from ranvier.testing import after, broken, stall, stream
from support.scenes import BreakerScene, CircuitsByHand, at_once

pytestmark = pytest.mark.virtual_time

WINDOW = 10.0
PART = WINDOW / 10

OK, FAILED, ABANDONED = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABANDONED


class Model:
    """What has happened since the circuit was closed, in the plainest words."""

    def __init__(self, threshold: int | None, rate: float | None, minimum: int, slow_rate: float) -> None:
        self.threshold, self.minimum = threshold, minimum
        self.rates = {"failed": rate, "slow": slow_rate}
        self.happened: dict[str, list[tuple[float, bool]]] = {"failed": [], "slow": []}
        self.in_a_row = 0

    def verdicts(self, what: str, now: float) -> Iterator[bool]:
        """Whether the latest call opens it, for every length that its window may have."""
        rate, happened = self.rates[what], self.happened[what]
        oldest = [when for when, _ in happened if now - WINDOW - PART - 1e-9 <= when <= now - WINDOW]
        for since in (*oldest, now - WINDOW):
            for recent in (
                [bad for when, bad in happened if when > since],
                [bad for when, bad in happened if when >= since],
            ):
                enough = len(recent) >= self.minimum
                yield rate is not None and happened[-1][1] and enough and sum(recent) >= rate * len(recent)

    def check(self, what: str, bad: bool, now: float, opened: bool) -> None:
        """Count one more, after which the circuit was open or not."""
        self.happened[what].append((now, bad))
        if what == "failed":
            self.in_a_row = self.in_a_row + 1 if bad else 0
            if self.threshold is not None and self.in_a_row >= self.threshold:
                assert opened
                return
        assert opened in set(self.verdicts(what, now))


calls = st.tuples(
    st.sampled_from([0.0, 0.1, PART, 3.0, WINDOW - PART, WINDOW, 2 * WINDOW]) | st.floats(0, 2 * WINDOW),
    st.sampled_from([OK, OK, FAILED, FAILED, ABANDONED]),
    st.sampled_from([None, False, True]),
)


@given(
    st.sampled_from([None, 3]),
    st.sampled_from([None, 0.3, 0.5, 1.0]),
    st.sampled_from([1, 4, 8]),
    st.lists(calls, max_size=50),
)
@example(None, 0.5, 4, [(0.0, FAILED, None)] * 5)  # closed after four, and the fifth is the first again
@example(None, 0.5, 4, [*[(0.0, OK, None)] * 4, (0.0, FAILED, None)])  # one of five is not half of them
def test_it_opens_when_enough_calls_and_too_many_of_them_are_bad(
    threshold: int | None, rate: float | None, minimum: int, history: list[tuple[float, Outcome, bool | None]]
) -> None:
    """By the calls of the window alone, by whichever rule says so first; and it begins again when closed."""
    windows = Windows(rate, minimum, WINDOW, 5.0, 0.5)
    circuit = WindowedCircuit(CircuitSettings(threshold, 1, 10.0, None, 1, lambda: 0.0, windows))
    model, now = Model(threshold, rate, minimum, 0.5), 0.0

    def opened() -> bool:
        return circuit.state == "open"

    for step, outcome, slow in history:
        now += step
        generation = circuit.generation
        assert circuit.admit("call", now, 1.0)
        if slow is not None:
            circuit.time("call", generation, slow, now)
            model.check("slow", slow, now, opened())
        counts = not opened() and outcome is not ABANDONED
        circuit.settle("call", generation, outcome, partial(float, now))
        if counts:
            model.check("failed", outcome is FAILED, now, opened())
        if opened():
            circuit.close()
            model = Model(threshold, rate, minimum, 0.5)


def test_nobody_pays_for_windows_who_uses_none() -> None:
    """Neither with a class nor with a slot; and the counts of who does are bounded."""
    plain, windowed = CircuitsByHand(), CircuitsByHand(failure_rate=0.5)
    for hand in (plain, windowed):
        for number in range(2000):
            hand.now = number / 10
            hand.call("acme", OK)
    assert type(plain.circuits._circuits["acme", "only"]) is Circuit
    circuit = windowed.circuits._circuits["acme", "only"]
    assert isinstance(circuit, WindowedCircuit)
    assert circuit._counts is not None
    assert len(circuit._counts._ring) == 44
    assert circuit._counts.totals[0] <= 331


# --- in a pipeline -------------------------------------------------------------------------------


async def test_a_provider_that_fails_every_other_call_is_noticed() -> None:
    """Which never fails five times in a row."""
    script = [broken(), "ok"] * 20
    for rules, state in (({}, "closed"), ({"failure_rate": 0.5}, "open")):
        scene = BreakerScene(script, failure_threshold=5, minimum=10, **rules)
        for _ in range(12):
            if scene.state() != "open":
                await asyncio.gather(scene.start(), return_exceptions=True)
        assert scene.state() == state


@pytest.mark.parametrize("streaming", [True, False])
async def test_slow_first_tokens_open_it(streaming: bool) -> None:
    """Those of streams as soon as they begin, and those of whole answers over a stream at their end.

    Listeners are told at that moment.
    """
    changes: list[Event] = []
    scene = BreakerScene(
        [stream(after(6, "one"), after(60, "two"))],
        inner=[Timeout(first_token=20)],
        listeners=[changes.append],
        failure_threshold=None,
        slow_first_token=5,
        minimum=3,
        window=300,
    )
    held = []
    for _ in range(3):
        assert scene.state() in (None, "closed")
        if streaming:
            held.append(await scene.pipeline.stream("Why?", tenant="acme"))
        else:
            await scene.ask()
    assert scene.state() == "open"
    assert changes == [CircuitChanged(tenant="acme", provider="only", before="closed", after="open")]
    for answer in held:
        await answer.collect()
    assert scene.state() == "open"
    assert len(changes) == 1


@pytest.mark.parametrize(
    ("script", "state"),
    [
        (stream(after(4, "one"), after(60, "two")), "closed"),  # quick, and long
        (stream(stall()), "open"),  # silent for longer than a slow one
        (after(6, broken()), "open"),
        (after(1, broken()), "closed"),  # a failure, which has no say in how slow it is
    ],
)
async def test_what_counts_as_slow(script: Any, state: str) -> None:
    """The time until the first content, or the silence of an attempt that failed without any."""
    scene = BreakerScene(
        [script],
        inner=[Timeout(first_token=20, idle=100)],
        failure_threshold=None,
        slow_first_token=5,
        minimum=3,
        window=300,
    )
    for _ in range(3):
        await asyncio.gather(scene.start(), return_exceptions=True)
    assert scene.state() == state


async def test_a_stream_is_timed_once() -> None:
    """When it begins, and not again when it ends."""
    scene = BreakerScene(
        [stream(after(6, "one"), after(1, "two"))],
        failure_threshold=None,
        slow_first_token=5,
        minimum=4,
        window=300,
    )
    for _ in range(3):
        await (await scene.pipeline.stream("Why?", tenant="acme")).collect()
    assert scene.state() == "closed"
    async with scene.pipeline.stream("Why?", tenant="acme"):
        assert scene.state() == "open"


async def test_whole_answers_that_are_not_streamed_are_never_slow() -> None:
    """How long they take depends on how long they are."""
    scene = BreakerScene([after(60, "ok")], failure_threshold=None, slow_first_token=5, minimum=1)
    for _ in range(3):
        await scene.ask()
    assert scene.state() == "closed"


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(("seconds", "state"), [(6, "open"), (4, "closed")])
async def test_a_slow_probe_has_failed(streaming: bool, seconds: float, state: str) -> None:
    """Otherwise a circuit that slowness has opened would close and open for ever."""
    scene = BreakerScene(
        [broken(), stream(after(seconds, "one"), after(9, "two"))],
        inner=[Timeout(first_token=20)],
        slow_first_token=5,
    )
    await scene.open_and_cool_down()
    if streaming:
        async with scene.pipeline.stream("Why?", tenant="acme") as answer:
            assert scene.state() == state
            await answer.collect()
    else:
        await scene.ask()
    assert scene.state() == state
    assert scene.circuit().in_flight == 0


def test_a_circuit_that_an_operator_made_gets_the_windows_of_its_target() -> None:
    """When its first call fails, as all other rules."""
    hand = CircuitsByHand(overrides={"only": Breaker(failure_threshold=None, failure_rate=0.5, minimum=2)})
    at_once(hand.circuits.isolate("acme", "only"))
    at_once(hand.circuits.reset("acme", "only"))
    settings = hand.breaker.overrides["only"]
    hand.circuits._rules_for = lambda deployment: settings.rules
    hand.call("acme", FAILED)
    assert hand.state() == "closed"
    hand.call("acme", FAILED)
    assert hand.state() == "open"


@pytest.mark.parametrize(
    "settings",
    [
        {"failure_threshold": None},
        {"failure_threshold": 0},
        {"failure_rate": 0},
        {"failure_rate": 50},
        {"minimum": 0},
        {"window": 0},
        {"slow_rate": 1.5},
        {"slow_first_token": -1},
    ],
)
def test_settings_that_cannot_work_are_rejected(settings: dict[str, Any]) -> None:
    """By the name of the setting."""
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        Breaker(**settings)


def test_it_shows_the_rules_that_are_in_use() -> None:
    """And none of the others."""
    assert "failure_rate" not in repr(Breaker())
    shown = repr(Breaker(failure_threshold=None, failure_rate=0.4))
    assert "failure_threshold=None" in shown
    assert "failure_rate=0.4, minimum=20, window=30.0" in shown
    assert "slow_first_token=5.0, slow_rate=0.5" in repr(Breaker(slow_first_token=5))


async def test_a_tenants_window_says_nothing_about_another() -> None:
    """As all that a circuit counts."""
    scene = BreakerScene([broken()], failure_threshold=None, failure_rate=0.5, minimum=3)
    await scene.fail(3)
    with pytest.raises(RanvierError):
        await scene.ask("globex")
    assert (scene.state(), scene.state("globex")) == ("open", "closed")
