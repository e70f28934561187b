"""The story of a call: where its seconds went, as far as anybody can say. Categories only, no texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from ranvier.facts.price import Prices
from ranvier.messages.usage import Usage

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt

WAITED: Final = {
    "backoff": "slept before another attempt",
    "gate": "waited at the gate of a key at rest",
    "slot": "waited for a connection slot",
    "credential": "waited for a credential",
}
"""What a call waits for outside its attempts, and how that is told."""


class Wait(NamedTuple):
    """A wait outside the attempts, or a target that was passed over.

    Attributes:
        kind: `backoff`, `gate`, `slot` or `credential`; `skipped` is a target passed over.
        started_at: When, on the loop's clock.
        seconds: How long.
        reason: The kind of the error that made it necessary, where there was one.
        target: `"provider/model"`.
    """

    kind: str
    started_at: float
    seconds: float
    reason: str | None
    target: str


@dataclass(frozen=True, slots=True)
class Story:
    """What became of one call: `print(answer.explain())`.

    Attributes:
        started_at, ended: In seconds on the loop's clock, which is no wall time; a call in flight has not
            ended, and this is when it was looked at.
        outcome: `succeeded` (also where the answer is empty), `abandoned`, or the kind of its error.
        attempts: What was sent, oldest first.
        waits: What it waited for besides.
        skips: Targets that were passed over; `reason` is why.
    """

    started_at: float
    ended: float
    outcome: str
    attempts: tuple[Attempt, ...]
    waits: tuple[Wait, ...]
    skips: tuple[Wait, ...]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started_at

    @property
    def unaccounted_seconds(self) -> float:
        """Seconds neither in an attempt nor in a wait: in ranvier, in layers of your own, in a busy loop.

        Less than none where a layer of yours does several things at a time.
        """
        tried = sum(attempt.seconds for attempt in self.attempts)
        return self.seconds - tried - sum(wait.seconds for wait in self.waits)

    @property
    def usage(self) -> Usage:
        """The tokens of all attempts together, as far as their providers told."""
        return _sum(self.attempts)

    @property
    def wasted_usage(self) -> Usage:
        """Those of attempts that came to nothing."""
        return _sum(self._in_vain())

    def cost(self, prices: Prices) -> float:
        """What all attempts cost together; a target that has no price costs nothing."""
        return _cost(self.attempts, prices)

    def wasted_cost(self, prices: Prices) -> float:
        """What the attempts that came to nothing cost."""
        return _cost(self._in_vain(), prices)

    def explain(self, prices: Prices | None = None) -> str:
        """A few lines that a person reads: each attempt, each wait and why, and where the seconds went.

        Args:
            prices: By `"provider/model"`; with them the tokens are told with what they cost.
        """
        sent = f"{len(self.attempts)} attempt{'' if len(self.attempts) == 1 else 's'}"
        lines = [f"{_words(self.outcome)} after {self.seconds:.3f} s, {sent}"]
        steps = [(attempt.started, _attempted(attempt)) for attempt in self.attempts]
        steps += [(wait.started_at, _waited(wait)) for wait in (*self.waits, *self.skips)]
        for when, told in sorted(steps, key=lambda step: step[0]):
            lines.append(f"  {max(when - self.started_at, 0.0):8.3f} s  {told}")
        lines.append(f"  in all: {', '.join(self._parts())}")
        lines.extend(self._spent(prices))
        return "\n".join(lines)

    def _in_vain(self) -> Iterator[Attempt]:
        return (attempt for attempt in self.attempts if attempt.outcome != "succeeded")

    def _parts(self) -> Iterator[str]:
        yield f"{sum(attempt.seconds for attempt in self.attempts):.3f} s in attempts"
        for kind, words in WAITED.items():
            if seconds := sum(wait.seconds for wait in self.waits if wait.kind == kind):
                yield f"{seconds:.3f} s {words}"
        rest = self.unaccounted_seconds
        yield f"{rest:.3f} s elsewhere" if rest >= 0 else f"{-rest:.3f} s at the same time"

    def _spent(self, prices: Prices | None) -> Iterator[str]:
        if self.usage.total:
            vain = self.wasted_usage.total
            yield f"  tokens: {self.usage.total}, {vain} of them in attempts that came to nothing"
            if prices is not None:
                yield f"  cost: {self.cost(prices):.6f}, {self.wasted_cost(prices):.6f} of it in vain"


def _attempted(attempt: Attempt) -> str:
    status = "" if attempt.status is None else f" ({attempt.status})"
    first = "" if attempt.first_token is None else f", first content after {attempt.first_token:.3f} s"
    met = f"{_words(attempt.outcome)}{status}, {attempt.seconds:.3f} s{first}"
    return f"{attempt.target}, attempt {attempt.number}: {met}"


def _waited(wait: Wait) -> str:
    because = "" if wait.reason is None else f" because of {_words(wait.reason)}"
    if wait.kind == "skipped":
        return f"{wait.target} was passed over{because}"
    return f"{WAITED[wait.kind]}, {wait.seconds:.3f} s{because} ({wait.target})"


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _cost(attempts: Iterable[Attempt], prices: Prices) -> float:
    cost = 0.0
    for attempt in attempts:
        if attempt.usage is not None and attempt.target in prices:
            cost += prices[attempt.target].of(attempt.usage)
    return cost


def _sum(attempts: Iterable[Attempt]) -> Usage:
    told = [attempt.usage for attempt in attempts if attempt.usage is not None]
    names = ("input", "output", "total", "cache_read", "cache_write", "reasoning")
    sums = {name: sum(getattr(usage, name) for usage in told) for name in names}
    return Usage(**sums, complete=all(usage.complete for usage in told))
