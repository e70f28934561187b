"""The events of a gate: that it is closed, and that it rejects a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.rejected import ThrottledError
from ranvier.errors.root import RanvierError
from ranvier.events import CredentialRejected, Throttled
from ranvier.layers.throttle.keys import digest
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.pipeline.timing.limit import too_late

if TYPE_CHECKING:
    from ranvier.layers.throttle.gate import Gate, Reason
    from ranvier.layers.throttle.keys import Key
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.queueing.waiter import Waiter


def rejection(call: Call, gate: Gate[Waiter | None]) -> RanvierError:
    """The error for `call`, which `gate` does not admit in time."""
    now = call.pipeline.clock()
    if call.deadline is not None and call.deadline <= now:
        return too_late(call, "deadline")
    error = ThrottledError(
        tenant=call.tenant,
        provider=call.deployment.provider.name,
        reason=gate.reason.value,
        seconds_ago=now - gate.since,
        retry_after=gate.opens_in(now),
    )
    announce_rejected(call, error)
    return error


def announce_closed(call: Call, key: Key, reason: Reason, seconds: float) -> None:
    """Emit that the answer to `call` has closed a gate."""
    event = Throttled if reason.passes else CredentialRejected
    if call.pipeline.events.hears(event):
        call.pipeline.events.emit(
            event(**call.where(), kind=reason.value, seconds=seconds, key=digest(key)), call.record
        )
