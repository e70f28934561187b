"""The events of shared circuits, and the error of a call that one rejects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ranvier.errors.rejected import SharedCircuitOpenError
from ranvier.events import SharedCircuitChanged
from ranvier.facts.circuit import CLOSED, CircuitState, SharedCircuitSnapshot
from ranvier.layers.breaker.shared.circuit import SharedCircuit
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def changed(
    tenant: str, snapshot: SharedCircuitSnapshot, before: CircuitState, after: CircuitState
) -> SharedCircuitChanged:
    """The event of a change, with the numbers of `seen`."""
    return SharedCircuitChanged(
        tenant=tenant,
        provider=snapshot.provider,
        model=snapshot.model,
        target=snapshot.target,
        before=before,
        after=after,
        mode=snapshot.mode,
        tenants_keys=snapshot.tenants_keys,
        failing=snapshot.failing,
        active=snapshot.active,
        rejected=snapshot.rejected,
    )


def rejection(call: Call, rejecting: Sequence[SharedCircuit], now: float) -> SharedCircuitOpenError:
    """Emit that these circuits reject `call`, and return the error."""
    for each in rejecting:
        each.rejected += 1
    circuit = rejecting[-1]
    waits = [each.retry_after(now) for each in rejecting]
    error = SharedCircuitOpenError(
        tenant=call.tenant,
        provider=circuit.provider,
        model=circuit.model,
        failing=circuit.electorate[0],
        active=circuit.electorate[1],
        retry_after=None if None in waits else max(each or 0.0 for each in waits),
    )
    announce_rejected(call, error)
    return error


def status_lines(circuits: Iterable[SharedCircuitSnapshot], shown: int) -> Iterator[str]:
    """The number of shared circuits, and the first `shown` that are not closed."""
    snapshots = list(circuits)
    troubled = [each for each in snapshots if each.state is not CLOSED]
    yield f"{counted(len(snapshots), 'shared circuit')}, {len(troubled)} not closed"
    for each in troubled[:shown]:
        keys = " with tenants' keys" if each.tenants_keys else ""
        mode = "" if each.mode == "enforced" else f" ({each.mode})"
        wait = "" if each.retry_after is None else f", a probe may pass in {each.retry_after:.1f} s"
        yield (
            f"  shared {each.target}{keys}: {each.state}{mode}, {each.failing} of {each.active} tenants "
            f"failing{wait}"
        )
