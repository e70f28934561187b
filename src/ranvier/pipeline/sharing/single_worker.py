"""The fleet of a pipeline without a store: a single worker, which decides alone."""

from __future__ import annotations

from collections.abc import Hashable

from ranvier.pipeline.sharing.fleet import (
    Ballot,
    CircuitLink,
    CircuitsListener,
    Fleet,
    FleetUser,
    GateLinks,
    GatesListener,
    Linked,
    Slice,
    SpendLink,
    TenantLinks,
    TenantsListener,
)


class NoLink(CircuitLink):
    """The link of a circuit that no other worker has."""

    governs = False

    def bits(self, voter: Hashable) -> int:
        """Python's hash, which is keyed by a secret of the process."""
        return hash(voter)

    def failed(self) -> None:
        """No other worker has to know."""

    def counted(self, voter: Hashable, *, urgent: bool) -> None:
        """No other worker has to know."""

    async def ask(self, probe: object, lease: float, seconds: float) -> bool | None:
        """Nobody can be asked."""
        return None

    def sent(self, probe: object) -> None:
        """There is no lease."""

    def left(self, probe: object) -> None:
        """There is no lease."""

    def proved(self, probe: object) -> None:
        """No other worker has to know."""

    def disproved(self) -> None:
        """No other worker has to know."""

    def isolate(self) -> None:
        """No other worker has to know."""

    def reset(self) -> None:
        """No other worker has to know."""


class NoTenantLinks(TenantLinks):
    """The links of circuits that no other worker has."""

    def failed(self, key: Hashable) -> None:
        """Nobody is asked."""

    def opened(self, key: Hashable, seconds: float) -> None:
        """No other worker has to know."""

    def closed(self, key: Hashable) -> None:
        """No other worker has to know."""

    def isolate(self, key: Hashable) -> None:
        """No other worker has to know."""

    def reset(self, key: Hashable) -> None:
        """No other worker has to know."""

    def isolates(self, key: Hashable) -> bool:
        """Operators have commanded it here."""
        return False


class NoGateLinks(GateLinks):
    """The links of gates that no other worker has."""

    live = False

    def name(self, provider: str, model: str | None, credential: str | None) -> str:
        """Nobody needs a name."""
        return ""

    def closed(self, name: str, reason: str, seconds: float, *, final: bool) -> None:
        """No other worker has to know."""

    def opened(self, name: str) -> None:
        """No other worker has to know."""


class NoSpendLink(SpendLink):
    """The link of a limit that no other worker has. Only `live` is read; it is false."""

    live = False
    governs = False
    workers = 1

    def left(self, tenant: str) -> int:
        """There is no slice."""
        return 0

    def expected(self, tenant: str, limit: int) -> int:
        """There is no slice."""
        return 0

    def take(self, tenant: str, amount: int, limit: int) -> Slice:
        """There is no slice."""
        raise NotImplementedError

    async def ask(self, tenant: str, amount: int, limit: int, seconds: float) -> bool:
        """Nobody can be asked."""
        return False

    def ends_in(self) -> float:
        """There is no window."""
        return 0.0


class SingleWorker(Fleet):
    """A fleet of one worker."""

    live = False
    workers = 1

    def notify_at_end(self, user: FleetUser) -> None:
        """Nothing is shared, so that nothing ends."""

    def link(self, circuit: Linked, ballot: Ballot) -> CircuitLink:
        """A link that does nothing."""
        return NO_LINK

    def follow_circuits(self, circuits: CircuitsListener) -> None:
        """Nothing will change."""

    def follow_tenants(self, tenants: TenantsListener) -> TenantLinks:
        """Links that do nothing."""
        return NO_TENANT_LINKS

    def follow_gates(self, gates: GatesListener) -> GateLinks:
        """Links that do nothing."""
        return NO_GATE_LINKS

    def follow_spending(self, limit: str, seconds: float, unit: int, window: tuple[int, float]) -> SpendLink:
        """A link that does nothing."""
        return NO_SPEND_LINK


NO_LINK = NoLink()
NO_TENANT_LINKS = NoTenantLinks()
NO_GATE_LINKS = NoGateLinks()
NO_SPEND_LINK = NoSpendLink()
SINGLE_WORKER = SingleWorker()
