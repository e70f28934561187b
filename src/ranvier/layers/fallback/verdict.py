"""The error of a call that no target answered, and the reason of each fallback."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from ranvier.errors.all_failed import AllDeploymentsFailedError
from ranvier.errors.partial import DeadlineExceededError
from ranvier.errors.provider import ContextLengthError, InvalidRequestError
from ranvier.errors.rejected import AllowFailedError, NotAllowedError
from ranvier.errors.root import RanvierError
from ranvier.errors.spend_limit import SpendLimitExceededError
from ranvier.events import FallbackTaken
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment

Failures = tuple[tuple[Deployment, RanvierError], ...]
"""The failed targets with their errors."""


def verdict(failures: Failures) -> RanvierError:
    """The error of a call whose targets have all failed."""
    if len(failures) == 1:
        return failures[0][1]
    spent = [error for _, error in failures if isinstance(error, SpendLimitExceededError)]
    if len(spent) == len(failures):
        return min(spent, key=lambda error: error.needed or inf)
    asked = [error for _, error in failures if not isinstance(error, NotAllowedError)]
    if not asked:
        return _not_allowed([error for _, error in failures if isinstance(error, NotAllowedError)])
    if all(isinstance(error, InvalidRequestError) for error in asked):
        return asked[0]
    summary = ", ".join(f"{deployment} ({error.kind})" for deployment, error in failures)
    return AllDeploymentsFailedError(
        f"none of {len(failures)} targets answered: {summary}", [error for _, error in failures]
    )


def _not_allowed(errors: Sequence[NotAllowedError]) -> NotAllowedError:
    """One error with the reasons of all targets."""
    failed = [error for error in errors if isinstance(error, AllowFailedError)]
    reasons = {target: why for error in errors for target, why in error.reasons.items()}
    made = AllowFailedError(reasons=reasons) if failed else NotAllowedError(reasons=reasons)
    made.__cause__ = failed[0].__cause__ if failed else None
    return made


def too_small(deployment: Deployment, failures: Failures) -> bool:
    """True when the prompt was too long for a target whose window is known to be at least as large."""
    window = deployment.context_window
    return window is not None and any(
        isinstance(error, ContextLengthError)
        and not error.fails_over  # otherwise it was a limit of that key or server, not of the model
        and (failed.context_window or 0) >= window
        for failed, error in failures
    )


def fall_back(call: Call, deployment: Deployment, before: Deployment, kind: str) -> str:
    """Emit that the call falls back from `before` to `deployment`, if that is another one; returns why."""
    if deployment is not before and call.pipeline.events.listeners:
        call.pipeline.events.emit(
            FallbackTaken(
                tenant=call.tenant,
                provider=before.provider.name,
                model=before.model,
                metadata=call.record.metadata,
                to=deployment.target,
                kind=kind,
            ),
            call.record,
        )
    return kind


def out_of_time(deployment: Deployment, failures: Failures) -> DeadlineExceededError:
    """The error of a call whose deadline has passed before `deployment` is tried."""
    if not failures:
        return DeadlineExceededError(f"the deadline passed before {deployment} was tried")
    failed, error = failures[-1]
    late = DeadlineExceededError(
        f"the deadline passed after {failed} failed ({error.kind}) and before {deployment} was tried"
    )
    late.__cause__ = error
    return late
