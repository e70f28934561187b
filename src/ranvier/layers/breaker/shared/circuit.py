"""The state machine of one shared circuit. Pure: it never waits, and the caller passes the time.

    closed --- enough tenants vote against the target ---> open
    open --- a probe starts, one per cooldown ---> half_open --- no probe is left ---> open
    open, half_open --- the first content of a probe that started since it opened ---> closed
    any --- isolate ---> isolated --- reset ---> closed

Opening, isolating and closing start a new generation: a probe of an earlier generation closes nothing.

If workers share a store, the store counts the votes of all of them and opens the circuit; while it cannot be
reached, each worker decides by its own votes.
"""

from __future__ import annotations

import math

from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN, CircuitState, SharedCircuitSnapshot
from ranvier.layers.breaker.settings import OBSERVED
from ranvier.layers.breaker.shared.reported_votes import ReportedVotes
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.layers.breaker.shared.verdict import LAST_RESORT, PASSES, PROBES, REJECTED, Verdict
from ranvier.pipeline.sharing.fleet import CircuitLink
from ranvier.wording import target_name


class SharedCircuit:
    """One shared circuit: its state, its votes and its probes."""

    __slots__ = (
        "_next_probe",
        "_of_all",
        "_probes",
        "_started",
        "closed_at",
        "generation",
        "model",
        "provider",
        "rejected",
        "rules",
        "since",
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
        self.votes = ReportedVotes(rules.votes)
        self.generation = 1  # 0 is that of a call that closes nothing
        self.since = -math.inf  # when that began: failures of requests sent before are not counted
        self.closed_at = -math.inf  # when it closed last, for the circuits of tenants
        self.rejected = 0  # calls, since it opened last
        self.total_opens = 0
        self._next_probe = 0.0  # when the next probe may start
        self._started = 0  # probes, since it opened
        self._probes: dict[object, float] = {}  # in flight, and when the lease of each expires
        self._of_all: tuple[int, int] | None = None  # how many tenants of all workers fail, of how many

    # --- admission -------------------------------------------------------------------------------

    def verdict(self, now: float, *, exempt: bool, may_probe: bool, last_target: bool) -> Verdict:
        """Decide about a call. `exempt` is true if its tenant had content there in the last 10 seconds."""
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

    def take(self, verdict: Verdict, permit: object, now: float, lease: float) -> int:
        """Admit `permit` by `verdict`; returns the generation that its content may close, or 0."""
        if verdict is PASSES:
            return 0
        if verdict is PROBES:
            self._probes[permit] = now + lease
            self._cool_down(now)
            if not self.link.governs:  # otherwise the store decides whether it starts
                self.state = HALF_OPEN
        elif self.rules.mode == OBSERVED and now < self._next_probe:
            self.rejected += 1
        return self.generation

    def leave(self, permit: object, now: float) -> None:
        """The attempt of the probe `permit` has ended."""
        self._probes.pop(permit, None)
        if self.state is HALF_OPEN and not self.link.governs and not self._probing(now):
            self.state = OPEN

    def _probing(self, now: float) -> int:
        for permit in [each for each, until in self._probes.items() if until <= now]:
            del self._probes[permit]  # its content still closes the circuit, but another may start
        return len(self._probes)

    def _cool_down(self, now: float) -> None:
        self._started += 1
        self._next_probe = now + self.rules.cooldown_after(self._started)

    # --- outcomes --------------------------------------------------------------------------------

    def proved(self, generation: int, now: float) -> bool:
        """Content of a call of `generation` proves that the target answers. True if it closes the circuit."""
        if generation != self.generation or self.state is CLOSED or self.state is ISOLATED:
            return False
        if self.rules.mode == OBSERVED and now < self._next_probe:
            return False
        self.close(now)
        return True

    def disproved(self, generation: int, now: float) -> bool:
        """Count a failed call of `generation` as a failed probe, and return true; only if observed."""
        counts = generation == self.generation and self.rules.mode == OBSERVED and now >= self._next_probe
        if counts:
            self._cool_down(now)
        return counts

    def opens(self, now: float) -> bool:
        """Open if enough tenants vote against the target. True if it opens now."""
        votes, rules = self.votes, self.rules
        if self.state is CLOSED:
            self.link.failed()
        if self.link.governs:
            return False
        if votes.failing < rules.votes or votes.failing < rules.share * votes.active:
            return False
        if self.state is not CLOSED:
            return False
        self._open(now)
        self._next_probe = now + rules.cooldown_after(0)
        return True

    def counts(self, sent: float) -> bool:
        """True if a failure of a request sent at `sent` belongs to the current generation."""
        return sent >= self.since or not self.link.governs

    # --- changes of state ------------------------------------------------------------------------

    def close(self, now: float) -> None:
        """Close the circuit, and forget all votes."""
        self._close(now)
        self.votes.clear()

    def _close(self, now: float) -> None:
        self._enter(CLOSED, now)
        self.closed_at = now

    def _open(self, now: float) -> None:
        self._enter(OPEN, now)
        self.rejected = 0
        self.total_opens += 1

    def isolate(self, now: float = -math.inf) -> None:
        """Reject every call until `close`."""
        self._enter(ISOLATED, now)

    def _enter(self, state: CircuitState, now: float) -> None:
        self.state, self.since = state, now
        self.generation += 1
        self._started, self._of_all = 0, None
        self._probes.clear()

    # --- several workers -------------------------------------------------------------------------

    @property
    def link(self) -> CircuitLink:
        """Reports this worker's votes to the store; without a store, it does nothing."""
        return self.votes.link

    def start_anew(self, shift: float) -> None:
        """Move to an event loop whose clock is `shift` seconds ahead; keep the state, drop the votes."""
        self.generation += 1
        self.votes.clear()
        self.votes = ReportedVotes(self.rules.votes)
        self._next_probe += shift
        self.closed_at += shift
        self.since += shift
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
    def electorate(self) -> tuple[int, int]:
        """The tenants that vote against the target, and all that vote; in all workers if it opened in all."""
        return self._of_all or (self.votes.failing, self.votes.active)

    @property
    def key(self) -> tuple[str, str | None, bool]:
        """The provider, the model, and true if it is for tenants' own keys."""
        return self.provider, self.model, self.tenants_keys

    @property
    def target(self) -> str:
        """`provider/model`, or the provider for the circuit of the whole endpoint."""
        return target_name(self.provider, self.model)

    def seen_at(self, now: float) -> SharedCircuitSnapshot:
        """A snapshot of the circuit."""
        return SharedCircuitSnapshot(
            provider=self.provider,
            model=self.model,
            tenants_keys=self.tenants_keys,
            state=self.state,
            mode=self.rules.mode,
            failing=self.electorate[0],
            active=self.electorate[1],
            probes=len(self._probes),
            rejected=self.rejected,
            total_opens=self.total_opens,
            retry_after=self.retry_after(now),
        )
