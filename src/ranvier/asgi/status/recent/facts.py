"""Recent numbers as parts of `status.json`, with the findings about each provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ranvier.asgi.status import health
from ranvier.asgi.status.recent.numbers import SERIES, Recent
from ranvier.asgi.status.recent.of_worker import SHOWN_EVENTS
from ranvier.asgi.status.stats import NEITHER
from ranvier.asgi.status.windows import percentiles
from ranvier.errors.rejected import CredentialMissingError


def of_calls(recent: Recent) -> dict[str, Any]:
    """The `calls` of `status.json`."""
    return {
        **_outcomes(recent),
        **_percentiles("seconds", recent.seconds),
        "rescued": recent.happened["rescued"],
        "keyless": recent.outcomes[CredentialMissingError.kind],
        "running": recent.happened["running"],
        "streams": recent.happened["streams"],
        "series": _series(recent),
    }


def of_provider(name: str, recent: Recent) -> dict[str, Any]:
    """One of the `providers` of `status.json`: the attempts there, and the findings about it."""
    facts = {
        "name": name,
        **_outcomes(recent),
        **_percentiles("seconds", recent.seconds),
        **_percentiles("first_token", recent.first_token),
        "running": recent.happened["running"],
        "circuits": dict(recent.circuits),
        "probes_due": recent.happened["probes_due"],
        "series": _series(recent),
        **{what: recent.happened[what] for what in SHOWN_EVENTS},
    }
    findings = health.of_provider(facts)
    return {**facts, "level": health.worst(findings), "findings": findings}


def _outcomes(recent: Recent) -> dict[str, Any]:
    """The number of each outcome, and the rate per second."""
    kinds = recent.outcomes
    failures = {kind: number for kind, number in kinds.items() if kind not in ("succeeded", *NEITHER)}
    return {
        "rate": recent.rate,
        "succeeded": kinds["succeeded"],
        "failed": sum(failures.values()),
        "abandoned": kinds["abandoned"],
        "failures": failures,
    }


def _percentiles(name: str, counts: Sequence[int]) -> dict[str, Any]:
    return {name: dict(zip(("p50", "p95", "p99"), percentiles(counts, 0.5, 0.95, 0.99), strict=True))}


def _series(recent: Recent) -> dict[str, list[int]]:
    return {name: list(getattr(recent, name)) or [0] * SERIES for name in ("succeeded", "failed")}
