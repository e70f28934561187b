"""The status page by tenant: what is counted, within which bounds, and what is no incident."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier import (
    SHARED,
    NotAllowedError,
    Pipeline,
    RanvierError,
    Response,
    SpendLimitExceededError,
    Usage,
)
from ranvier.asgi import status_app
from ranvier.asgi.status import tenants
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.tenants import FIELDS, MAX_LISTED, MAX_TENANTS, SLICE, SLICES, Tenants
from ranvier.errors import OverloadedError
from ranvier.events import CallRejected, FallbackTaken, RetryScheduled
from ranvier.layers import Breaker, Chaos, Fallback, SpendLimit
from ranvier.tenancy import digest_of
from ranvier.testing import ScriptedProvider
from support.asgi.status_page import ask, stack
from support.asgi.told import attempt, call

SHOWN, HASHED = Names(hashed=False), Names(hashed=True)
KEYLESS = "credential_missing"


def facts_of(counts: Tenants, now: float, names: Names) -> dict[str, Any]:
    """What the page shows of them."""
    return asyncio.run(counts.facts(now, names))


def fallback(tenant: str, kind: str = "overloaded") -> FallbackTaken:
    return FallbackTaken(tenant=tenant, provider="first", to="second/m", kind=kind)


def rejected(tenant: str) -> CallRejected:
    return CallRejected(tenant=tenant, provider="first", kind="circuit_open", retry_after=1.0)


# --- what is counted -----------------------------------------------------------------------------


async def test_each_tenant_has_a_row() -> None:
    """The failing ones first, then those that needed a fallback or were rejected, then the busiest."""
    pipeline, app = stack()
    told = [
        *[call(attempt("first"), tenant="busy")] * 9,
        call(attempt("first"), tenant="calm"),
        *[call(outcome="overloaded", tenant="failing")] * 3,
        call(outcome="abandoned", tenant="failing"),
        call(attempt("second"), tenant="rescued"),
        fallback("rescued"),
        rejected("rescued"),
        call(outcome=KEYLESS, tenant="keyless"),
        fallback("keyless", KEYLESS),
        RetryScheduled(tenant="retried", provider="first", attempt=1, delay=0.0, kind="overloaded"),
    ]
    for event in told:
        pipeline.events.emit(event)
    facts = (await ask(app, "/status.json")).json["tenants"]
    assert [tuple(row.values()) for row in facts["rows"]] == [
        ("failing", 4, 3, 0, 0, 0),
        ("rescued", 1, 0, 1, 1, 0),
        ("busy", 9, 0, 0, 0, 0),
        ("calm", 1, 0, 0, 0, 0),
        ("keyless", 1, 0, 0, 0, 2),
    ]
    assert tuple(facts["rows"][0]) == ("tenant", *FIELDS)
    assert (facts["total"], facts["failing"], facts["matching"], facts["uncounted"]) == (5, 1, 5, 0)
    assert facts["limit"] == MAX_LISTED


async def test_tenants_are_found_by_name_and_hidden_ones_by_their_whole_name() -> None:
    """As circuits are."""
    for hidden in (False, True):
        pipeline, app = stack(tenants="hashed" if hidden else "shown")
        for tenant in ("Acme", "acme-2", "beta"):
            pipeline.events.emit(call(outcome="overloaded", tenant=tenant))
        shown = {name: digest_of(name) if hidden else name for name in ("Acme", "acme-2", "beta")}
        found = {}
        for search in ("ACME", "Acme", shown["beta"]):
            answer = await ask(app, "/status.json", query=f"search={search}")
            found[search] = sorted(row["tenant"] for row in answer.json["tenants"]["rows"])
            assert answer.json["tenants"]["total"] == 3
        assert found["ACME"] == ([] if hidden else ["Acme", "acme-2"])
        assert found["Acme"] == ([shown["Acme"]] if hidden else ["Acme", "acme-2"])
        assert found[shown["beta"]] == [shown["beta"]]


# --- bounds --------------------------------------------------------------------------------------

MOMENTS = st.lists(st.tuples(st.floats(0, 300), st.sampled_from("abc"), st.booleans()), max_size=80)


@given(MOMENTS.map(sorted), st.floats(0, 100))
def test_the_last_minute_is_counted_exactly(moments: list[tuple[float, str, bool]], later: float) -> None:
    """In slices: what happened in them, and nothing before."""
    counts = Tenants()
    for when, tenant, failed in moments:
        counts.call_ended(tenant, "failed" if failed else "good", when)
    now = (moments[-1][0] if moments else 0.0) + later
    since = (int(now // SLICE) - SLICES + 1) * SLICE
    rows = {row["tenant"]: row for row in facts_of(counts, now, SHOWN)["rows"]}
    recent = [each for each in moments if each[0] >= since]
    assert set(rows) == {tenant for _, tenant, _ in recent}
    for tenant, row in rows.items():
        own = [failed for _, each, failed in recent if each == tenant]
        assert (row["calls"], row["failed"]) == (len(own), sum(own))
    assert now - since >= 60


def test_a_crowd_takes_bounded_room_and_hides_no_failing_tenant() -> None:
    """What was not counted is told."""
    counts = Tenants()
    for number in range(3 * MAX_TENANTS):
        counts.call_ended(f"calm {number}", "good", 1.0)
    counts.call_ended("failing", "failed", 2.0)
    facts = facts_of(counts, 3.0, SHOWN)
    assert facts["rows"][0]["tenant"] == "failing"
    assert (facts["total"], facts["failing"]) == (MAX_TENANTS + 1, 1)
    assert facts["uncounted"] == 2 * MAX_TENANTS
    assert len(facts["rows"]) == MAX_LISTED
    for number in range(3 * MAX_TENANTS):
        counts.happened(rejected(f"rejected {number}"), 4.0)
        counts.call_ended(f"failing {number}", "failed", 4.0)
    assert facts_of(counts, 5.0, SHOWN)["total"] == 2 * MAX_TENANTS


async def test_a_crowd_is_read_in_portions() -> None:
    """Between which others run; they may make calls."""
    counts = Tenants()
    for number in range(SLICES * 2 * MAX_TENANTS):
        counts.call_ended(f"failing {number}", "failed", number / (2 * MAX_TENANTS) * SLICE)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            counts.call_ended(f"other {turns}", "good", SLICES * SLICE - 1.0)
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    facts = await counts.facts(SLICES * SLICE - 1.0, SHOWN)
    other.cancel()
    assert (facts["total"], len(facts["rows"])) == (SLICES * 2 * MAX_TENANTS, MAX_LISTED)
    assert turns >= 2 * SLICES


def test_slices_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that occur once each, for hours: only the last minute of them is kept."""
    monkeypatch.setattr(tenants, "MAX_TENANTS", 2)
    counts = Tenants()
    for second in range(3600):
        counts.call_ended(f"request {second}", "failed", float(second))
    assert len(counts._slices) == SLICES
    assert facts_of(counts, 3600.0, SHOWN)["total"] <= 4 * SLICES
    assert facts_of(counts, 4000.0, SHOWN) == {
        "total": 0,
        "failing": 0,
        "matching": 0,
        "uncounted": 0,
        "limit": MAX_LISTED,
        "rows": [],
    }


