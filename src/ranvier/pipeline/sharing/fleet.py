"""The other workers of a service, as the layers of a pipeline see them: ports without a store behind them.

Nothing waits but `CircuitLink.ask`. What a layer reports is sent soon, or not while the store cannot be
reached; then `governs` is false, and the layer decides by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from ranvier.pipeline.sharing.updates import CircuitUpdate, GateUpdate

SharedKey = tuple[str, str | None, bool]
"""Which shared circuit: provider, model (`None`: of the whole endpoint), and true for tenants' own keys."""


class CircuitLink(Protocol):
    """Shares one circuit with the other workers."""

    @property
    def governs(self) -> bool:
        """True while the store can be reached: then it decides."""

    def bits(self, voter: Hashable) -> int:
        """A hash of `voter` that chooses the sample: the same in all workers."""

    def failed(self) -> None:
        """A failure or a silence: all workers shall report their counts, if they do not yet."""

    def counted(self, voter: Hashable, *, urgent: bool) -> None:
        """The counts of `voter` have changed; only while the target is watched."""

    async def ask(self, probe: object, lease: float, seconds: float) -> bool | None:
        """Whether `probe` may start, for `lease` seconds; `None` if that is not known within `seconds`.

        When it returns, the circuit has applied the update that came with the answer. A lease that is granted
        later, or to a call that was cancelled, is given back.
        """

    def sent(self, probe: object) -> None:
        """The request of `probe` is sent."""

    def left(self, probe: object) -> None:
        """The attempt of `probe` has ended."""

    def proved(self, probe: object) -> None:
        """Content of `probe`, or of a call admitted without a lease, has closed the circuit here."""

    def disproved(self) -> None:
        """A call has failed, and the circuit is only observed."""

    def isolate(self) -> None:
        """An operator has isolated the circuit."""

    def reset(self) -> None:
        """An operator has closed the circuit."""


class Ballot(Protocol):
    """The votes of one worker on one target, as far as they are reported."""

    failing: int
    """The voters that vote against the target."""

    def watch(self, *, on: bool) -> None:
        """Report every change of a count, and end a half only by `turn`; or do neither any more."""

    def turn(self, now: float) -> None:
        """End the current half."""

    def recent(self) -> Iterable[Hashable]:
        """The voters of both halves."""

    def tally(self, voter: Hashable) -> tuple[int, int, int]:
        """How many halves ago `voter` appeared last (0 or 1), and its contents and failures there."""


class SharedRules(Protocol):
    """The settings of shared circuits; each is documented at `SharedCircuits`."""

    votes: int
    share: float
    cooldown: float
    max_cooldown: float
    max_probes: int
    mode: str
    rng: Callable[[], float]


class Linked(Protocol):
    """A shared circuit of one worker."""

    @property
    def rules(self) -> SharedRules:
        """Its settings."""

    @property
    def key(self) -> SharedKey:
        """Which one it is."""

    @property
    def closed(self) -> bool:
        """True if it admits every call."""

    def apply(self, update: CircuitUpdate) -> None:
        """Follow the state in the store."""


class CircuitsListener(Protocol):
    """The shared circuits of one worker."""

    def know(self, key: SharedKey) -> None:
        """Make the circuit at `key`, if there is none: it is not closed for the service."""

    def store_lost(self) -> None:
        """The store cannot be reached: decide alone from now on."""


class TenantLinks(Protocol):
    """Shares the circuits of single tenants, where their keys are tuples of texts."""

    def failed(self, key: Hashable) -> None:
        """The first failure: ask whether the circuit is open elsewhere."""

    def opened(self, key: Hashable, seconds: float) -> None:
        """The circuit has opened for so many seconds."""

    def closed(self, key: Hashable) -> None:
        """The circuit has closed."""

    def isolate(self, key: Hashable) -> None:
        """An operator has isolated the circuit."""

    def reset(self, key: Hashable) -> None:
        """An operator has closed the circuit."""

    def isolates(self, key: Hashable) -> bool:
        """True if an operator has isolated the circuit, at whatever worker; for a new circuit."""


