"""Whether anything is wrong, in one word and a few sentences. Pure: it judges what the report says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LEVELS = ("well", "strained", "trouble")
"""From good to bad. Strained is what is being dealt with; trouble is what customers notice, or soon will."""

OF_THE_REQUEST = {"invalid_request", "context_length", "content_filter", "model_not_found"}
"""Failures that say nothing about a provider: the same request fails wherever it goes."""

MANY = 0.5
"""The part of a provider's attempts that has failed when it is in trouble."""

SOME = 0.05
"""The part of attempts, or of calls, that has to fail before anybody is told."""

FEW = 5
"""Attempts of which one cannot yet say that a part of them has failed."""

QUIET = 10
"""Seconds with successes and without a failure, after which an outage is over."""

Finding = tuple[str, str]
"""A level, and a sentence."""


def worst(findings: list[Finding]) -> str:
    """The worst level of all."""
    return max((level for level, _ in findings), key=LEVELS.index, default="well")


def of_provider(facts: Mapping[str, Any]) -> list[Finding]:
    """What is wrong at one provider."""
    name, states = facts["name"], facts["circuits"]
    findings = [*_attempts(name, facts), *_keys(name, facts)]
    due = facts["probes_due"]
    if opened := states.get("open", 0) - due:
        findings.append(("trouble", f"{_number(opened, 'circuit')} open at {name}"))
    if due:
        findings.append(("strained", f"{_number(due, 'circuit')} at {name} to be probed by the next call"))
    if probing := states.get("half_open"):
        findings.append(("strained", f"{_number(probing, 'circuit')} probing {name}"))
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
        yield level, f"{share:.0%} of attempts at {name} {fail}, most by {most.replace('_', ' ')}"


def _keys(name: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    if facts["refused"]:
        yield "strained", f"{name} refused {_number(facts['refused'], 'key')}"
    if facts["throttled"]:
        yield "strained", f"{name} slows us down"


def of_calls(facts: Mapping[str, Any]) -> list[Finding]:
    """What customers notice."""
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
    """True where nothing has failed of late, though something was tried."""
    succeeded, failed = facts["series"]["succeeded"], facts["series"]["failed"]
    return any(succeeded[-QUIET:]) and not any(failed[-QUIET:])


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