def test_names_are_shown_as_elsewhere() -> None:
    """Cut, or as digests."""
    counts = Tenants()
    counts.call_ended("x" * 1000, "failed", 0.0)
    assert len(facts_of(counts, 0.0, SHOWN)["rows"][0]["tenant"]) == 256
    assert facts_of(counts, 0.0, HASHED)["rows"][0]["tenant"] == digest_of("x" * 1000)


# --- what is no incident -------------------------------------------------------------------------


class Locked(ScriptedProvider):
    """It needs a key, and has none of its own."""

    needs_credential = True


def resolved(tenant: str, provider: str) -> Any:
    """One tenant has a key, one has none, one uses ours."""
    return {"acme": "sk-acme", "keyless": None, "sharing": SHARED}[tenant]


@pytest.mark.parametrize("names", [("first",), ("first", "second")], ids=["one target", "two"])
async def test_a_call_that_is_not_allowed_is_no_incident(names: tuple[str, ...]) -> None:
    """Neither for the headline nor in the row of its tenant."""
    targets = [ScriptedProvider(name, ["hello"] * 40) for name in names]
    pipeline = Pipeline(Fallback(*targets), Breaker(), allow=lambda call, target: call.tenant == "acme")
    app = status_app(pipeline)
    await pipeline.complete("Why?", tenant="acme")
    for _ in range(30):
        with pytest.raises(NotAllowedError):
            await pipeline.complete("Why?", tenant="banned")
    facts = (await ask(app, "/status.json")).json
    assert (facts["level"], facts["findings"]) == ("well", [])
    assert (facts["calls"]["succeeded"], facts["calls"]["failed"]) == (1, 0)
    (banned,) = [row for row in facts["tenants"]["rows"] if row["tenant"] == "banned"]
    assert (banned["calls"], banned["failed"], banned["missing_keys"]) == (30, 0, 0)
    assert facts["tenants"]["failing"] == 0
    assert {story["sort"] for story in facts["stories"]} == {"good", "not_allowed"}


