"""The events of circuits, and the error of a call that one rejects."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from ranvier.errors.rejected import CircuitOpenError
from ranvier.events import CircuitChanged, RegistryFull
from ranvier.facts.circuit import CircuitState
from ranvier.layers.breaker.circuit import Circuit
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.pipeline.reporting.emitter import Events

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def rejection(call: Call, circuit: Circuit, now: float) -> CircuitOpenError:
    """Emit that `circuit` rejects `call`, and return the error."""
    provider = identity.server(call)
    error = CircuitOpenError(tenant=call.tenant, provider=provider, retry_after=circuit.retry_after(now))
    announce_rejected(call, error)
    return error


def emit_change(call: Call, before: CircuitState, circuit: Circuit) -> None:
    """Emit the change of state that `call` caused."""
    if call.pipeline.events.listeners:
        call.pipeline.events.emit(
            CircuitChanged(
                tenant=call.tenant,
                provider=identity.server(call),
                before=before,
                after=circuit.state,
            ),
            call.record,
        )


def emit_to_all(
    listening: Iterable[Events], key: Hashable, before: CircuitState, after: CircuitState
) -> None:
    """Emit the change of state that an operator caused.

    The whole of a custom key stands for the tenant: it may name one, and providers are labels of metrics.
    """
    if before is after:
        return
    whole = isinstance(key, tuple) and len(key) > 1
    tenant, target = (key[0], key[1]) if whole else (key, "")  # type: ignore[index]  # because: a tuple
    provider, _, model = str(target).partition("/")
    event = CircuitChanged(
        tenant=str(tenant), provider=provider, model=model or None, before=before, after=after
    )
    for events in listening:
        events.emit(event)


def emit_full(call: Call, max_circuits: int) -> None:
    """Emit that `call` passes without a circuit."""
    if call.pipeline.events.listeners:
        event = RegistryFull(
            tenant=call.tenant,
            provider=call.deployment.provider.name,
            metadata=call.record.metadata,
            max_circuits=max_circuits,
        )
        call.pipeline.events.emit(event, call.record)
