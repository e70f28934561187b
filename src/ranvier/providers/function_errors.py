"""What the errors of a user's function mean: which of ours each is, so that the layers know what to do."""

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
from ranvier.providers._failures.shown import MAX_WORDS, shown

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

logger = logging.getLogger("ranvier.providers")

Classify = Callable[[Exception], RanvierError | None]
"""Given an exception that is not ours, says which of our errors it is, or `None`."""

_BROKEN_BY = {kind.kind: kind for kind in (ServerError, OverloadedError, InvalidResponseError)}
"""By the reason of a stream of another pipeline that broke; a failed connection for all others."""


class FunctionErrors:
    """The errors of one provider made of functions."""

    def __init__(self, owner: object, name: str, classify: Classify | None) -> None:
        self._owner = owner
        self._name = name
        self._classify = classify
        self._complained = False

    def mapped(self, error: Exception, call: Call) -> RanvierError | None:
        """Our error for `error`; `None` where it is one of ours that means what it says, or is unknown."""
        if isinstance(error, RanvierError):
            return self._of_another_pipeline(error, call)
        return (
            self._classified(error)
            or self._of_group(error, call)
            or self._of_generator(error, call)
            or self._of_system(error, call)
        )

    def unfit(self, call: Call, what: str) -> InvalidResponseError:
        """The error for a function that does not keep to its contract."""
        return InvalidResponseError(f"the function of {self._name} {what}", **self._facts(call))

    def _facts(self, call: Call) -> dict[str, Any]:
        return {"provider": self._name, "model": call.deployment.model}

    # --- of another pipeline ---------------------------------------------------------------------

    def _of_another_pipeline(self, error: RanvierError, call: Call) -> RanvierError | None:
        """What ended a whole call of another pipeline is, here, the failure of one target."""
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
        except (Exception, asyncio.CancelledError):  # nobody can cancel in the middle of a plain function
            self._complain("raised", trace=True)
            return None
        if isinstance(answer, RanvierError) or answer is None:
            return answer
        if inspect.iscoroutine(answer):
            answer.close()
        self._complain(f"returned a {type(answer).__name__}, and no error of ranvier's or None")
        return None

    def _complain(self, what: str, *, trace: bool = False) -> None:
        if not self._complained:
            self._complained = True
            words = "classify of %r %s: the error is treated as unknown; this is logged once"
            logger.error(words, self._owner, what, exc_info=trace)

    def _of_group(self, error: Exception, call: Call) -> RanvierError | None:
        """Of a group whose errors are all known, the first: what is left of a TaskGroup mostly has one."""
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
        """The end of somebody's iteration that got lost; Python makes a RuntimeError of most of them."""
        lost = (StopIteration, StopAsyncIteration)
        for each in (error, error.__cause__ if isinstance(error, RuntimeError) else None):
            if isinstance(each, lost):
                return self.unfit(call, f"raised {type(each).__name__}, which is the end of some iteration")
        return None

    def _of_system(self, error: Exception, call: Call) -> RanvierError | None:
        if not isinstance(error, OSError):
            return None
        if isinstance(error, TimeoutError) and error.errno is None:  # of asyncio, not of a socket
            return AttemptTimeoutError(
                f"{call.deployment} was too slow", phase="attempt", **self._facts(call)
            )
        said = shown(str(error), MAX_WORDS, call.credential) or type(error).__name__
        return ConnectionFailedError(f"{call.deployment}: {said}", **self._facts(call))


def _is_late(call: Call) -> bool:
    """Whether the deadline of the call itself has passed: then it is out of time, whoever says so first."""
    return call.deadline is not None and call.deadline <= call.pipeline.clock()
