"""The interfaces by which layers share state with the other workers of a service; they name no store.

Only `ask` waits. Reports are sent soon, and are dropped while the store cannot be reached; `governs` is false
then, and the layer decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from ranvier.pipeline.sharing.updates import CircuitUpdate, GateUpdate

SharedKey = tuple[str, str | None, bool]
"""Identifies a shared circuit: provider, model (`None`: the whole endpoint), and true for tenants' keys."""


class CircuitLink(Protocol):
    """Shares one circuit with the other workers."""

    @property
    def governs(self) -> bool:
        """True while the store can be reached: then it decides."""

    def bits(self, voter: Hashable) -> int:
        """A hash of `voter` that chooses the sample: the same in all workers."""

    def failed(self) -> None:
        """Note a failure or a silence: all workers start to report their counts, if they do not yet."""

    def counted(self, voter: Hashable, *, urgent: bool) -> None:
        """The counts of `voter` have changed; called only while the target is watched."""

    async def ask(self, probe: object, lease: float, seconds: float) -> bool | None:
        """True if `probe` may start, for `lease` seconds; `None` if there is no answer within `seconds`.

        When it returns, the circuit has applied the update that came with the answer. A lease that is granted
        too late, or to a cancelled call, is given back.
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
    """The votes of one worker on one target, as reported to the store."""

    failing: int
    """The number of voters that vote against the target."""

    def watch(self, *, on: bool) -> None:
        """While on, report every change of a count, and end a half only by `turn`."""

    def turn(self, now: float) -> None:
        """End the current half."""

    def recent(self) -> Iterable[Hashable]:
        """The voters of both halves."""

    def tally(self, voter: Hashable) -> tuple[int, int, int]:
        """The age in halves (0 or 1) of the last counts of `voter`, and its contents and failures there."""


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
        """Identifies the circuit."""

    @property
    def closed(self) -> bool:
        """True if it admits every call."""

    def apply(self, update: CircuitUpdate) -> None:
        """Follow the state in the store."""


class CircuitsListener(Protocol):
    """The shared circuits of one worker."""

    def know(self, key: SharedKey) -> None:
        """Create the circuit at `key` if there is none, because it is not closed in the store."""

    def store_lost(self) -> None:
        """Decide alone from now on: the store cannot be reached."""


class TenantLinks(Protocol):
    """Shares the circuits of single tenants, where their keys are tuples of texts."""

    def failed(self, key: Hashable) -> None:
        """The first failure: ask whether the circuit is open elsewhere."""

    def opened(self, key: Hashable, seconds: float) -> None:
        """The circuit has opened for `seconds`."""

    def closed(self, key: Hashable) -> None:
        """The circuit has closed."""

    def isolate(self, key: Hashable) -> None:
        """An operator has isolated the circuit."""

    def reset(self, key: Hashable) -> None:
        """An operator has closed the circuit."""

    def isolates(self, key: Hashable) -> bool:
        """True if an operator has isolated the circuit at any worker; called for a new circuit."""


class TenantsListener(Protocol):
    """The circuits of single tenants of one worker."""

    def open_elsewhere(self, key: Hashable, seconds: float) -> None:
        """Another worker has opened the circuit, for `seconds` from now."""

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
        """The provider has limited or rejected the key; `final` means that waiting does not help."""

    def opened(self, name: str) -> None:
        """An operator has opened the gate."""


class GatesListener(Protocol):
    """The gates of one worker."""

    def apply(self, update: GateUpdate) -> None:
        """Apply a change of a gate: closed by another worker, or opened by an operator there."""


class Slice(Protocol):
    """One worker's part of a tenant's limit in one window."""

    __slots__ = ()

    def settle(self, change: int) -> None:
        """Add `change` to the amount taken: the real cost minus the reservation."""


class SpendLink(Protocol):
    """One worker's share of a limit for all workers together. Only `ask` waits."""

    @property
    def live(self) -> bool:
        """True if there may be other workers."""

    @property
    def governs(self) -> bool:
        """True while the store answers: then only granted amounts may be spent."""

    @property
    def workers(self) -> int:
        """The number of live workers, as far as known."""

    def left(self, tenant: str) -> int:
        """The amount that `tenant` may spend at this worker now."""

    def expected(self, tenant: str, limit: int) -> int:
        """The amount of `limit` that `tenant` may still spend, including what the store might grant."""

    def take(self, tenant: str, amount: int, limit: int) -> Slice:
        """Spend `amount`, even if less is left, and ask for the next slice in advance."""

    async def ask(self, tenant: str, amount: int, limit: int, seconds: float) -> bool:
        """Ask the store for `amount`, of the `limit` of `tenant`; false if it has not answered in `seconds`.

        The amount that it grants is added to `left`. An unused amount is given back after a while.
        """

    def ends_in(self) -> float:
        """Seconds until the window ends, by the clock of the store."""


class FleetUser(Protocol):
    """A user of a fleet, which moves to another fleet when this one ends."""

    def fleet_ended(self) -> None:
        """The pipeline of the fleet has closed."""


class Fleet(Protocol):
    """The workers of a service, this one included."""

    @property
    def live(self) -> bool:
        """True from the opening of a pipeline with a store until its closing."""

    workers: int
    """The number of live workers, as far as known; at least 1."""

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
