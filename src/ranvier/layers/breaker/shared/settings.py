"""The settings of shared circuits: when they open, and how they probe."""

from __future__ import annotations

import random
from collections.abc import Callable

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.layers.breaker.settings import ENFORCED, MODES, OFF


class SharedCircuits:
    """Circuits that all tenants share: `Breaker(shared=SharedCircuits())`.

    There is one per model and one per endpoint, and separate ones for calls with tenants' own keys. Each
    tenant has one vote, however many calls it makes: it votes against a target if most of its own recent
    calls there failed or are silent.

    Args:
        votes: The number of tenants that must vote against a target to open its circuit. With fewer active
            tenants it never opens.
        share: The minimum share of the active tenants that must vote against it, above 0 and up to 1.
        cooldown: Seconds from the opening to the first probe, plus 10 to 20 % at random.
        max_cooldown: The time between two probes doubles up to this many seconds.
        max_probes: Probes in flight at a time.
        mode: `enforced`; `observed` counts, opens and closes, but never rejects a call; or `off`.
    """

    __slots__ = ("cooldown", "max_cooldown", "max_probes", "mode", "rng", "share", "spread", "votes")

    def __init__(
        self,
        votes: int = 5,
        share: float = 0.5,
        cooldown: float = 10.0,
        max_cooldown: float = 20.0,
        max_probes: int = 6,
        mode: str = ENFORCED,
    ) -> None:
        self.votes = validation.count("SharedCircuits(votes)", votes, least=2)
        self.share = validation.share("SharedCircuits(share)", share)
        self.cooldown = validation.seconds("SharedCircuits(cooldown)", cooldown)
        self.max_cooldown = validation.seconds("SharedCircuits(max_cooldown)", max_cooldown)
        self.max_probes = validation.count("SharedCircuits(max_probes)", max_probes, least=1)
        self.mode = validation.choice("SharedCircuits(mode)", mode, MODES)
        self.rng: Callable[[], float] = _from_half_to_one
        self.spread: Callable[[], float] = random.random  # spreads the calls that are rescued

    @property
    def used(self) -> bool:
        """True unless they are off."""
        return self.mode != OFF

    def cooldown_after(self, probes: int) -> float:
        """Seconds until the next probe, when `probes` have started since the circuit opened."""
        longest = max(self.max_cooldown, self.cooldown)
        return min(self.cooldown * 2.0 ** min(probes, 64), longest) * (1.0 + 0.2 * self.rng())

    def __repr__(self) -> str:
        return (
            f"SharedCircuits(votes={self.votes}, share={self.share}, cooldown={self.cooldown}, "
            f"max_cooldown={self.max_cooldown}, max_probes={self.max_probes}, mode={self.mode!r})"
        )


def checked(shared: object) -> SharedCircuits:
    """The argument `shared` of a breaker, validated.

    Raises:
        ConfigurationError: it is not a `SharedCircuits`.
    """
    if not isinstance(shared, SharedCircuits):
        raise ConfigurationError(f"Breaker(shared)={shared!r:.60}: give SharedCircuits(...), or None")
    return shared


def _from_half_to_one() -> float:
    """A random factor from 0.5 to 1: it spreads the processes of a service, with fewer probes than 0 to 1."""
    return 0.5 + random.random() / 2
