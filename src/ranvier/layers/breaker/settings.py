"""The settings of a circuit: when it opens, for how long, and when it closes again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ranvier.layers.breaker.windows import Windows
    from ranvier.pipeline.call import Call


ENFORCED, OBSERVED, OFF = MODES = ("enforced", "observed", "off")
"""The mode of a circuit: rejects calls; only reports what it would do; or does not exist."""


class CircuitSettings:
    """The settings of a circuit: when it opens, for how long, and when it closes again.

    `rng` returns numbers from 0 up to 1, and adds up to a fifth to each cooldown, so that the circuits of
    many tenants do not probe in step.
    """

    __slots__ = (
        "cooldown",
        "failure_threshold",
        "max_cooldown",
        "max_probes",
        "mode",
        "rng",
        "success_threshold",
        "windows",
    )

    def __init__(
        self,
        failure_threshold: int | None,
        success_threshold: int,
        cooldown: float,
        max_cooldown: float | None,
        max_probes: int,
        rng: Callable[[], float],
        windows: Windows | None = None,
        mode: str = ENFORCED,
    ) -> None:
        self.failure_threshold = math.inf if failure_threshold is None else failure_threshold
        self.success_threshold = success_threshold
        self.cooldown = cooldown
        self.max_cooldown = max_cooldown
        self.max_probes = max_probes
        self.rng = rng
        self.windows = windows
        self.mode = mode

    def same_as(self, other: CircuitSettings) -> bool:
        """True if a circuit behaves the same with `other`."""
        mine, others = self.windows, other.windows
        windows = None if mine is None else mine.settings(), None if others is None else others.settings()
        names = [name for name in self.__slots__ if name not in ("rng", "windows")]
        plain = all(getattr(self, name) == getattr(other, name) for name in names)
        return plain and windows[0] == windows[1]

    @property
    def longest_cooldown(self) -> float:
        """The longest time in seconds that a circuit stays open without a probe."""
        return 1.2 * max(self.cooldown, self.max_cooldown or 0.0)

    def cooldown_after(self, reopenings: int) -> float:
        """Seconds to stay open, when the circuit has opened `reopenings` times since it was last closed."""
        cooldown = self.cooldown
        if self.max_cooldown is not None and cooldown > 0:
            doublings = min(reopenings, 64)  # enough for any cooldown, without overflow
            cooldown = min(cooldown * 2.0**doublings, max(self.max_cooldown, cooldown))
        return cooldown * (1.0 + 0.2 * self.rng())


class Leasing(Protocol):
    """The part of a `Breaker` that its circuits use."""

    rules: CircuitSettings

    def lease(self, call: Call) -> float:
        """The lease in seconds of `call` as a probe that is sent now."""

    def reservation(self, call: Call) -> float:
        """The lease in seconds of `call` as a probe until it is sent."""
