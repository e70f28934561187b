"""The limits of a wait: which is reached first, and its error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ranvier.errors.partial import DeadlineExceededError
from ranvier.errors.provider import AttemptTimeoutError
from ranvier.errors.rejected import LocalCapacityError
from ranvier.errors.root import RanvierError

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

Limit = tuple[float | None, str]
"""When a wait must end (`None` means never), and the phase that has timed out then."""

CLOSED = "closed"
"""The reason of a wait that ended because its stream or pipeline closes."""

SLOW = {
    "attempt": "the attempt took more than {:g} s",
    "first_token": "no content within {:g} s",
    "idle": "no data for more than {:g} s",
}
"""What happened when a limit of an attempt was reached, by its phase."""


def too_late(call: Call, phase: str) -> RanvierError:
    """The error for a wait of `call` that reached the limit named `phase`."""
    deployment, limits = call.deployment, call.limits
    if phase == "deadline":
        return DeadlineExceededError(f"the deadline passed at {deployment}")
    if phase == "slot":
        return LocalCapacityError(f"no connection to {deployment.provider.name} became free in time")
    limit = limits.seconds if phase == "attempt" else getattr(limits, phase)
    return AttemptTimeoutError(
        f"{deployment} was too slow: {SLOW[phase].format(limit)}",
        phase=phase,
        provider=deployment.provider.name,
        model=deployment.model,
    )


def cause_of(error: BaseException) -> BaseException | None:
    """The cause of an error for a limit: what our cancellation was turned into, or `None` if unchanged."""
    return None if isinstance(error, (asyncio.CancelledError, StopAsyncIteration)) else error
