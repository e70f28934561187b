"""The limit of a wait that is reached first, and its error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ranvier.errors.hedge_lost import HedgeLostError
from ranvier.errors.partial import DeadlineExceededError
from ranvier.errors.provider import AttemptTimeoutError
from ranvier.errors.rejected import LocalCapacityError
from ranvier.errors.root import RanvierError
from ranvier.errors.scope import Scope

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

Limit = tuple[float | None, str]
"""When a wait must end (`None` means never), and the phase that has timed out then."""

CLOSED = "closed"
"""The reason of a wait that ended because its stream or pipeline closes."""

OVERTAKEN = "overtaken"
"""The reason of a wait that ended because another target has answered the call."""

LEFT = {
    OVERTAKEN: "was overtaken by another target",
    "turn": "had no content when the turn of the next target came",
    "rescued": "had no content when its shared circuit opened",
}
"""The reasons for which a route leaves an attempt before a limit is reached, with their descriptions."""

SLOW = {
    "attempt": "the attempt took more than {:g} s",
    "first_token": "no content within {:g} s",
    "idle": "no data for more than {:g} s",
}
"""The description of a timeout, by the phase of the limit."""


def too_late(call: Call, phase: str) -> RanvierError:
    """The error for a wait of `call` that reached the limit named `phase`."""
    deployment, limits = call.deployment, call.limits
    if phase == "deadline":
        return DeadlineExceededError(f"the deadline passed at {deployment}")
    if phase == "slot":
        return LocalCapacityError(f"no connection to {deployment.provider.name} became free in time")
    if phase in LEFT:
        return left(call, phase)
    limit = limits.seconds if phase == "attempt" else getattr(limits, phase)
    return AttemptTimeoutError(
        f"{deployment} was too slow: {SLOW[phase].format(limit)}",
        phase=phase,
        provider=deployment.provider.name,
        model=deployment.model,
    )


def left(call: Call, phase: str) -> RanvierError:
    """The error of an attempt that its route has left; a failure only if it was silent for too long."""
    deployment, blamed = call.deployment, call.watch.silent
    if phase == OVERTAKEN:
        error: RanvierError = HedgeLostError(f"another target answered before {deployment}")
    else:
        error = AttemptTimeoutError(
            f"{deployment} {LEFT[phase]}",
            phase=phase,
            provider=deployment.provider.name,
            model=deployment.model,
            scope=Scope.MODEL if blamed else Scope.REQUEST,
        )
        error.retry_useless = True
    error.counts_against_provider = blamed
    return error


def cause_of(error: BaseException) -> BaseException | None:
    """The cause of a timeout error: the error into which our cancellation was turned; `None` if unchanged."""
    return None if isinstance(error, (asyncio.CancelledError, StopAsyncIteration)) else error
