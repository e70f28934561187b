"""What a reader gets of a stream that ends before its answer does: an error with what had come until then."""

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
    """Whether a stream that ended by `error` broke.

    A cancellation, the end of the call's time and a layer that failed do not break it.
    """
    return isinstance(error, Exception) and not isinstance(error, (DeadlineExceededError, LayerError))


def interrupted(call: Call, error: Exception, received: Response) -> StreamInterruptedError:
    """What a stream of `call` that `error` broke raises."""
    facts = {
        name: getattr(error, name, None)
        for name in ("status", "code", "request_id", "retry_after", "resets_at")
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
    recorder.attach(call.record, made)
    return made


def expired(call: Call, received: Response) -> DeadlineExceededError:
    """What a stream of `call` raises whose time ran out while nobody waited for it."""
    made = DeadlineExceededError(
        f"the call ran out of time while the stream of {call.deployment} was being read", received=received
    )
    recorder.attach(call.record, made)
    return made


Loss = tuple[str, str]
"""How a reader has lost a stream without closing it: the `reason` of the error, and what to do instead."""

LOST_BY_CANCELLATION: Loss = (
    "cancelled",
    "a read of it was cancelled, which closes it; to wait for a while and read on, keep the read in a task "
    "and wait for that with asyncio.wait(..., timeout=...)",
)
LOST_BY_CLOSING: Loss = ("closed", "its pipeline was closed; give aclose(drain=...) time for streams to end")
LOST_WITH_LOOP: Loss = (
    "closed",
    "its event loop was closed; read a stream to its end on the loop it began on",
)


def lost(call: Call, loss: Loss, received: Response) -> StreamInterruptedError:
    """What each further read of a stream raises that its reader has lost."""
    reason, words = loss
    made = StreamInterruptedError(
        f"the stream of {call.deployment} ended before its answer did: {words}",
        received=received,
        reason=reason,
        provider=call.deployment.provider.name,
        model=call.deployment.model,
        in_stream=True,
    )
    recorder.attach(call.record, made)
    return made


def announce_interrupted(call: Call, error: Exception) -> None:
    """Tell whoever listens that a stream of `call` broke."""
    if call.pipeline.events.listeners:
        call.pipeline.events.emit(StreamInterrupted(**call.where(), kind=_reason(error)), call.record)


def _reason(error: Exception) -> str:
    return error.kind if isinstance(error, RanvierError) else "unknown"
