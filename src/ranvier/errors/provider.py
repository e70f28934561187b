"""Errors of providers: failures, rejected requests, invalid responses."""

from __future__ import annotations

from typing import Any

from ranvier.errors.root import RanvierError
from ranvier.errors.scope import Scope, as_scope
from ranvier.errors.timed_out import TimedOutError

MAX_WAIT = 86_400.0
"""The longest `retry_after` of a provider, in seconds. A longer one is ignored; see `resets_at`."""


class _ProviderFacts(RanvierError):  # noqa: N818  # because: it is a mixin of errors, and never raised
    """The attributes of every failure of a provider, timeouts included."""

    fails_over = True
    scope: Scope = Scope.MODEL

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
        scope: Scope | None = None,
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
        if (own := as_scope(scope)) is not None:
            self.scope = own
        if not in_stream and _rejects(status):
            self.billable = False

    @property
    def retry_after(self) -> float | None:
        """The wait that the provider requested, in seconds, at most a day. Any other value becomes `None`."""
        return self._retry_after

    @retry_after.setter
    def retry_after(self, wait: float | None) -> None:  # pyright: ignore
        self._retry_after = wait if _is_wait(wait) else None


def _rejects(status: object) -> bool:
    """True for a status in place of an answer. A gateway that gives up may have left the provider working."""
    return isinstance(status, int) and (
        (400 <= status < 500 and status != 408) or status in (500, 501, 503, 529)
    )


def _is_wait(wait: object) -> bool:
    """True for a usable number of seconds: custom providers may raise errors with any value."""
    number = isinstance(wait, (int, float)) and not isinstance(wait, bool)
    return number and 0 <= wait <= MAX_WAIT  # type: ignore[operator]  # because: it is a number


class AttemptTimeoutError(TimedOutError, _ProviderFacts):
    """This attempt exceeded a limit of its `Timeout`.

    Attributes:
        phase: The limit: `connect`, `first_token`, `idle`, or `attempt` for `seconds`. By default, only a
            connect timeout is retried at the same target: a silent provider usually stays silent.
        scope: `endpoint` if the connection took too long; otherwise `model`.
    """

    counts_against_provider = True
    fails_over = True

    def __init__(self, message: str, *, phase: str = "attempt", **facts: Any) -> None:
        _ProviderFacts.__init__(self, message, **facts)
        self.phase = phase
        self.retryable = phase == "connect"
        self.billable = phase != "connect"
        self.__dict__.setdefault("scope", _SCOPES_OF_PHASES.get(phase, Scope.MODEL))


_SCOPES_OF_PHASES = {"connect": Scope.ENDPOINT, "turn": Scope.REQUEST}
"""`turn` is the time that the targets still to come leave to an attempt: it says nothing about a model."""


class ProviderError(_ProviderFacts):
    """The provider failed, rejected the request, or sent an invalid response.

    Attributes:
        kind: The category, one word, safe as a metric label.
        provider, model: The target of the request.
        status: The HTTP status; `None` if none arrived.
        code: The provider's own error code.
        request_id: The provider's id of the request, for its support.
        retry_after: The wait that the provider requested in a header or body, in seconds: from 0 to a day.
            Any other value (NaN, a text, a year) becomes `None`.
        in_stream: True if the error arrived inside a stream that had begun with status 200.
        body_preview: The start of the body, without secrets.
        param: The field of the request that the provider rejected, as the provider spells it
            (`max_tokens`, `tools.0.name`); `None` if it names none.
        resets_at: When the limit or outage ends, in seconds since the epoch (`time.time()`), also if that is
            more than a day from now; `None` if the provider named no time.
        scope: What the failure is about, and so whom it concerns. Each class has a default, and an error
            may be given another: `ServerError(..., scope=Scope.ENDPOINT)`.
    """


class _ProviderFaultError(ProviderError):
    """The provider is at fault: the call is retried and falls back, and the circuit breaker counts it."""

    retryable = True
    counts_against_provider = True


class ConnectionFailedError(_ProviderFaultError):
    """The connection failed or broke: DNS, refused, reset, TLS."""

    kind = "network"
    scope = Scope.ENDPOINT


class ServerError(_ProviderFaultError):
    """The provider failed: a 5xx status, or an equivalent error in a body."""

    kind = "server_error"


class OverloadedError(ServerError):
    """The provider is overloaded: 503, 529, "overloaded"."""

    kind = "overloaded"


class RateLimitError(ProviderError):
    """The key is rate limited for now. No retry starts before `retry_after`."""

    kind = "rate_limit"
    billable = False
    scope = Scope.KEY_MODEL
    about_key = True
    retryable = True


class QuotaExceededError(ProviderError):
    """The account is out of credit, over budget, or over a limit that resets too late to wait for."""

    kind = "quota_exhausted"
    billable = False
    scope = Scope.KEY
    about_key = True


class AuthenticationError(ProviderError):
    """The key is wrong, expired or revoked."""

    kind = "auth"
    billable = False
    scope = Scope.KEY
    about_key = True


class PermissionDeniedError(ProviderError):
    """The key is valid, but not allowed to do this."""

    kind = "permission"
    billable = False
    scope = Scope.KEY_MODEL
    about_key = True


class InvalidRequestError(ProviderError):
    """The request is invalid, and most likely every other target would reject it too.

    Attributes:
        refuses_streaming: True if only streaming is rejected: the same request without it may succeed.
    """

    kind = "invalid_request"
    billable = False
    scope = Scope.REQUEST
    fails_over = False
    refuses_streaming: bool = False


class ContextLengthError(InvalidRequestError):
    """The prompt exceeds the model's context window; only a model with a larger window can help.

    If it exceeds a limit of the key, the account or the server instead (for example a request larger than
    the limit of tokens per minute), `fails_over` is true and `scope` is `target`: any other target may
    accept it.
    """

    kind = "context_length"


class ModelNotFoundError(InvalidRequestError):
    """The provider does not have this model, or this key may not use it."""

    kind = "model_not_found"
    scope = Scope.TARGET
    fails_over = True


class UnsupportedRequestError(InvalidRequestError):
    """This target does not support something in the request; another target may.

    Examples: a setting, a tool, a schema feature, an image, a message part that another provider created,
    the format of an id, a size. An invalid conversation is an `InvalidRequestError`.
    """

    scope = Scope.TARGET
    fails_over = True


class ContentFilterError(ProviderError):
    """The provider's content filter blocked the request or the answer."""

    kind = "content_filter"
    scope = Scope.REQUEST
    fails_over = False


class InvalidResponseError(_ProviderFaultError):
    """The response violates the API: HTML, truncated JSON, a stream that ends too early."""

    kind = "invalid_response"
