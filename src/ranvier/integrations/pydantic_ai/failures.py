"""Translates errors of a pipeline to those of pydantic-ai, which agents and its `FallbackModel` handle."""

from __future__ import annotations

from typing import Final, NoReturn

from pydantic_ai import exceptions as theirs

from ranvier.errors import all_failed, partial, provider, rejected
from ranvier.errors.root import RanvierError
from ranvier.errors.timed_out import TimedOutError

CATEGORIES: Final[tuple[tuple[type[RanvierError], type[theirs.ModelAPIError]], ...]] = (
    (TimedOutError, theirs.ModelTimeoutError),
    (provider.RateLimitError, theirs.ModelRateLimitError),
    (provider.QuotaExceededError, theirs.ModelQuotaExceededError),
    (provider.OverloadedError, theirs.ModelOverloadedError),
    (provider.ServerError, theirs.ModelServerError),
    (provider.InvalidResponseError, theirs.ModelServerError),
    (provider.ConnectionFailedError, theirs.ModelConnectionError),
    (partial.StreamInterruptedError, theirs.ModelConnectionError),
    (provider.AuthenticationError, theirs.ModelAuthenticationError),
    (provider.PermissionDeniedError, theirs.ModelAuthenticationError),
    (provider.ModelNotFoundError, theirs.ModelNotFoundError),
    (provider.ContextLengthError, theirs.ModelContextWindowExceededError),
    (provider.InvalidRequestError, theirs.ModelRequestRejectedError),
    (rejected.RejectedError, theirs.ModelUnavailableError),
    (provider.ProviderError, theirs.ModelAPIError),
)
"""pydantic-ai's class for each of our errors; the first match counts."""

_WITHOUT_STATUS: Final = (theirs.ModelConnectionError, theirs.ModelTimeoutError)


def raise_failure(error: RanvierError, model: str) -> NoReturn:
    """Raise pydantic-ai's error for `error`, which becomes its cause; misuse raises `error` itself."""
    failure = _failure_of(error, model)
    if failure is None:
        raise error
    raise failure from error


def _failure_of(error: RanvierError, model: str) -> Exception | None:
    primary = _primary(error)
    if isinstance(primary, provider.ContentFilterError):
        blocked: Exception = theirs.ContentFilterError(str(primary))
        return blocked
    category = next((kind for ours, kind in CATEGORIES if isinstance(primary, ours)), None)
    if category is None:
        return None
    failure = _categorized(category, primary, model, str(error))
    _describe(failure, primary, error)
    known: Exception = failure
    return known


def _primary(error: RanvierError) -> RanvierError:
    """The most informative error of a call whose targets have all failed."""
    return error.primary if isinstance(error, all_failed.AllDeploymentsFailedError) else error


def _describe(failure: theirs.ModelAPIError, primary: RanvierError, error: RanvierError) -> None:
    failure.retry_after = error.retry_after
    failure.provider_error_code = getattr(primary, "code", None)
    broken = isinstance(primary, partial.StreamInterruptedError)
    failure.in_stream = broken or getattr(primary, "in_stream", False)


def _categorized(
    category: type[theirs.ModelAPIError], primary: RanvierError, model: str, message: str
) -> theirs.ModelAPIError:
    """An error with a status is an HTTP error, too."""
    status = getattr(primary, "status", None)
    if not isinstance(status, int) or category in _WITHOUT_STATUS or status < 400:
        return category(model, message)
    known = None if category is theirs.ModelAPIError else category
    failure = theirs.ModelHTTPError.for_category(known, status_code=status, model_name=model)
    failure.message = message
    failure.args = (message,)
    return failure
