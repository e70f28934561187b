"""What the status page tells of an outage: shared circuits, hedges, withheld retries, and closed gates."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ranvier import OverloadedError, Pipeline, RanvierError, RateLimitError
from ranvier.asgi import status_app
from ranvier.layers import Breaker, Deadline, Fallback, Retry, RetryBudget, SharedCircuits, Throttle, Timeout
from ranvier.testing import ScriptedProvider, after, stall
from support.asgi.status_page import ask

pytestmark = pytest.mark.virtual_time

NO_RETRIES = RetryBudget(ratio=0, per_second=0)


class Outage:
    """Two targets, of which the first does what `script` says; five tenants can open its shared circuit."""

    def __init__(
        self, script: Any, *others: Any, mode: str = "enforced", tenants: str = "shown", **route: Any
    ) -> None:
        second = ScriptedProvider("second", *others)
        self.route = Fallback(ScriptedProvider("first", script), second, **route)
        shared = SharedCircuits(votes=3, cooldown=30, mode=mode)
        self.pipeline = Pipeline(
            Deadline(60),
            self.route,
            Retry(max_retries=1, base_delay=0, budget=NO_RETRIES),
            Throttle(),
            Breaker(failure_threshold=100, shared=shared),
            Timeout(None, first_token=20, idle=15),
        )
        self.app = status_app(self.pipeline, tenants=tenants)  # type: ignore[arg-type]

    async def call(self, tenants: int = 3) -> None:
        """One call for each of so many tenants."""
        for number in range(tenants):
            await self.pipeline.complete("Why?", tenant=f"tenant-{number}")

    async def told(self) -> Any:
        return (await ask(self.app, "/status.json")).json


def busy(call: Any) -> OverloadedError:
    return OverloadedError("no", provider="first", status=503)


async def test_a_shared_circuit_has_a_row_a_finding_and_an_event() -> None:
    outage = Outage(busy)
    assert (await outage.told())["shared_circuits"] == {"total": 0, "troubled": 0, "rows": []}
    await outage.call(2)
    assert (await outage.told())["shared_circuits"]["troubled"] == 0
    await outage.call(4)
    facts = await outage.told()
    seen = facts["shared_circuits"]
    assert (seen["troubled"], seen["rows"][0]["state"]) == (1, "open")
    row = seen["rows"][0]
    assert (row["target"], row["keys"], row["mode"]) == ("first/scripted", "ours", "enforced")
    assert (row["failing"], row["active"], row["opens"]) == (3, 3, 1)
    assert row["rejected"] == 1
    assert 29 < row["retry_after"] <= 36
    assert facts["level"] == "trouble"
    finding = "the shared circuit of first/scripted is open, 3 of 3 tenants failing"
    assert finding in [each["text"] for each in facts["findings"]]
    (change,) = [each for each in facts["changes"] if "shared" in each["text"]]
    assert change["text"] == "shared circuit of first/scripted closed \u2192 open: 3 of 3 tenants failing"
    assert (change["tenant"], change["provider"]) == ("", "first")


async def test_a_shared_circuit_that_may_be_probed_is_no_trouble() -> None:
    """As with the circuits of tenants: without traffic it would stay that way for ever."""
    outage = Outage(busy)
    await outage.call(4)
    await asyncio.sleep(40)
    facts = await outage.told()
    finding = {"level": "strained", "text": "the shared circuit of first/scripted is ready for a probe"}
    assert finding in facts["findings"]


async def test_one_that_is_only_observed_is_no_trouble() -> None:
    outage = Outage(busy, mode="observed")
    await outage.call(4)
    facts = await outage.told()
    finding = "the shared circuit of first/scripted would be open, 4 of 4 tenants failing"
    assert {"level": "strained", "text": finding} in facts["findings"]
    (change,) = [each for each in facts["changes"] if "shared" in each["text"]]
    assert "first/scripted (observed) closed" in change["text"]


async def test_isolated_and_half_open_ones_are_told_apart() -> None:
    outage = Outage([busy(None)] * 3 + [stall()])
    await outage.call(3)
    await asyncio.sleep(40)
    probe = asyncio.create_task(outage.pipeline.complete("Why?", tenant="x"))
    await asyncio.sleep(1)
    finding = "the shared circuit of first/scripted is half-open, 3 of 3 tenants failing"
    assert finding in [each["text"] for each in (await outage.told())["findings"]]
    await probe
    outage.pipeline.circuits.shared.isolate("first", "scripted")
    facts = await outage.told()
    assert "the shared circuit of first/scripted is isolated" in [each["text"] for each in facts["findings"]]
    assert facts["shared_circuits"]["rows"][0]["retry_after"] is None


async def test_a_stack_without_shared_circuits_reports_none() -> None:
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Breaker())
    assert (await ask(status_app(pipeline), "/status.json")).json["shared_circuits"] is None


async def test_hidden_tenants_stay_hidden_in_shared_events() -> None:
    """The event is about all of them: it names none, not even by a digest."""
    outage = Outage(busy, tenants="hashed")
    await outage.call(4)
    (change,) = [each for each in (await outage.told())["changes"] if "shared" in each["text"]]
    assert change["tenant"] == ""


async def test_hedges_and_what_budgets_withheld_are_counted_at_the_provider() -> None:
    """At the silent one; a hedge that was lost is no failure, but shows how slow the provider was."""
    outage = Outage([*[stall()] * 2, *[after(6, "late")] * 9], hedge_after=5.0)
    await outage.call(2)
    while outage.route.budget.take("second"):
        pass
    await outage.call(1)
    facts = await outage.told()
    first, second = facts["providers"]
    assert (first["hedges"], first["hedges_withheld"], second["hedges"]) == (2, 1, 0)
    assert (first["failed"], first["failures"], facts["calls"]["rescued"]) == (0, {}, 2)
    assert first["seconds"]["p50"] >= 5
    metrics = (await ask(outage.app, "/metrics")).body.decode()
    assert 'ranvier_hedges_total{provider="first",to="second/scripted"} 2' in metrics
    assert 'ranvier_hedges_withheld_total{provider="first",to="second/scripted"} 1' in metrics
    assert 'ranvier_attempt_duration_seconds_count{provider="first",outcome="failed"} 0' in metrics


async def test_a_call_that_its_first_target_answers_after_all_is_not_rescued() -> None:
    outage = Outage([after(6, "late")], [stall()], hedge_after=5.0)
    await outage.call(1)
    facts = await outage.told()
    assert (facts["calls"]["rescued"], facts["stories"][0]["sort"]) == (0, "good")
    assert facts["stories"][0]["attempts"][1]["outcome"] == "hedge_lost"


async def test_withheld_retries_are_counted() -> None:
    outage = Outage(busy)
    await outage.call(2)
    first, _ = (await outage.told())["providers"]
    assert first["retries"] + first["retries_withheld"] == 2
    assert first["retries_withheld"] >= 1


async def test_the_gate_of_a_model_is_told_with_the_model() -> None:
    limited = RateLimitError("slow down", provider="first", status=429, retry_after=9)
    outage = Outage([limited])
    await outage.call(1)
    (gate,) = (await outage.told())["keys"]
    assert (gate["provider"], gate["model"], gate["reason"]) == ("first", "scripted", "rate_limit")


async def test_a_resolver_that_fails_is_an_event() -> None:
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), credentials=lambda *who: 42)  # type: ignore[arg-type,return-value]
    app = status_app(pipeline)
    with pytest.raises(RanvierError):
        await pipeline.complete("Why?", tenant="acme")
    (change,) = (await ask(app, "/status.json")).json["changes"]
    assert change["text"].startswith("the credential lookup failed: ")
    assert change["tenant"] == "acme"
