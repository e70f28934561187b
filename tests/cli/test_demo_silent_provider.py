"""The second act of the demo: a provider that accepts requests and stays silent."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from ranvier import Pipeline, clock, resilient
from ranvier.cli.demo.act import PROVIDERS
from ranvier.cli.demo.report import Film
from ranvier.cli.demo.report.silence import section
from ranvier.cli.demo.silent_provider import FASTER, Impact, SilentProvider, impact, stack
from ranvier.cli.demo.tally import Tally, Verdict
from ranvier.events import AttemptEnded, CallEnded
from ranvier.facts.attempt import Attempt
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.simulator import End, Exchange, Fine, Silence
from support.outage import filmed_silence

ACT = SilentProvider(tenants=30, seconds=10, seed=1)


@dataclass
class Heard:
    """The act, over real connections.

    Attributes:
        tally: What the callers saw.
        film: What the pipeline counted.
        log: What the providers received.
        verdict: Whether these agree.
    """

    act: SilentProvider
    tally: Tally
    film: Film
    log: list[Exchange]
    verdict: Verdict

    @property
    def impact(self) -> Impact:
        """What it did to the callers."""
        return impact(self.act, self.tally, self.film, self.log)


@pytest.fixture(scope="module")
def heard() -> Heard:
    """A short act; a longer one where the machine is too busy for the circuit to open and close in it."""
    for seconds in (6.0, 16.0):
        heard = asyncio.run(play(SilentProvider(tenants=30, seconds=seconds)))
        if None not in (heard.impact.opened_after, heard.impact.closed_after):
            break
    return heard


async def play(act: SilentProvider) -> Heard:
    """The act as `ranvier demo` has it."""
    tally = Tally()
    async with act.simulator() as simulator:
        film = Film(clock.now())
        async with act.pipeline(simulator, tally) as pipeline:
            pipeline.events.add(film.record, verbose=True)
            await act.run(pipeline, tally)
        await simulator.idle()
        log = list(simulator.requests)
    return Heard(act, tally, film, log, act.judge(tally, film, log))


# --- over real connections -----------------------------------------------------------------------


def test_everybody_is_served_and_the_counts_agree(heard: Heard) -> None:
    """Callers, pipeline and providers counted the same."""
    assert heard.verdict.differences == ()
    assert heard.verdict.failed == 0
    assert heard.verdict.calls == len(heard.film.calls) > 0
    assert heard.impact.attempts == heard.impact.counted
    dropped = sum(attempt.outcome == "hedge_lost" for call in heard.tally.calls for attempt in call.attempts)
    assert 0 <= heard.impact.attempts - heard.impact.received <= dropped


def test_the_silence_is_noticed_and_left(heard: Heard) -> None:
    """Calls are hedged, the shared circuit opens and closes, and the provider is used again."""
    assert heard.impact.hedges == heard.tally.hedges > 0
    assert 0 < heard.impact.sent < heard.impact.received
    assert heard.impact.opened_after is not None
    assert heard.impact.closed_after is not None
    assert heard.impact.recovered_after is not None
    assert heard.impact.p50 <= heard.impact.p95 <= heard.impact.p99 <= heard.impact.longest


# --- the stack -----------------------------------------------------------------------------------


def test_the_stack_is_that_of_resilient_with_shorter_times() -> None:
    """Every layer, in its order, and every time limit."""
    targets = ("anthropic/claude-sonnet-5", "openai/gpt-4.1")  # neither of them thinks silently
    recommended = [_settings(layer) for layer in resilient(*targets).layers]
    assert [_settings(layer, FASTER) for layer in Pipeline(*stack(*targets)).layers] == recommended


def _settings(layer: object, faster: float = 1.0) -> tuple[object, ...]:
    match layer:
        case Deadline():
            settings: tuple[object, ...] = (layer.seconds * faster,)
        case Fallback():
            assert layer.reserve is not None
            settings = (layer.hedge_rule.after, layer.hedge_rule.least * faster, layer.reserve * faster)
        case Retry():
            settings = (layer.max_retries, layer.base_delay * faster, layer.max_delay * faster)
        case Throttle():
            settings = (layer.max_wait * faster,)
        case Breaker():
            assert layer.circuits.shared is not None
            shared = layer.circuits.shared.rules
            settings = (*_rules(layer.rules, faster), *_rules(shared, faster), shared.votes, shared.share)
        case Timeout():
            assert layer.limits.first_token is not None
            assert layer.limits.idle is not None
            settings = (layer.seconds, layer.limits.first_token * faster, layer.limits.idle * faster)
        case _:
            pytest.fail(f"{layer!r} is not in the second act")
    return type(layer), *settings


def _rules(rules: Any, faster: float) -> tuple[float, float]:
    return rules.cooldown * faster, rules.max_cooldown * faster


# --- the counts ----------------------------------------------------------------------------------


def attempt(provider: str, outcome: str = "succeeded") -> Attempt:
    return Attempt(f"{provider}/m", 1, 0.0, None, "closed", 0.0, outcome)


def exchange(call: int, provider: str, *, good: bool = True, arrived: bool = True) -> Exchange:
    body = {"messages": [{"role": "user", "content": f"call {call}: why?"}]} if arrived else None
    status, end = (200, End.SENT) if good else (None, End.CLIENT_LEFT)
    return Exchange(
        call, 0.0, provider, body=body, fault=Fine() if good else Silence(), status=status, end=end
    )


GOOD = Verdict(9, 1, 0, (), ())
HEDGED = (attempt("anthropic", "hedge_lost"), attempt("openai"))


def judged(attempts: tuple[Attempt, ...], log: list[Exchange], *, counted: int | None = None) -> Verdict:
    """The verdict on one call, of which the pipeline counted the first `counted` attempts."""
    tally, film = Tally(), Film(0.0)
    tally.ended(1, "acme", 0.1, attempts)
    where: dict[str, Any] = {"tenant": "acme", "provider": "", "model": "m"}
    for each in attempts[:counted]:
        film.record(AttemptEnded(**{**where, "provider": each.provider}, attempt=each))
    story: Any = SimpleNamespace(outcome="succeeded", attempts=attempts)
    film.record(CallEnded(**where, outcome="succeeded", seconds=0.1, streaming=False, story=story))
    return ACT.judge(tally, film, log)


@pytest.mark.parametrize(
    "log",
    [
        pytest.param([exchange(1, "anthropic", good=False), exchange(1, "openai")], id="a hedge that won"),
        pytest.param([exchange(1, "openai"), exchange(1, "anthropic", good=False)], id="in another order"),
        pytest.param([exchange(1, "anthropic"), exchange(1, "openai")], id="both answered"),
        pytest.param([exchange(1, "openai")], id="a loser dropped before it arrived"),
        pytest.param(
            [exchange(1, "openai"), exchange(9, "anthropic", arrived=False)], id="and in its middle"
        ),
    ],
)
def test_two_requests_of_a_call_at_a_time_agree(log: list[Exchange]) -> None:
    """Whatever becomes of the one that lost."""
    verdict = judged(HEDGED, log)
    assert verdict.good
    assert (verdict.calls, verdict.failed) == (1, 0)


@pytest.mark.parametrize(
    ("attempts", "log", "counted"),
    [
        pytest.param(HEDGED, [exchange(1, "anthropic", good=False)], None, id="an answer of nobody"),
        pytest.param(
            HEDGED, [exchange(1, "openai"), exchange(1, "openai")], None, id="a request without a record"
        ),
        pytest.param(
            (attempt("anthropic", "timeout"), attempt("openai")),
            [exchange(1, "openai")],
            None,
            id="never sent",
        ),
        pytest.param(
            HEDGED, [exchange(1, "anthropic"), exchange(1, "openai", good=False)], None, id="the wrong winner"
        ),
        pytest.param(
            HEDGED, [exchange(1, "anthropic", good=False), exchange(1, "openai")], 1, id="one not counted"
        ),
        pytest.param(
            (attempt("openai"),), [exchange(1, "openai"), exchange(2, "openai")], None, id="a stranger"
        ),
    ],
)
def test_counts_that_differ_are_found(
    attempts: tuple[Attempt, ...], log: list[Exchange], counted: int | None
) -> None:
    """A request, an answer or an attempt that only one side knows makes the demo fail."""
    assert not judged(attempts, log, counted=counted).good


# --- the report ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told() -> tuple[str, Impact, Film]:
    """The section of an act in virtual time."""
    film, tally = filmed_silence(ACT)
    measured = impact(ACT, tally, film, ())
    return section(film, ACT, GOOD, measured), measured, film


def test_the_same_record_is_the_same_section(told: tuple[str, Impact, Film]) -> None:
    """Byte for byte."""
    page, measured, film = told
    assert section(film, ACT, GOOD, measured) == page


def test_the_section_shows_what_was_measured(told: tuple[str, Impact, Film]) -> None:
    """The waits, the hedges and the shared circuit."""
    page, measured, film = told
    tiles = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert tiles["longest"] == f"{measured.longest:.2f} s"
    assert tiles["hedges"] == str(measured.hedges)
    assert tiles["recovered"] == "never"  # in no log
    assert measured.longest <= 20 / FASTER + 1.0
    assert tiles["opened"] == f"{measured.opened_after:.2f} s"
    marks = Counter(re.findall(r'<rect class="(hedge|open|half_open)"', page))
    states = Counter(span.state for span in film.shared_spans(PROVIDERS[0]))
    assert marks == Counter(hedge=measured.hedges, **states)
    assert min(marks.values()) > 0
    assert f"callers saw {measured.attempts} attempts, the pipeline counted {measured.counted}" in page


def test_a_section_of_an_act_that_went_wrong_says_so(told: tuple[str, Impact, Film]) -> None:
    """Failed calls, and counts that do not agree."""
    page = section(told[2], ACT, Verdict(9, 1, 2, ("acme",), ("call 1: <lost>",)), told[1])
    assert '<p class="verdict bad"><strong>2 calls failed;' in page
    assert "they do not agree: call 1: &lt;lost&gt;." in page
