"""The state machine of one shared circuit. Pure: it never waits, and the caller passes the time.

    closed --- enough tenants vote against the target ---> open
    open --- a probe starts, one per cooldown ---> half_open --- no probe is left ---> open
    open, half_open --- the first content of a probe that started since it opened ---> closed
    any --- isolate ---> isolated --- reset ---> closed

Opening, isolating and closing start a new generation: a probe of an earlier one closes nothing.
"""

from __future__ import annotations

import math
from enum import Enum

from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN, CircuitState, SharedCircuitSnapshot
from ranvier.layers.breaker.settings import OBSERVED
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.layers.breaker.shared.votes import Votes
from ranvier.wording import target_name


class Verdict(Enum):
    """What a shared circuit does with a call."""

    PASSES = "passes"
    """Admits it; its success does not close the circuit."""

    PROBES = "probes"
    """Admits it as the probe of this cooldown."""

    LAST_RESORT = "last resort"
    """Admit the call although it is no probe: no other target is left, or the circuit is only observed.

    Its content may close the circuit.
    """

    REJECTED = "rejected"


PASSES, PROBES, LAST_RESORT, REJECTED = Verdict


class SharedCircuit:
    """One shared circuit: its state, its votes and its probes."""

    __slots__ = (
        "_next_probe",
        "_probes",
        "_started",
        "closed_at",
        "generation",
        "model",
        "provider",
        "rejected",
        "rules",
        "state",
        "tenants_keys",
        "total_opens",
        "votes",
    )

    def __init__(
        self, rules: SharedCircuits, provider: str, model: str | None = None, tenants_keys: bool = False
    ) -> None:
        self.rules = rules
        self.provider = provider
        self.model = model
        self.tenants_keys = tenants_keys
        self.state = CLOSED
        self.votes = Votes(rules.votes)
        self.generation = 1  # 0 is that of a call that closes nothing
        self.closed_at = -math.inf  # when it closed last, for the circuits of tenants
        self.rejected = 0  # calls, since it opened last
        self.total_opens = 0
        self._next_probe = 0.0  # when the next probe may start
        self._started = 0  # probes, since it opened
        self._probes: dict[object, float] = {}  # in flight, and when the lease of each expires

    # --- admission -------------------------------------------------------------------------------

    def verdict(self, now: float, *, exempt: bool, may_probe: bool, last_target: bool) -> Verdict:
        """Decide about a call. `exempt`: its tenant had content there within the last 10 seconds."""
        if self.state is CLOSED:
            return PASSES
        if self.state is ISOLATED:
            return REJECTED
        if exempt:
            return PASSES
        if self.rules.mode == OBSERVED:
            return LAST_RESORT
        due = now >= self._next_probe and (may_probe or last_target)
        if due and self._probing(now) < self.rules.max_probes:
            return PROBES
        return LAST_RESORT if last_target else REJECTED

    def take(self, verdict: Verdict, who: object, now: float, lease: float) -> int:
        """Admit `who` by `verdict`; returns the generation that its content may close, or 0."""
        if verdict is PASSES:
            return 0
        if verdict is PROBES:
            self._probes[who] = now + lease
            self._cool_down(now)
            self.state = HALF_OPEN
        elif self.rules.mode == OBSERVED and now < self._next_probe:
            self.rejected += 1
        return self.generation

    def leave(self, who: object, now: float) -> None:
        """The attempt of the probe `who` has ended."""
        if self._probes.pop(who, None) is not None and self.state is HALF_OPEN and not self._probing(now):
            self.state = OPEN

    def _probing(self, now: float) -> int:
        for who in [each for each, until in self._probes.items() if until <= now]:
            del self._probes[who]  # its content still closes the circuit, but another may start
        return len(self._probes)

    def _cool_down(self, now: float) -> None:
        self._started += 1
        self._next_probe = now + self.rules.cooldown_after(self._started)

    # --- outcomes --------------------------------------------------------------------------------

    def proved(self, generation: int, now: float) -> bool:
        """The content of a call of `generation` proves that the target answers. True if that closes it."""
        if generation != self.generation or self.state is CLOSED or self.state is ISOLATED:
            return False
        if self.rules.mode == OBSERVED and now < self._next_probe:
            return False
        self.close(now)
        return True

    def disproved(self, generation: int, now: float) -> None:
        """Count a failed call of `generation` as a failed probe; only if observed, which has no probes."""
        if generation == self.generation and self.rules.mode == OBSERVED and now >= self._next_probe:
            self._cool_down(now)

    def opens(self, now: float) -> bool:
        """Open if enough tenants vote against the target. True if it opens now."""
        votes, rules = self.votes, self.rules
        if votes.failing < rules.votes or votes.failing < rules.share * votes.active:
            return False
        if self.state is not CLOSED:
            return False
        self._enter(OPEN)
        self.rejected = 0
        self._next_probe = now + rules.cooldown_after(0)
        self.total_opens += 1
        return True

    # --- changes of state ------------------------------------------------------------------------

    def close(self, now: float) -> None:
        """Close the circuit, and forget all votes."""
        self._enter(CLOSED)
        self.votes.clear()
        self.closed_at = now

    def isolate(self) -> None:
        """Reject every call until `close`."""
        self._enter(ISOLATED)

    def _enter(self, state: CircuitState) -> None:
        self.state = state
        self.generation += 1
        self._started = 0
        self._probes.clear()

    def start_anew(self, shift: float) -> None:
        """Move to an event loop whose clock is `shift` seconds ahead; keep the state, forget the votes."""
        self.generation += 1
        self.votes.clear()
        self.votes = Votes(self.rules.votes)
        self._next_probe += shift
        self.closed_at += shift
        self._probes.clear()
        if self.state is HALF_OPEN:
            self.state = OPEN

    # --- reading ---------------------------------------------------------------------------------

    def retry_after(self, now: float) -> float | None:
        """Seconds until the next probe may start; `None` if it is closed or isolated."""
        if self.state is CLOSED or self.state is ISOLATED:
            return None
        return max(self._next_probe - now, 0.0)

    @property
    def key(self) -> tuple[str, str | None, bool]:
        """The provider, the model, and whether it is of tenants' own keys."""
        return self.provider, self.model, self.tenants_keys

    @property
    def target(self) -> str:
        """`provider/model`, or the provider for the circuit of the whole endpoint."""
        return target_name(self.provider, self.model)

    def seen_at(self, now: float) -> SharedCircuitSnapshot:
        """The circuit as it is now."""
        return SharedCircuitSnapshot(
            provider=self.provider,
            model=self.model,
            tenants_keys=self.tenants_keys,
            state=self.state,
            mode=self.rules.mode,
            failing=self.votes.failing,
            active=self.votes.active,
            probes=len(self._probes),
            rejected=self.rejected,
            total_opens=self.total_opens,
            retry_after=self.retry_after(now),
        )
