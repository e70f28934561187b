"""The errors of streams that end before their answer is complete, with what had arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from ranvier.errors.partial import DeadlineExceededError, LayerError, StreamInterruptedError
from ranvier.errors.root import RanvierError
from ranvier.events import StreamInterrupted
from ranvier.pipeline.reporting import recorder

if TYPE_CHECKING:
    from ranvier.messages.response import Response
    from ranvier.pipeline.call import Call


def breaks(error: BaseException | None) -> TypeGuard[Exception]:
    """True if a stream that ended by `error` broke.

    A cancellation, the deadline of the call and a failed layer do not count.
    """
    return isinstance(error, Exception) and not isinstance(error, (DeadlineExceededError, LayerError))


def interrupted(call: Call, error: Exception, received: Response) -> StreamInterruptedError:
    """The error of a stream of `call` that broke because of `error`."""
    facts = {
        name: getattr(error, name, None)
        for name in ("status", "code", "request_id", "retry_after", "resets_at", "scope")
    }
    made = StreamInterruptedError(
        f"the stream of {call.deployment} broke after it had begun: {_reason(error)}",
        received=received,
        reason=_reason(error),
        provider=call.deployment.provider.name,
        model=call.deployment.model,
        in_stream=True,
        **facts,
    )
    made.counts_against_provider = getattr(error, "counts_against_provider", False)
    made.injected = getattr(error, "injected", False)
    recorder.attach(call.record, made)
    return made


def expired(call: Call, received: Response) -> DeadlineExceededError:
    """The error of a stream whose deadline passed between two reads."""
    made = DeadlineExceededError(
        f"the deadline passed while the stream of {call.deployment} was being read", received=received
    )
    recorder.attach(call.record, made)
    return made


Loss = tuple[str, str]
"""Why a stream ended without being closed by its reader: the `reason` of the error, and the remedy."""

LOST_BY_CANCELLATION: Loss = (
    "cancelled",
    "a read of it was cancelled, which closes it; to wait for a limited time and then read on, run the read "
    "in a task and wait for that with asyncio.wait(..., timeout=...)",
)
LOST_BY_CLOSING: Loss = ("closed", "its pipeline was closed; use aclose(drain=...) to let streams end first")
LOST_WITH_LOOP: Loss = (
    "closed",
    "its event loop was closed; read a stream to its end on the loop it was opened on",
)


def lost(call: Call, loss: Loss, received: Response) -> StreamInterruptedError:
    """The error of each read of a stream that ended without being closed by its reader."""
    reason, words = loss
    made = StreamInterruptedError(
        f"the stream of {call.deployment} ended before its answer was complete: {words}",
        received=received,
        reason=reason,
        provider=call.deployment.provider.name,
        model=call.deployment.model,
        in_stream=True,
    )
    recorder.attach(call.record, made)
    return made


def announce_interrupted(call: Call, error: Exception) -> None:
    """Emit `StreamInterrupted` for a stream of `call`."""
    if call.pipeline.events.listeners:
        call.pipeline.events.emit(StreamInterrupted(**call.where(), kind=_reason(error)), call.record)


def _reason(error: Exception) -> str:
    return error.kind if isinstance(error, RanvierError) else "unknown"
