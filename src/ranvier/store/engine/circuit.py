"""One shared circuit in a store: its state, its probes and its votes.

"Half-open" is not stored: an open circuit is half-open while a probe holds a valid lease, so that no timer is
needed when a lease ends.
"""

from __future__ import annotations

from typing import NamedTuple

from ranvier.facts.circuit import CLOSED, HALF_OPEN, OPEN, CircuitState
from ranvier.store.commands.circuits import CircuitKey, CircuitView, Probe, Rules
from ranvier.store.engine.limits import DAY, LEASE_LIVES
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.votes import Votes

Holder = tuple[str, int]
"""A worker and the number of its probe."""


class Lease(NamedTuple):
    """The lease of a probe.

    Attributes:
        until: The end of the lease, by the limits of the attempt.
        alive: The earlier end of the lease if its holder sends no more heartbeats.
        number: The number of probes started since the circuit opened, including this one.
    """

    until: int
    alive: int
    number: int

    def valid(self, ms: int) -> bool:
        """True until the first of both times; a time in the far future means that the clock was set back."""
        return ms < self.until and ms < self.alive <= ms + LEASE_LIVES


class Circuit:
    """The record of one shared circuit; `state` is closed, open or isolated."""

    def __init__(self, generation: int) -> None:
        self.state = CLOSED
        self.generation = generation
        self.step = 0
        self.next_probe = 0  # when the next probe may start
        self.waits = 0  # the length of the current cooldown, in milliseconds
        self.started = 0  # probes started since it opened
        self.leases: dict[Holder, Lease] = {}
        self.votes = Votes()
        self.alarmed = False
        self.opens = 0
        self.by = ""

    def enter(self, state: CircuitState, now: Moment) -> None:
        """Start a new generation in `state`, without probes and counts."""
        self.state = state
        self.generation = now.generation(self.generation)
        self.step = 0
        self.started = 0
        self.leases = {}
        self.alarmed = False
        if state is OPEN:
            self.votes.drop()
        else:
            self.votes.start(now.ms)

    def raise_alarm(self, voters: int, now: Moment) -> None:
        """Accept counts from now on, of up to `voters` voters."""
        self.alarmed = True
        self.votes.begin(voters, now.ms)
        self.votes.past_failures = 1  # the failure that raised the alarm: a whole clean window must follow

    def calm(self, now: Moment) -> None:
        """End the alarm after a window without failures."""
        self.alarmed = False
        self.votes.start(now.ms)

    # --- opening ---------------------------------------------------------------------------------

    def opens_by(self, rules: Rules) -> bool:
        """True if enough tenants vote against the target."""
        failing = self.votes.failing
        return failing >= rules.votes and failing >= rules.share * self.votes.active

    def open(self, rules: Rules, jitter: int, now: Moment) -> None:
        """Open the circuit; the numbers of votes are kept for operators."""
        self.enter(OPEN, now)
        self.opens += 1
        self._wait(cooldown(rules, 0, jitter), now.ms)

    # --- probes ----------------------------------------------------------------------------------

    def leases_at(self, ms: int) -> dict[Holder, Lease]:
        """The leases that are valid at `ms`."""
        return {holder: lease for holder, lease in self.leases.items() if lease.valid(ms)}

    def tidy(self, ms: int) -> None:
        """Drop expired leases."""
        self.leases = self.leases_at(ms)

    def next_in(self, rules: Rules, ms: int) -> int:
        """Milliseconds until a probe may start; 0 means now."""
        wait = max(self.next_probe - ms, 0)
        if len(self.leases) < rules.max_probes:
            return wait
        ends = [min(each.until, each.alive) - ms for each in self.leases.values()]
        return max(wait, min(ends, default=0))

    def grant(self, command: Probe, ms: int) -> None:
        """Lease a probe."""
        self.cool_down(command.rules, command.jitter, ms)
        lease = min(max(command.lease, 0), DAY)
        self.leases[command.worker, command.number] = Lease(ms + lease, ms + LEASE_LIVES, self.started)

    def cool_down(self, rules: Rules, jitter: int, ms: int) -> None:
        """Count a probe, and start the next, longer cooldown."""
        self.started += 1
        self._wait(cooldown(rules, self.started, jitter), ms)

    def _wait(self, milliseconds: int, ms: int) -> None:
        self.waits, self.next_probe = milliseconds, ms + milliseconds

    def set_right(self, ms: int) -> None:
        """Cut a cooldown that is too long because the clock was set back."""
        if self.state is OPEN:
            self.next_probe = min(self.next_probe, ms + self.waits)

    def give_back(self, lease: Lease, ms: int) -> None:
        """Undo the start of a probe that was never sent, unless another one has started since."""
        if lease.number == self.started:
            self.started -= 1
            self.next_probe = ms

    # --- reading ---------------------------------------------------------------------------------

    def retry_after(self, ms: int) -> int | None:
        """Milliseconds until the next probe may start; `None` if closed or isolated."""
        return max(self.next_probe - ms, 0) if self.state is OPEN else None

    @property
    def troubled(self) -> bool:
        """True if workers must be informed: it is alarmed or not closed."""
        return self.state is not CLOSED or self.alarmed


def view(key: CircuitKey, circuit: Circuit | None, ms: int, retry_after: int | None = None) -> CircuitView:
    """The view of a circuit at `ms`; `None` is an unknown circuit, which is closed."""
    circuit = circuit or Circuit(0)
    probes = len(circuit.leases_at(ms))
    return CircuitView(
        circuit=key,
        state=HALF_OPEN if circuit.state is OPEN and probes else circuit.state,
        generation=circuit.generation,
        step=circuit.step,
        retry_after=circuit.retry_after(ms) if retry_after is None else retry_after,
        alarmed=circuit.alarmed,
        half=circuit.votes.half,
        sample=circuit.votes.sample,
        failing=circuit.votes.failing,
        active=circuit.votes.active,
        probes=probes,
        opens=circuit.opens,
        by=circuit.by,
    )


def cooldown(rules: Rules, probes: int, jitter: int) -> int:
    """Milliseconds until the next probe, when `probes` have started since the circuit opened."""
    shortest = min(max(rules.cooldown, 0), DAY)
    longest = min(max(rules.max_cooldown, shortest), DAY)
    wait = min(shortest * 2 ** min(probes, 20), longest)
    return int(wait * (1000 + min(max(jitter, 0), 200)) // 1000)
