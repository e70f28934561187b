"""All gates of a throttle that are not open, by key, bounded in number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ranvier import clock
from ranvier.layers.throttle.elsewhere import GatesElsewhere
from ranvier.layers.throttle.gate import Gate, Reason
from ranvier.layers.throttle.keys import Key, digest
from ranvier.layers.throttle.wait_queue import WaitQueue
from ranvier.pipeline.running.loops import Loops
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.pipeline.queueing.waiter import Waiter
    from ranvier.pipeline.runtime import Runtime

IDLE_SECONDS = 60.0
"""Seconds after its closed time for which a gate without calls is kept."""


@dataclass(frozen=True, slots=True)
class GateSnapshot:
    """The state of a gate at one moment.

    Attributes:
        provider: The provider of the gate.
        model: The model of the gate; `None` for the gate of a whole key, which every model passes.
        key: A digest of the credential, which only distinguishes keys.
        reason: The kind of the provider's error.
        closed_for: Seconds until the gate admits a probe; 0 if it would now, or if one is in flight.
        waiting: The number of waiting calls.
    """

    provider: str
    model: str | None
    key: str
    reason: str
    closed_for: float
    waiting: int


class Gates:
    """The gates that are closed or have waiting calls. An open gate is not kept.

    At most `max_gates` are kept. A new gate evicts the one that was closed the longest time ago and has no
    waiting call or probe. If there is none, the new key gets no gate.
    """

    def __init__(
        self,
        max_gates: int,
        create: Callable[[], Gate[Waiter | None]],
        longest: Callable[[Reason], float],
    ) -> None:
        self._max_gates = max_gates
        self.longest = longest  # seconds for which a gate is closed
        self._create = create
        self._loops = Loops("Throttle")
        self.elsewhere = GatesElsewhere(self)
        self.known: OrderedDict[Key, WaitQueue] = OrderedDict()  # in the order in which they were closed

    def with_settings_of(self, other: Gates) -> Self:
        """These gates, with the settings of `other` from now on."""
        self._max_gates, self._create, self.longest = other._max_gates, other._create, other.longest
        return self

    # --- for operators ---------------------------------------------------------------------------

    def __iter__(self) -> Iterator[GateSnapshot]:
        now = clock.now()
        for key, queue in list(self.known.items()):
            gate = queue.gate
            if now < gate.until or not gate.idle:
                closed_for = max(gate.until - now, 0.0)
                yield GateSnapshot(key[0], key[1], digest(key), gate.reason.value, closed_for, gate.waiting)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        seen = list(self)
        waiting = counted(sum(each.waiting for each in seen), "call")
        return f"<{counted(len(seen), 'closed gate')} of at most {self._max_gates}, {waiting} waiting>"

    def open(self, provider: str, key: str | None = None, model: str | None = None) -> None:
        """Open all gates at a provider, or only those of a key or of a model.

        Args:
            provider: The provider's name.
            key: A digest, as `GateSnapshot.key`; `None` means every key.
            model: The model of the gates to open; `None` means every model, and the gates of whole keys.
        """
        for each, queue in list(self.known.items()):
            if each[0] == provider and key in (None, digest(each)) and model in (None, each[1]):
                queue.reopen(clock.now())
                self.elsewhere.reopened(each)

    # --- for the throttle ------------------------------------------------------------------------

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: if the old event loop is closed, drop the calls that waited on it."""
        shift = self._loops.enter(pipeline)
        self.elsewhere.opened(pipeline)
        if shift is None:
            return
        for key, queue in list(self.known.items()):
            queue.start_anew(shift)
            if queue.gate.open:
                self._drop(key, queue)

    def close(self, key: Key, reason: Reason, until: float, now: float) -> bool:
        """Close the gate of `key`. True if it was open, or closed only for a temporary reason."""
        queue = self.known.get(key)
        if queue is None:
            if not self._make_room(now):
                return True
            queue = WaitQueue(self._create(), lambda done: self._drop(key, done))
        self.known[key] = queue
        self.known.move_to_end(key)
        news = now >= queue.gate.until or (queue.gate.reason.passes and not reason.passes)
        queue.close(reason, until, now)
        return news

    def opens_in(self, keys: Iterable[Key], now: float) -> float:
        """Seconds until all gates of `keys` would admit a call, as far as known; 0 means now."""
        queues = (self.known.get(key) for key in keys)
        return max((queue.gate.opens_in(now) for queue in queues if queue is not None), default=0.0)

    def bar(self, keys: Iterable[Key], now: float) -> bool:
        """True if a gate of `keys` is closed for a permanent reason, so that no call waits."""
        gates = [queue.gate for key in keys if (queue := self.known.get(key)) is not None]
        return any(not gate.reason.passes and gate.opens_in(now) for gate in gates)

    def _drop(self, key: Key, queue: WaitQueue) -> None:
        if self.known.get(key) is queue:
            del self.known[key]

    def _make_room(self, now: float) -> bool:
        while self.known:
            key, oldest = next(iter(self.known.items()))
            if not oldest.gate.idle or now < oldest.gate.until + IDLE_SECONDS:
                break
            del self.known[key]
        if len(self.known) < self._max_gates:
            return True
        idle = next((key for key, queue in self.known.items() if queue.gate.idle), None)
        if idle is not None:
            del self.known[idle]
        return idle is not None
