"""Maps the errors of a user's function to ranvier errors, so that the layers can handle them."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ranvier.errors.all_failed import AllDeploymentsFailedError
from ranvier.errors.partial import DeadlineExceededError, StreamInterruptedError
from ranvier.errors.provider import (
    AttemptTimeoutError,
    ConnectionFailedError,
    InvalidResponseError,
    OverloadedError,
    ServerError,
)
from ranvier.errors.root import RanvierError
from ranvier.providers._failures.shown import MAX_WORDS, shown, text_of

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

logger = logging.getLogger("ranvier.providers")

Classify = Callable[[Exception], RanvierError | None]
"""Maps an exception to a ranvier error; returns `None` for an exception that it does not know."""

_BROKEN_BY = {kind.kind: kind for kind in (ServerError, OverloadedError, InvalidResponseError)}
"""The error for each `reason` of an interrupted stream of another pipeline.

Any other reason is a `ConnectionFailedError`.
"""


class FunctionErrors:
    """Maps the errors of one `FunctionProvider`."""

    def __init__(self, owner: object, name: str, classify: Classify | None) -> None:
        self._owner = owner
        self._name = name
        self._classify = classify
        self._complained = False

    def mapped(self, error: Exception, call: Call) -> RanvierError | None:
        """The ranvier error to raise for `error`; `None` to raise `error` itself.

        `None` means that `error` is already the right ranvier error, or is unknown.
        """
        if isinstance(error, RanvierError):
            return self._of_another_pipeline(error, call)
        return (
            self._classified(error)
            or self._of_group(error, call)
            or self._of_generator(error, call)
            or self._of_system(error, call)
        )

    def invalid(self, call: Call, reason: str) -> InvalidResponseError:
        """The error for a function that breaks its contract."""
        return InvalidResponseError(f"{self._name}: {reason}", **self._facts(call))

    def _facts(self, call: Call) -> dict[str, Any]:
        return {"provider": self._name, "model": call.deployment.model}

    # --- of another pipeline ---------------------------------------------------------------------

    def _of_another_pipeline(self, error: RanvierError, call: Call) -> RanvierError | None:
        """The failure of this target for an error that ended a whole call of another pipeline."""
        mapped: RanvierError
        if isinstance(error, AllDeploymentsFailedError):
            mapped = ServerError(f"{call.deployment}: {error.message}", **self._facts(call))
            mapped.retryable = error.primary.retryable
            mapped.counts_against_provider = any(
                getattr(each, "counts_against_provider", False) for each in error.exceptions
            )
            mapped.retry_after = error.retry_after
        elif isinstance(error, StreamInterruptedError):
            kind = _BROKEN_BY.get(error.reason, ConnectionFailedError)
            mapped = kind(f"{call.deployment}: {error}", retry_after=error.retry_after, **self._facts(call))
            mapped.counts_against_provider = error.counts_against_provider
        elif isinstance(error, DeadlineExceededError) and not _is_late(call):
            mapped = AttemptTimeoutError(f"{call.deployment}: {error}", phase="attempt", **self._facts(call))
        else:
            return None
        return mapped

    # --- of anything else ------------------------------------------------------------------------

    def _classified(self, error: Exception) -> RanvierError | None:
        if self._classify is None:
            return None
        try:
            answer: object = self._classify(error)
        except (Exception, asyncio.CancelledError):  # a synchronous function cannot be cancelled midway
            self._complain("raised", trace=True)
            return None
        if isinstance(answer, RanvierError) or answer is None:
            return answer
        self._complain(f"returned a {kind_of(answer)}: return a ranvier error or None")
        return None

    def _complain(self, what: str, *, trace: bool = False) -> None:
        if not self._complained:
            self._complained = True
            message = "classify of %r %s: the error is treated as unknown; this is logged once"
            logger.error(message, self._owner, what, exc_info=trace)

    def _of_group(self, error: Exception, call: Call) -> RanvierError | None:
        """The first error of a group whose errors are all known; a TaskGroup's group mostly has one."""
        if not isinstance(error, ExceptionGroup):
            return None
        found: RanvierError | None = None
        for each in error.exceptions:
            # A copy, since it will be raised from the group that holds it: that would be a cycle.
            known = self.mapped(each, call) or (copy.copy(each) if isinstance(each, RanvierError) else None)
            if known is None:
                return None
            found = found or known
        return found

    def _of_generator(self, error: Exception, call: Call) -> RanvierError | None:
        """The error for a stray StopIteration; Python turns most of them into a RuntimeError."""
        lost = (StopIteration, StopAsyncIteration)
        for each in (error, error.__cause__ if isinstance(error, RuntimeError) else None):
            if isinstance(each, lost):
                return self.invalid(
                    call, f"the function raised {type(each).__name__}, which ends an iteration"
                )
        return None

    def _of_system(self, error: Exception, call: Call) -> RanvierError | None:
        if not isinstance(error, OSError):
            return None
        if isinstance(error, TimeoutError) and error.errno is None:  # from asyncio, not from a socket
            return AttemptTimeoutError(f"{call.deployment} timed out", phase="attempt", **self._facts(call))
        message = shown(text_of(error), MAX_WORDS, call.credential) or type(error).__name__
        return ConnectionFailedError(f"{call.deployment}: {message}", **self._facts(call))


def _is_late(call: Call) -> bool:
    """True if the call's own deadline has passed: that error then ends the call itself."""
    return call.deadline is not None and call.deadline <= call.pipeline.clock()


def kind_of(value: object) -> str:
    """The type name of an invalid result; closes a coroutine, which would warn that it was never awaited."""
    if inspect.iscoroutine(value):
        value.close()
    return type(value).__name__
