"""Errors of a model of pydantic-ai as ours, so that the layers know what to do."""

from __future__ import annotations

from typing import Any, Final

from pydantic_ai import exceptions as theirs

from ranvier.errors import provider as ours
from ranvier.errors.root import RanvierError

CLASSES: Final[tuple[tuple[type[Exception], type[ours.ProviderError]], ...]] = (
    (theirs.ModelRateLimitError, ours.RateLimitError),
    (theirs.ModelQuotaExceededError, ours.QuotaExceededError),
    (theirs.ModelUnavailableError, ours.OverloadedError),
    (theirs.ModelServerError, ours.ServerError),
    (theirs.ModelConnectionError, ours.ConnectionFailedError),
    (theirs.ModelContextWindowExceededError, ours.ContextLengthError),
    (theirs.ModelAuthenticationError, ours.AuthenticationError),
    (theirs.ModelNotFoundError, ours.ModelNotFoundError),
    (theirs.ModelRequestRejectedError, ours.InvalidRequestError),
    (theirs.ModelAPIError, ours.ServerError),
    (theirs.ConcurrencyLimitExceeded, ours.OverloadedError),
    (theirs.ContentFilterError, ours.ContentFilterError),
    (theirs.UnexpectedModelBehavior, ours.InvalidResponseError),
    (theirs.UserError, ours.UnsupportedRequestError),
    (NotImplementedError, ours.UnsupportedRequestError),  # by a part that a model cannot be sent
)
"""Our class for each exception class of pydantic-ai; the first match counts."""

TIMEOUTS: Final = (theirs.ModelTimeoutError, theirs.ModelRequestTimeout)


def error_of(provider: str, model: str, error: Exception) -> RanvierError | None:
    """Our error for `error`; `None` if that comes from neither pydantic-ai nor its HTTP library.

    Its message omits the provider's, which may quote the prompt; the cause has it.
    """
    facts: dict[str, Any] = {"provider": provider, "model": model}
    if isinstance(error, TIMEOUTS):
        phase = "connect" if getattr(error, "phase", None) in ("connect", "pool") else "attempt"
        return ours.AttemptTimeoutError(_message(provider, error), phase=phase, **facts)
    if isinstance(error, theirs.ModelAPIError):
        facts |= {
            "status": getattr(error, "status_code", None),
            "code": error.provider_error_code or error.provider_error_type,
            "retry_after": error.retry_after,
            "in_stream": error.in_stream,
        }
    found = next((each for known, each in CLASSES if isinstance(error, known)), None)
    if found is None and any(kind.__module__.startswith("httpx") for kind in type(error).__mro__):
        found = ours.ConnectionFailedError
    if found is None:
        return None
    failure = found(_message(provider, error), **facts)
    if isinstance(error, theirs.ConcurrencyLimitExceeded):  # by a limit of the user's, before it was asked
        failure.counts_against_provider = failure.billable = False
    return failure


def _message(provider: str, error: Exception) -> str:
    status, code = getattr(error, "status_code", None), getattr(error, "provider_error_code", None)
    details = [f"status {status}"] if status is not None else []
    details += [f"{code!r:.80}"] if code else []
    return f"{provider} failed: {', '.join([type(error).__name__.removeprefix('_HTTP'), *details])}"