class TenantsListener(Protocol):
    """The circuits of single tenants of one worker."""

    def open_elsewhere(self, key: Hashable, seconds: float) -> None:
        """Another worker has opened the circuit, for so many more seconds."""

    def commanded(self, key: Hashable, *, isolated: bool) -> None:
        """An operator has isolated the circuit at another worker, or has closed it."""

    def keys(self) -> list[Hashable]:
        """The keys of all circuits."""


class GateLinks(Protocol):
    """Shares the gates of keys."""

    @property
    def live(self) -> bool:
        """True if there may be other workers."""

    def name(self, provider: str, model: str | None, credential: str | None) -> str:
        """The name of a gate, from which the credential cannot be read."""

    def closed(self, name: str, reason: str, seconds: float, *, final: bool) -> None:
        """The provider has limited or rejected the key; `final` if that does not pass by waiting."""

    def opened(self, name: str) -> None:
        """An operator has opened the gate."""


class GatesListener(Protocol):
    """The gates of one worker."""

    def apply(self, update: GateUpdate) -> None:
        """Another worker has closed a gate, or an operator has opened it there."""


class Slice(Protocol):
    """What one worker holds of the limit of one tenant, in one window."""

    __slots__ = ()

    def settle(self, change: int) -> None:
        """What was taken has cost so much more, or less."""


class SpendLink(Protocol):
    """What one worker may spend of a limit that all workers have together. Only `ask` waits."""

    @property
    def live(self) -> bool:
        """True if there may be other workers."""

    @property
    def governs(self) -> bool:
        """True while the store answers, so that nothing may be spent but what it grants."""

    @property
    def workers(self) -> int:
        """How many live, as far as known."""

    def left(self, tenant: str) -> int:
        """What `tenant` may spend at this worker now."""

    def expected(self, tenant: str, limit: int) -> int:
        """What it might have left of `limit` once the store is asked, as far as known."""

    def take(self, tenant: str, amount: int, limit: int) -> Slice:
        """Spend `amount`, whether or not it is left, and take what comes next ahead of need."""

    async def ask(self, tenant: str, amount: int, limit: int, seconds: float) -> bool:
        """Ask the store for `amount`, of the `limit` of `tenant`; false if it has not answered in `seconds`.

        What it grants is what is `left` then. What nobody takes is given back after a while.
        """

    def ends_in(self) -> float:
        """Seconds until the window ends, by the clock of the store."""


class FleetUser(Protocol):
    """Shares its state through a fleet, and moves to another fleet when that one ends."""

    def fleet_ended(self) -> None:
        """The pipeline of the fleet has closed."""


class Fleet(Protocol):
    """The workers of a service, this one included."""

    @property
    def live(self) -> bool:
        """True from the opening of a pipeline with a store until its closing."""

    workers: int
    """How many live, as far as known; at least 1."""

    def notify_at_end(self, user: FleetUser) -> None:
        """Notify `user` when the pipeline closes."""

    def link(self, circuit: Linked, ballot: Ballot) -> CircuitLink:
        """The link of a shared circuit, whose votes are `ballot`."""

    def follow_circuits(self, circuits: CircuitsListener) -> None:
        """Notify `circuits` of changes of shared circuits."""

    def follow_tenants(self, tenants: TenantsListener) -> TenantLinks:
        """Notify `tenants` of changes of the circuits of single tenants."""

    def follow_gates(self, gates: GatesListener) -> GateLinks:
        """Notify `gates` of changes of gates."""

    def follow_spending(self, limit: str, seconds: float, unit: int, window: tuple[int, float]) -> SpendLink:
        """Share a spend limit, named `limit` by all workers.

        Its windows last `seconds`; `window` is the number of the current one by the time of day here, and the
        seconds until its end. The store counts in multiples of `unit`.
        """
