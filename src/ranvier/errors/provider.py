"""The provider refused, failed, or answered with something that is no answer."""

from __future__ import annotations

from typing import Any

from ranvier.errors.root import RanvierError
from ranvier.errors.timed_out import TimedOutError

MAX_WAIT = 86_400.0
"""Seconds: the longest `retry_after` of a provider. What lasts longer is no wait, and `resets_at` has it."""


class _ProviderFacts(RanvierError):  # noqa: N818  # because: it is a part of errors, and none itself
    """The facts that every failure of a provider carries, whatever branch of the tree it is on."""

    fails_over = True

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        in_stream: bool = False,
        body_preview: str | None = None,
        param: str | None = None,
        resets_at: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.in_stream = in_stream
        self.body_preview = body_preview
        self.param = param
        self.resets_at = resets_at

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asked us to wait, at most a day; what is no such number is unsaid."""
        return self._retry_after

    @retry_after.setter
    def retry_after(self, wait: float | None) -> None:  # pyright: ignore
        self._retry_after = wait if _is_wait(wait) else None


def _is_wait(wait: object) -> bool:
    """True for a number of seconds that a layer can reckon with: errors may come from anybody's code."""
    number = isinstance(wait, (int, float)) and not isinstance(wait, bool)
    return number and 0 <= wait <= MAX_WAIT  # type: ignore[operator]  # because: it is a number


class AttemptTimeoutError(TimedOutError, _ProviderFacts):
    """This attempt was too slow.

    Attributes:
        phase: `connect`, `first_token`, `idle` or `attempt`. Only a slow connect is retried at the
            same target: a silent provider stays silent.
    """

    counts_against_provider = True
    fails_over = True

    def __init__(self, message: str, *, phase: str = "attempt", **facts: Any) -> None:
        _ProviderFacts.__init__(self, message, **facts)
        self.phase = phase
        self.retryable = phase == "connect"


class ProviderError(_ProviderFacts):
    """The provider refused, failed, or answered with something that is no answer.

    Attributes:
        kind: The category, one word, safe as a metric's label.
        provider, model: Who was asked for what.
        status: The HTTP status; `None` where none arrived.
        code: The provider's own word for it.
        request_id: The provider's id of the request, for its support desk.
        retry_after: Seconds the provider asked us to wait, from its header or body: from 0 to a day.
            Anything else that is given or set (NaN, a text, a year) counts as unsaid and is `None`.
        in_stream: It came inside a stream that had begun with status 200.
        body_preview: The start of the body, without secrets.
        param: The field of the request that the refusal names, as the provider spells it
            (`max_tokens`, `tools.0.name`); `None` where it names none.
        resets_at: When it will be over, in seconds since the epoch as `time.time()` counts them, where
            the provider named a moment, however late; `None` where it named none.
    """


class _ProviderFaultError(ProviderError):
    """The provider's own failing: try again, count it, go on to the next target."""

    retryable = True
    counts_against_provider = True


class ConnectionFailedError(_ProviderFaultError):
    """No connection, or it broke: DNS, refused, reset, TLS."""

    kind = "network"


class ServerError(_ProviderFaultError):
    """The provider failed: a 5xx status, or the same said in a body."""

    kind = "server_error"


class OverloadedError(ServerError):
    """The provider has more work than it can do: 503, 529, "overloaded"."""

    kind = "overloaded"


class RateLimitError(ProviderError):
    """Too many requests; it passes with time. Never retried earlier than `retry_after`."""

    kind = "rate_limit"
    about_key = True
    retryable = True


class QuotaExceededError(ProviderError):
    """Out of credit, over the budget, or over a limit that no wait within a call outlasts."""

    kind = "quota_exhausted"
    about_key = True


class AuthenticationError(ProviderError):
    """The key is wrong, expired or revoked."""

    kind = "auth"
    about_key = True


class PermissionDeniedError(ProviderError):
    """The key is good, but not for this."""

    kind = "permission"
    about_key = True


class InvalidRequestError(ProviderError):
    """The request itself is wrong; every other target would most likely say the same.

    Attributes:
        refuses_streaming: What the provider refuses is only to stream; asked whole, it may answer.
    """

    kind = "invalid_request"
    fails_over = False
    refuses_streaming: bool = False


class ContextLengthError(InvalidRequestError):
    """The prompt does not fit the model; only a larger context window can help.

    Where it does not fit a limit of the key, of the account or of the server (a request larger than all
    the tokens of a minute, say), `fails_over` is true: then any other target may take it.
    """

    kind = "context_length"


class ModelNotFoundError(InvalidRequestError):
    """This provider has no such model, or not for this key."""

    kind = "model_not_found"
    fails_over = True


class UnsupportedRequestError(InvalidRequestError):
    """The request may be sound, but this target refuses something that another may take.

    A setting, a tool, the dialect of a schema, a picture, a part that another provider wrote, an id's
    form, a size: anything but the conversation itself.
    """

    fails_over = True


class ContentFilterError(ProviderError):
    """The provider refused on policy and gave no answer."""

    kind = "content_filter"
    fails_over = False


class InvalidResponseError(_ProviderFaultError):
    """What came back is not what the API promises: HTML, cut JSON, a stream without its end."""

    kind = "invalid_response"
