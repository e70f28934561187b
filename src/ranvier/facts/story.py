"""The story of a call: where its seconds went. It holds categories only, no texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from ranvier.facts.price import Prices, of_target
from ranvier.messages.usage import Usage

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt

WAITED: Final = {
    "backoff": "slept before another attempt",
    "gate": "waited at the closed gate of a key",
    "bulkhead": "waited for a place in the bulkhead",
    "limit": "waited for a place under the adaptive limit",
    "pacing": "waited for the limits of a key",
    "slot": "waited for a connection slot",
    "credential": "waited for a credential",
}
"""What a call waits for outside its attempts, and how `explain()` describes it."""

NOTED: Final = {
    "hedged": "{target} asked as well, after {seconds:.1f} s without content from {reason}",
    "hedge_withheld": "{reason} had no content for {seconds:.1f} s, but hedges to {target} were used up",
    "hedge_too_dear": "{reason} had no content for {seconds:.1f} s, but {target} exceeds the spend limit",
    "retry_too_dear": "retry withheld: spend limit ({target})",
    "retry_withheld": "retry withheld: budget ({target})",
    "restarted": "{target} answers from the beginning, after the stream of {reason} broke",
    "balanced": "balanced: chose {target} of {reason}",
    "lookup_failed": "the credentials resolver failed: {reason} ({target})",
}
"""What else happens in a call, and how `explain()` describes it; the names are those of `Wait`."""


NO_METADATA: Final[Mapping[str, str | float]] = {}
"""Of a call without labels; it is shared, and must not be changed."""


class Wait(NamedTuple):
    """A wait outside the attempts, a skipped target, or something else that happened.

    Attributes:
        kind: `backoff`, `gate`, `bulkhead`, `limit`, `pacing`, `slot` or `credential`; `skipped` for a
            skipped target; for what else happened, such as `hedged`, a name of `NOTED`.
        started_at: When it started, on the loop's clock; monotonic, not wall time.
        seconds: How long it took. From the 101st entry of a call on, waits for the same are added up.
        reason: The kind of the error that caused it, or `None`; of a hedge, the target that was
            silent; of a restart, the target whose stream broke; of a balance, of how many targets it
            chose, and how; of a failed lookup, the class of its error.
        target: `"provider/model"`.
        detail: What is known about the reason of a skip, in words.
    """

    kind: str
    started_at: float
    seconds: float
    reason: str | None
    target: str
    detail: str | None = None


MAX_WAITS: Final = 100
"""So many waits, skips and notes of a call are kept one by one."""


def with_wait(waits: tuple[Wait, ...], wait: Wait) -> tuple[Wait, ...]:
    """`waits` with one more; from `MAX_WAITS` on it is added to an earlier one for the same, if there is any.

    A call that waits in two queues in turn may move between them hundreds of times.
    """
    if len(waits) >= MAX_WAITS:
        same = wait.kind, wait.reason, wait.target
        for place in range(len(waits) - 1, -1, -1):
            before = waits[place]
            if (before.kind, before.reason, before.target) == same:
                longer = before._replace(seconds=before.seconds + wait.seconds)
                return (*waits[:place], longer, *waits[place + 1 :])
    return (*waits, wait)


@dataclass(frozen=True, slots=True)
class Story:
    """What became of one call: `print(answer.explain())`.

    Attributes:
        started_at, ended: In seconds on the loop's clock; monotonic, not wall time. For a call in flight,
            `ended` is when the story was built.
        outcome: `succeeded` (also for an empty answer), `abandoned`, or the kind of its error.
        attempts: The attempts, oldest first.
        waits: Waits outside the attempts.
        skips: Skipped targets; `reason` says why.
        notes: Hedges, choices of a balance, what a budget withheld, and failed lookups of keys.
        metadata: The labels of the call, as the caller gave them.
    """

    started_at: float
    ended: float
    outcome: str
    attempts: tuple[Attempt, ...]
    waits: tuple[Wait, ...]
    skips: tuple[Wait, ...]
    notes: tuple[Wait, ...] = ()
    metadata: Mapping[str, str | float] = field(default_factory=lambda: NO_METADATA)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started_at

    @property
    def unaccounted_seconds(self) -> float:
        """Seconds neither in an attempt nor in a wait: in ranvier, in custom layers, in a blocked loop.

        Negative if attempts ran in parallel: hedges, or those of a custom layer.
        """
        tried = sum(attempt.seconds for attempt in self.attempts)
        return self.seconds - tried - sum(wait.seconds for wait in self.waits)

    @property
    def usage(self) -> Usage:
        """The tokens of all attempts together, as far as their providers reported them."""
        return _sum(self.attempts)

    @property
    def wasted_usage(self) -> Usage:
        """The tokens of attempts that did not succeed."""
        return _sum(self._failed())

    def cost(self, prices: Prices) -> float:
        """What all attempts cost together; a target without a price counts as 0."""
        return _cost(self.attempts, prices)

    def wasted_cost(self, prices: Prices) -> float:
        """What the attempts that did not succeed cost."""
        return _cost(self._failed(), prices)

    def explain(self, prices: Prices | None = None) -> str:
        """A few lines of text: each attempt, each wait and its reason, and where the seconds went.

        Args:
            prices: Prices by `"provider/model"`, to show the cost as well.
        """
        sent = f"{len(self.attempts)} attempt{'' if len(self.attempts) == 1 else 's'}"
        lines = [f"{_words(self.outcome)} after {self.seconds:.3f} s, {sent}"]
        if self.metadata:
            lines.append(f"  {', '.join(f'{name}={label}' for name, label in self.metadata.items())}")
        steps = [(note.started_at, _waited(note)) for note in self.notes if note.kind == "balanced"]
        steps += [(attempt.started, _attempted(attempt)) for attempt in self.attempts]
        rest = [note for note in self.notes if note.kind != "balanced"]
        steps += [(wait.started_at, _waited(wait)) for wait in (*self.waits, *self.skips, *rest)]
        for when, line in sorted(steps, key=lambda step: step[0]):
            lines.append(f"  {max(when - self.started_at, 0.0):8.3f} s  {line}")
        lines.append(f"  total: {', '.join(self._parts())}")
        lines.extend(self._spent(prices))
        return "\n".join(lines)

    def _failed(self) -> Iterator[Attempt]:
        return (attempt for attempt in self.attempts if attempt.outcome != "succeeded")

    def _parts(self) -> Iterator[str]:
        yield f"{sum(attempt.seconds for attempt in self.attempts):.3f} s in attempts"
        for kind, words in WAITED.items():
            if seconds := sum(wait.seconds for wait in self.waits if wait.kind == kind):
                yield f"{seconds:.3f} s {words}"
        rest = self.unaccounted_seconds
        yield f"{rest:.3f} s elsewhere" if rest >= 0 else f"{-rest:.3f} s in parallel"

    def _spent(self, prices: Prices | None) -> Iterator[str]:
        if self.usage.total:
            yield f"  tokens: {self.usage.total}, of which {self.wasted_usage.total} on failed attempts"
            if prices is not None:
                wasted = self.wasted_cost(prices)
                yield f"  cost: {self.cost(prices):.6f}, of which {wasted:.6f} on failed attempts"


def _attempted(attempt: Attempt) -> str:
    status = "" if attempt.status is None else f" ({attempt.status})"
    first = "" if attempt.first_token is None else f", first content after {attempt.first_token:.3f} s"
    result = f"{_words(attempt.outcome)}{status}, {attempt.seconds:.3f} s{first}"
    injected = "" if attempt.fault is None else f" (injected: {_words(attempt.fault)})"
    where = "" if attempt.endpoint is None else f" at {attempt.endpoint}"
    return f"{attempt.target}{where}, attempt {attempt.number}: {result}{injected}"


def _waited(wait: Wait) -> str:
    if wait.kind in NOTED:
        return NOTED[wait.kind].format(**wait._asdict())
    because = "" if wait.reason is None else f" because of {_words(wait.reason)}"
    if wait.kind == "skipped" and wait.detail is not None:
        return f"{wait.target} passed over: {wait.detail}"
    if wait.kind == "skipped":
        return f"{wait.target} skipped{because}"
    return f"{WAITED[wait.kind]}, {wait.seconds:.3f} s{because} ({wait.target})"


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _cost(attempts: Iterable[Attempt], prices: Prices) -> float:
    cost = 0.0
    for attempt in attempts:
        price = of_target(prices, attempt.target)
        if attempt.usage is not None and price is not None:
            cost += price.of(attempt.usage)
    return cost


def _sum(attempts: Iterable[Attempt]) -> Usage:
    reported = [attempt.usage for attempt in attempts if attempt.usage is not None]
    names = ("input", "output", "total", "cache_read", "cache_write", "reasoning")
    sums = {name: sum(getattr(usage, name) for usage in reported) for name in names}
    return Usage(**sums, complete=all(usage.complete for usage in reported))
