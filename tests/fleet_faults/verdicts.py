"""What the logs of all workers prove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fleet_faults.convergence import Span, decisions, delays, quantile, turns
from fleet_faults.exchanges import Exchange, exchanges
from fleet_faults.leases import leases, most_at_once, too_early
from fleet_faults.scenes import TARGET, Scene
from fleet_faults.spending import allowed, spent, was_limited
from fleet_faults.stage import Stage
from fleet_faults.transitions import astray, lost
from fleet_faults.worker_log import Entry
from fleet_faults.working import COOLDOWN, MAX_PROBES

KNOWN_WITHIN = 0.025
"""Seconds from the deciding report until applied, p99, while half of the processors are idle."""

ENOUGH = 300
"""Pushes. All workers hear of one decision late together: of fewer pushes, that is far more than a hundredth,
and nine tenths are judged."""

POLLED_WITHIN = 1.3
"""The same while pushes are cut."""

LOGGER = "ranvier.fleet"

REJECT_WITHIN = 0.05
"""Seconds from the deciding report until every worker rejects."""


@dataclass
class Verdict:
    """What is printed, and what was violated."""

    lines: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def expect(self, kept: bool, told: str) -> None:
        """Something has to hold."""
        if not kept:
            self.violations.append(told)


def judge(stage: Stage, scenes: Sequence[Scene], idle: float) -> Verdict:
    """Read all logs, and judge."""
    verdict = Verdict()
    ours = {worker.orders.number for worker in stage.workers if worker.orders.protocol is None}
    entries = [entry for entry in stage.entries() if entry.worker in ours]
    said = exchanges(entries)
    losses = [span for scene in scenes for span in scene.losses]
    for scene in scenes:
        verdict.expect(not scene.trouble, f"{scene.name}: {scene.trouble}")
    _judge_calls(verdict, entries)
    _judge_lines(verdict, entries)
    _judge_probes(verdict, said, losses)
    _judge_transitions(verdict, said, losses)
    _judge_convergence(verdict, entries, said, scenes, idle)
    gone = {worker.orders.number for worker in stage.workers if worker.was_killed}
    _judge_spending(verdict, entries, gone, losses)
    return verdict


def _judge_calls(verdict: Verdict, entries: Sequence[Entry]) -> None:
    """The second target always answers, so that no call has a reason to fail."""
    calls = [entry for entry in entries if entry.what == "call"]
    failed = Counter(entry.facts["how"] for entry in calls if entry.facts["how"] != "answered")
    took = [entry.facts["took"] for entry in calls]
    verdict.lines.append(f"calls: {len(calls):,}, slowest {max(took, default=0):.2f} s")
    verdict.lines.append(f"calls failed because of the store: {failed.total()}")
    verdict.expect(bool(calls), "nothing was called")
    for how, times in failed.most_common(5):
        verdict.expect(False, f"{times} calls failed: {how[:300]}")


def _judge_lines(verdict: Verdict, entries: Sequence[Entry]) -> None:
    """Each change between a store that can be used and one that cannot is one line in the log."""
    last: dict[int, str] = {}
    lines = 0
    for entry in entries:
        if entry.what == "said" and entry.facts["name"] == LOGGER and "the store can" in entry.facts["line"]:
            lines += 1
            kind = "cannot" if "cannot" in entry.facts["line"] else "can"
            repeated = last.get(entry.worker, "can") == kind
            verdict.expect(not repeated, f"worker {entry.worker} said twice: {entry.facts['line']}")
            last[entry.worker] = kind
    verdict.lines.append(f"log lines about the store: {lines}, one for each change")


def _judge_probes(verdict: Verdict, said: Sequence[Exchange], losses: Sequence[Span]) -> None:
    granted = leases(said, losses)
    most = most_at_once(granted)
    verdict.lines.append(f"leases: {len(granted)} granted, {most} at most valid at a time")
    verdict.expect(bool(granted), "no probe was ever granted")
    verdict.expect(most <= MAX_PROBES, f"{most} leases were valid at a time, and {MAX_PROBES} are allowed")
    verdict.violations += too_early(granted, said, COOLDOWN)


def _judge_transitions(verdict: Verdict, said: Sequence[Exchange], losses: Sequence[Span]) -> None:
    without, with_reason = lost(said, losses)
    verdict.violations += [f"lost without a reason: {told}" for told in without]
    verdict.violations += astray(said)
    verdict.lines.append(f"acknowledged transitions lost: {len(without)} without a reason")
    verdict.lines += [f"  lost with the data: {told}" for told in with_reason]


def _judge_convergence(
    verdict: Verdict,
    entries: Sequence[Entry],
    said: Sequence[Exchange],
    scenes: Sequence[Scene],
    idle: float,
) -> None:
    pushed = delays(decisions(said, list(_whole(scenes))), entries)
    middle, late = quantile(pushed, 0.5), quantile(pushed, 0.99)
    verdict.lines.append(
        f"convergence: p50 {middle * 1000:.1f} ms, p99 {late * 1000:.1f} ms of {len(pushed)} pushes, "
        f"processors {idle:.0%} idle"
    )
    verdict.expect(bool(pushed), "nothing was pushed")
    share = 0.99 if len(pushed) >= ENOUGH else 0.9
    judged = quantile(pushed, share)
    told = f"{share:.0%} of the pushes took {judged * 1000:.1f} ms"
    verdict.expect(judged <= KNOWN_WITHIN or idle < 0.5, told)
    for scene in scenes:
        bound = POLLED_WITHIN if scene.deaf else None if scene.harmed else REJECT_WITHIN
        slowest = _until_all_reject(scene, entries, said)
        if bound and slowest:
            verdict.lines.append(f"  {scene.name}: all reject {slowest * 1000:.1f} ms after the report")
            verdict.expect(slowest <= bound or idle < 0.5, f"{scene.name}: all reject after {slowest:.3f} s")


def _judge_spending(
    verdict: Verdict, entries: Sequence[Entry], gone: set[int], losses: Sequence[Span]
) -> None:
    by_worker = spent(entries)
    of_the_gone = sum(tokens for number, tokens in by_worker.items() if number in gone)
    total, most = sum(by_worker.values()), allowed(of_the_gone, len(by_worker), losses)
    losing = f"the store lost its data {len(losses)} times"
    verdict.lines.append(f"spent: {total:,} tokens of {most:,} at most; {losing}")
    verdict.expect(total <= most, f"{total:,} tokens were spent, and {most:,} are allowed")
    verdict.expect(was_limited(entries), "the spend limit was never used up")


def _whole(scenes: Sequence[Scene]) -> Iterator[Span]:
    """When nothing was wrong with the store, nor just before."""
    for scene in scenes:
        if not scene.harmed and not scene.trouble:
            yield scene.began, scene.ended


def _until_all_reject(scene: Scene, entries: Sequence[Entry], said: Sequence[Exchange]) -> float | None:
    """Seconds from the deciding report until the last worker rejected; `None` if no report decided."""
    span = (scene.opened, scene.ended)
    opened = [
        each
        for each in decisions(said, [span])
        if each.command["is"] == "Count" and each.view and each.view["state"] == "open"
    ]
    if not opened:
        return None
    first = opened[0]
    known = turns(entries, TARGET, "open", first.sent)
    return max((at - first.sent for at in known.values() if at <= scene.ended), default=None)
