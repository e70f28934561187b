"""Rates the health of a pipeline by a level and a few sentences. Pure: it reads only the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ranvier.asgi.status.recent.numbers import WINDOW

LEVELS = ("well", "strained", "trouble")
"""From good to bad. Strained: failures are being handled. Trouble: users notice failures, or soon will."""

OF_THE_REQUEST = {"invalid_request", "context_length", "content_filter", "model_not_found"}
"""Kinds of errors that are no evidence against a provider: the same request fails at every provider."""

MANY = 0.5
"""A provider is in trouble if at least this share of its attempts fails."""

SOME = 0.05
"""The minimum share of failed attempts, or calls, that is reported as a finding."""

FEW = 5
"""The minimum number of attempts, or of failed calls, for a share to be meaningful."""

QUIET = 10
"""An outage is over after this many seconds with successes and without a failure."""

Finding = tuple[str, str]
"""A level, and a sentence."""


def worst(findings: list[Finding]) -> str:
    """The worst level of the findings."""
    return max((level for level, _ in findings), key=LEVELS.index, default="well")


def of_provider(facts: Mapping[str, Any]) -> list[Finding]:
    """The findings about one provider."""
    name, states = facts["name"], facts["circuits"]
    findings = [*_attempts(name, facts), *_keys(name, facts)]
    due = facts["probes_due"]
    if opened := states.get("open", 0) - due:
        findings.append(("trouble", f"{_number(opened, 'circuit')} open at {name}"))
    if due:
        findings.append(("strained", f"{_number(due, 'circuit')} at {name} ready for a probe"))
    if probing := states.get("half_open"):
        findings.append(("strained", f"{_number(probing, 'circuit')} half-open at {name}"))
    if isolated := states.get("isolated"):
        findings.append(("strained", f"{_number(isolated, 'circuit')} isolated at {name}"))
    return findings


def _attempts(name: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    kinds = {kind: number for kind, number in facts["failures"].items() if kind not in OF_THE_REQUEST}
    failed, good = sum(kinds.values()), facts["succeeded"]
    share = failed / max(failed + good, 1)
    if failed + good >= FEW and share >= SOME:
        most = max(kinds, key=lambda kind: kinds[kind])
        over = _is_over(facts)
        level = "trouble" if share >= MANY and not over else "strained"
        fail = f"failed, none in the last {QUIET} s" if over else "fail"
        yield level, f"{share:.0%} of attempts at {name} {fail}, most often {most.replace('_', ' ')}"


def _keys(name: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    if facts["refused"]:
        yield "strained", f"{name} rejected {_number(facts['refused'], 'key')}"
    if facts["throttled"]:
        yield "strained", f"{name} rate limits calls"


def of_calls(facts: Mapping[str, Any]) -> list[Finding]:
    """The findings about calls, which users notice."""
    failed, good = facts["failed"], facts["succeeded"]
    if not failed:
        return []
    share, over = failed / (failed + good), _is_over(facts)
    level = "trouble" if failed >= FEW and share >= SOME and not over else "strained"
    words = f"{_number(failed, 'call')} failed"
    if good:
        words += f", {share:.1%} of all"
    return [(level, f"{words}, none in the last {QUIET} s" if over else words)]


def _is_over(facts: Mapping[str, Any]) -> bool:
    """True if there were successes and no failures in the last `QUIET` seconds."""
    succeeded, failed = facts["series"]["succeeded"], facts["series"]["failed"]
    # The series end with the last whole second; failures of the current one are only in the window's sum.
    failed_now = facts["failed"] - sum(failed[-WINDOW + 1 :])
    return any(succeeded[-QUIET:]) and not any(failed[-QUIET:]) and failed_now <= 0


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
