"""All gates of a throttle that are not open: found by key, bounded in number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.layers.throttle.gate import Reason
from ranvier.layers.throttle.wait_queue import WaitQueue
from ranvier.pipeline.running.loops import Loops

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

IDLE_SECONDS = 60.0
"""How long after its time a gate that nobody has come to is remembered."""

Key = tuple[str, int]
"""A provider's name (or a target's), and the hash of the credential there.

Python's hash of a string is keyed by a secret of the process, cached in the string and 64 bits long:
it tells keys apart, it costs nothing, and nobody can reckon back from it.
"""


@dataclass(frozen=True, slots=True)
class GateSnapshot:
    """A gate as it was when it was looked at.

    Attributes:
        provider: Of the gate; with `overrides` for one target, that target.
        key: A digest of the credential, which tells keys apart and is good for nothing else.
        reason: The kind of what the provider said.
        closed_for: Seconds until a first call may pass; 0 when one may, or is under way.
        waiting: Calls that wait before it.
    """

    provider: str
    key: str
    reason: str
    closed_for: float
    waiting: int


class Gates:
    """The gates that are closed, or before which somebody waits. An open gate is none at all.

    At most `max_gates` are kept; for a new one the gate goes that was closed the longest time ago
    and before which nobody waits. Where there is none, a key simply gets no gate.
    """

    def __init__(self, max_gates: int) -> None:
        self._max_gates = max_gates
        self._loops = Loops()
        self.known: OrderedDict[Key, WaitQueue] = OrderedDict()  # from the one closed first to the last

    # --- for operators ---------------------------------------------------------------------------

    def __iter__(self) -> Iterator[GateSnapshot]:
        now = clock.now()
        for key, keeper in list(self.known.items()):
            gate = keeper.gate
            if now < gate.until or not gate.idle:
                yield GateSnapshot(
                    key[0], digest(key), gate.reason.value, max(gate.until - now, 0.0), gate.waiting
                )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        seen = list(self)
        waiting = sum(each.waiting for each in seen)
        return f"<{len(seen)} gates of at most {self._max_gates} are closed, {waiting} calls wait>"

    def open(self, provider: str, key: str | None = None) -> None:
        """Forget what a provider said to `key` (a digest, as iteration shows it), or to every key."""
        for each, keeper in list(self.known.items()):
            if each[0] == provider and key in (None, digest(each)):
                keeper.reopen(clock.now())

    # --- for the throttle ------------------------------------------------------------------------

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: where the old event loop is closed, nobody waits at a gate any more."""
        shift = self._loops.enter(pipeline.loop, pipeline.clock)
        if shift is None:
            return
        for key, keeper in list(self.known.items()):
            keeper.start_anew(shift)
            if keeper.gate.open:
                self._drop(key, keeper)

    def close(self, key: Key, reason: Reason, until: float, now: float) -> bool:
        """The provider has said no to `key`. True if its gate was not closed before."""
        keeper = self.known.get(key)
        if keeper is None:
            if not self._make_room(now):
                return True
            keeper = WaitQueue(lambda done: self._drop(key, done))
        self.known[key] = keeper
        self.known.move_to_end(key)
        news = now >= keeper.gate.until or (keeper.gate.reason.passes and not reason.passes)
        keeper.close(reason, until, now)
        return news

    def opens_in(self, key: Key, now: float) -> float:
        """Seconds until a call with `key` may pass, as far as that is known; 0 is now."""
        keeper = self.known.get(key)
        return 0.0 if keeper is None else keeper.gate.opens_in(now)

    def _drop(self, key: Key, keeper: WaitQueue) -> None:
        if self.known.get(key) is keeper:
            del self.known[key]

    def _make_room(self, now: float) -> bool:
        while self.known:
            key, oldest = next(iter(self.known.items()))
            if not oldest.gate.idle or now < oldest.gate.until + IDLE_SECONDS:
                break
            del self.known[key]
        if len(self.known) < self._max_gates:
            return True
        idle = next((key for key, keeper in self.known.items() if keeper.gate.idle), None)
        if idle is not None:
            del self.known[idle]
        return idle is not None


def digest(key: Key) -> str:
    """The credential's part of a gate's key, for people."""
    return f"{key[1] & 0xFFFFFFFF:08x}"