@pytest.mark.parametrize("names", [("first",), ("first", "second")], ids=["one target", "two"])
async def test_a_call_beyond_a_spend_limit_is_no_incident(names: tuple[str, ...]) -> None:
    """The sums of the window are in `status.json` and among the metrics."""
    hello = Response("hello", usage=Usage(10, 20, 30))
    targets = [ScriptedProvider(name, [hello] * 40) for name in names]
    limit = SpendLimit({"acme": 5000.0, "trial": 5.0}.get, 3600)
    pipeline = Pipeline(limit, Fallback(*targets), Breaker())
    app = status_app(pipeline)
    await pipeline.complete("Why?", tenant="acme")
    for _ in range(30):
        with pytest.raises(SpendLimitExceededError):
            await pipeline.complete("Why?", tenant="trial")
    facts = (await ask(app, "/status.json")).json
    assert (facts["level"], facts["findings"]) == ("well", [])
    assert (facts["calls"]["succeeded"], facts["calls"]["failed"]) == (1, 0)
    assert [each["name"] for each in facts["providers"]] == list(names)
    (trial,) = [row for row in facts["tenants"]["rows"] if row["tenant"] == "trial"]
    assert (trial["calls"], trial["failed"]) == (30, 0)
    assert {story["sort"] for story in facts["stories"]} == {"good", "spend_limit"}
    (spent,) = facts["spending"]
    assert (spent["unit"], spent["window"], spent["tenants"]) == ("tokens", 3600, 1)
    assert (spent["settled"], spent["reserved"]) == (30, 0)
    metrics = (await ask(app, "/metrics")).body.decode()
    assert 'ranvier_spend_limit_settled{unit="tokens",window="3600"} 30' in metrics


async def test_injected_faults_are_a_finding() -> None:
    """As long as the layer is on, so that nobody forgets it."""
    chaos = Chaos("overloaded")
    app = status_app(Pipeline(Fallback(ScriptedProvider("first")), chaos))
    facts = (await ask(app, "/status.json")).json
    assert (facts["level"], facts["findings"][0]["text"]) == (
        "strained",
        "faults are injected: Chaos('overloaded', rate=0.01)",
    )
    chaos.on = False
    assert (await ask(app, "/status.json")).json["level"] == "well"


@pytest.mark.parametrize("names", [("first",), ("first", "second")], ids=["one target", "two"])
async def test_a_tenant_without_a_key_is_no_incident(names: tuple[str, ...]) -> None:
    """However often it calls; it is counted, in a row and in a number of its own."""
    pipeline = Pipeline(Fallback(*(Locked(name) for name in names)), Breaker(), credentials=resolved)
    app = status_app(pipeline)
    await pipeline.complete("Why?", tenant="acme")
    for _ in range(30):
        with pytest.raises(RanvierError):
            await pipeline.complete("Why?", tenant="keyless")
    facts = (await ask(app, "/status.json")).json
    assert (facts["level"], facts["findings"]) == ("well", [])
    calls = facts["calls"]
    assert (calls["succeeded"], calls["failed"], calls["failures"], calls["keyless"]) == (1, 0, {}, 30)
    assert sum(calls["series"]["failed"]) == 0
    (keyless,) = [row for row in facts["tenants"]["rows"] if row["tenant"] == "keyless"]
    assert (keyless["calls"], keyless["failed"], keyless["missing_keys"]) == (30, 0, 30 * len(names))
    assert facts["tenants"]["failing"] == 0
    assert {story["sort"] for story in facts["stories"]} == {"good", "keyless"}
    metrics = (await ask(app, "/metrics")).body.decode()
    assert f'outcome="{KEYLESS}"}} 30' in metrics  # which the alerts leave out


@pytest.mark.parametrize("names", [("first",), ("first", "second")], ids=["one target", "two"])
async def test_our_own_key_that_is_not_set_is_one(names: tuple[str, ...]) -> None:
    """With a resolver that names it, and without any."""
    for credentials in (resolved, None):
        pipeline = Pipeline(Fallback(*(Locked(name) for name in names)), credentials=credentials)
        app = status_app(pipeline)
        for _ in range(5):
            with pytest.raises(RanvierError):
                await pipeline.complete("Why?", tenant="sharing")
        facts = (await ask(app, "/status.json")).json
        assert facts["level"] == "trouble"
        assert facts["tenants"]["rows"][0]["failed"] == 5


async def test_a_target_that_fails_behind_a_missing_key_is_one() -> None:
    """The tenant has a key for the target that is down."""
    down = ScriptedProvider("second", [OverloadedError("no", provider="second")] * 5)
    pipeline = Pipeline(
        Fallback(Locked("first"), down),
        credentials=lambda tenant, provider: None if provider == "first" else "sk-acme",
    )
    app = status_app(pipeline)
    for _ in range(5):
        with pytest.raises(RanvierError):
            await pipeline.complete("Why?", tenant="acme")
    facts = (await ask(app, "/status.json")).json
    assert (facts["level"], facts["calls"]["failures"]) == ("trouble", {"all_failed": 5})
    assert "sk-acme" not in json.dumps(facts)


async def test_keyless_calls_neither_prolong_an_outage_nor_make_calls_look_fast() -> None:
    """They are in no series, and in no latency."""
    pipeline, app = stack()
    pipeline.events.emit(call(attempt("first"), seconds=8.0))
    for _ in range(20):
        pipeline.events.emit(call(outcome=KEYLESS, seconds=0.0))
    calls = (await ask(app, "/status.json")).json["calls"]
    assert calls["seconds"]["p50"] == pytest.approx(8, rel=0.2)
    body = (await ask(app, "/metrics")).body.decode()
    assert 'ranvier_call_duration_seconds_count{outcome="failed"} 0' in body
