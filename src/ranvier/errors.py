"""Everything that ranvier raises.

    RanvierError                          .attempts
    |- RejectedError                      we said no; nothing was sent      .retry_after
    |  |- CircuitOpenError                .tenant .provider
    |  |- ThrottledError                  .tenant .provider .reason
    |  |- CredentialMissingError          no key of this tenant for this target
    |  `- LocalCapacityError              no connection slot in time
    |- TimedOutError (TimeoutError)
    |  |- DeadlineExceededError           the whole call is out of time      .received
    |  `- AttemptTimeoutError             this attempt was too slow          .phase
    |- ProviderError                      the provider said no, or said nothing
    |  |- ConnectionFailedError           DNS, refused, reset, TLS
    |  |- ServerError -> OverloadedError  5xx; 503, 529 and "overloaded"
    |  |- RateLimitError                  429 that passes with time
    |  |- QuotaExceededError              one that does not: credit, billing, a daily limit
    |  |- AuthenticationError, PermissionDeniedError
    |  |- InvalidRequestError -> ContextLengthError, ModelNotFoundError, UnsupportedRequestError
    |  |- ContentFilterError              refused on policy, without an answer
    |  |- InvalidResponseError            what came back is not what the API promises
    |  `- StreamInterruptedError          after hand-out, whatever broke it  .received .reason
    |- LayerError                         a layer of yours failed            .layer .received
    |- AllDeploymentsFailedError (ExceptionGroup)
    `- ConfigurationError (ValueError) -> LayerOrderError, UnknownProviderError

Layers decide on the facts of an error (`retryable`, `counts_against_provider`, `falls_over`,
`retry_after`), never on a status code or a text. The facts of a class are its defaults; an
instance may know better, as when a provider says that this very error should not be retried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from ranvier.messages import Response
    from ranvier.pipeline.price import Prices
    from ranvier.pipeline.record import Attempt, Record
    from ranvier.pipeline.story import Story


LONGEST_WAIT = 86_400.0
"""Seconds: the longest `retry_after` of a provider. What lasts longer is no wait, and `resets_at` has it."""


class RanvierError(Exception):
    """The root of every error that ranvier raises.

    Attributes:
        attempts: What was tried on behalf of the call before this was raised, oldest first.
        record: Of the call, from which its `story` is told; `None` for an error that came out of none.
        retry_after: Seconds that the provider (or a circuit) asked us to wait, if it said so.
        retryable: The same target may well answer a second time.
        counts_against_provider: A circuit breaker should count it.
        falls_over: The next target may well answer.
        target_refuses: The target would refuse another attempt now, so that a retry is pointless.
        about_key: It is about the credential: with another key the same target may well answer.
    """

    kind: ClassVar[str] = "unknown"
    retryable: bool = False
    counts_against_provider: bool = False
    falls_over: bool = False
    target_refuses: bool = False
    about_key: bool = False
    retry_after: float | None = None
    attempts: tuple[Attempt, ...] = ()
    record: Record | None = None

    @property
    def story(self) -> Story | None:
        """Where the seconds of the call went; `None` for an error that came out of no call."""
        return None if self.record is None else self.record.story()

    def explain(self, prices: Prices | None = None) -> str:
        """The same as a few lines to be read, quoting nobody; `prices` are as in `Story.explain`."""
        story = self.story
        return f"{self.kind}: no call was made" if story is None else story.explain(prices)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by calling their class with `args`, which fails for keyword-only parameters.
        return _restore, (type(self), self.args), self.__dict__.copy()


def _restore(kind: type[RanvierError], args: tuple[Any, ...]) -> RanvierError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


# --- we said no ----------------------------------------------------------------------------------


class RejectedError(RanvierError):
    """We refused the attempt ourselves; nothing was sent."""

    kind = "rejected"
    falls_over = True

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitOpenError(RejectedError):
    """The circuit of this tenant at this provider lets nobody through now.

    `retry_after` is the rest of its cooldown or, while a probe is under way, of the probe's lease;
    `None` when an operator has isolated the circuit.
    """

    kind = "circuit_open"

    def __init__(
        self, message: str = "", *, tenant: str, provider: str, retry_after: float | None = None
    ) -> None:
        self.args = (message,)  # as `super().__init__` would set it, for a third of the price
        self.retry_after = retry_after
        self.tenant = tenant
        self.provider = provider

    def __str__(self) -> str:
        # Rejections come by the thousand during an outage: the sentence is written when it is read.
        if message := super().__str__():
            return message
        when = "it is isolated" if self.retry_after is None else f"try again in {self.retry_after:.3g} s"
        return f"the circuit of tenant {self.tenant!r} at {self.provider} is open: {when}"


class ThrottledError(RejectedError):
    """The provider has said no to this key a moment ago, and would say it again.

    `retry_after` is the rest of the time for which it said so.

    Attributes:
        reason: The kind of what it said: `rate_limit`, `overloaded`, `auth` or `quota_exhausted`.
        seconds_ago: When it said so, counted back from this error.
    """

    kind = "throttled"

    def __init__(
        self,
        message: str = "",
        *,
        tenant: str,
        provider: str,
        reason: str = "rate_limit",
        seconds_ago: float = 0.0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.tenant = tenant
        self.provider = provider
        self.reason = reason
        self.seconds_ago = seconds_ago

    def __str__(self) -> str:
        if message := super().__str__():
            return message
        what = _SAID.get(self.reason, "{provider} turned tenant {tenant!r} away")
        said = what.format(provider=self.provider, tenant=self.tenant)
        when = "" if self.retry_after is None else f": try again in {self.retry_after:.3g} s"
        return f"{said} {self.seconds_ago:.3g} s ago{when}"


_SAID = {
    "rate_limit": "{provider} limited the rate of tenant {tenant!r}",
    "overloaded": "{provider} was overloaded",
    "auth": "the key of tenant {tenant!r} at {provider} was refused",
    "quota_exhausted": "the key of tenant {tenant!r} at {provider} was out of credit",
}


class CredentialMissingError(RejectedError):
    """There is no key of this tenant for this target, so the target was skipped."""

    kind = "credential_missing"


class LocalCapacityError(RejectedError):
    """No connection slot became free in time; nothing was sent and no provider is to blame."""

    kind = "local_capacity"


# --- out of time ---------------------------------------------------------------------------------


class TimedOutError(RanvierError, TimeoutError):
    """Something took longer than it may."""

    kind = "timeout"


class DeadlineExceededError(TimedOutError):
    """The whole call is out of time.

    Attributes:
        received: What a stream had delivered until then, or `None`.
    """

    kind = "deadline_exceeded"

    def __init__(self, message: str, *, received: Response | None = None) -> None:
        super().__init__(message)
        self.received = received


class _ProviderFacts(RanvierError):  # noqa: N818  # because: it is a part of errors, and none itself
    """The facts that every failure of a provider carries, whatever branch of the tree it is on."""

    falls_over = True

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
    return number and 0 <= wait <= LONGEST_WAIT  # type: ignore[operator]  # because: it is a number


class AttemptTimeoutError(TimedOutError, _ProviderFacts):
    """This attempt was too slow.

    Attributes:
        phase: `connect`, `first_token`, `idle` or `attempt`. Only a slow connect is retried at the
            same target: a silent provider stays silent.
    """

    counts_against_provider = True
    falls_over = True

    def __init__(self, message: str, *, phase: str = "attempt", **facts: Any) -> None:
        _ProviderFacts.__init__(self, message, **facts)
        self.phase = phase
        self.retryable = phase == "connect"


# --- the provider said no, or said nothing -------------------------------------------------------


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
    falls_over = False
    refuses_streaming: bool = False


class ContextLengthError(InvalidRequestError):
    """The prompt does not fit the model; only a larger context window can help.

    Where it does not fit a limit of the key, of the account or of the server (a request larger than all
    the tokens of a minute, say), `falls_over` is true: then any other target may take it.
    """

    kind = "context_length"


class ModelNotFoundError(InvalidRequestError):
    """This provider has no such model, or not for this key."""

    kind = "model_not_found"
    falls_over = True


class UnsupportedRequestError(InvalidRequestError):
    """The request may be sound, but this target refuses something that another may take.

    A setting, a tool, the dialect of a schema, a picture, a part that another provider wrote, an id's
    form, a size: anything but the conversation itself.
    """

    falls_over = True


class ContentFilterError(ProviderError):
    """The provider refused on policy and gave no answer."""

    kind = "content_filter"
    falls_over = False


class InvalidResponseError(_ProviderFaultError):
    """What came back is not what the API promises: HTML, cut JSON, a stream without its end."""

    kind = "invalid_response"


class StreamInterruptedError(ProviderError):
    """The stream broke after it had been handed out; nothing is repeated silently.

    Attributes:
        received: What had arrived until then: text, tool calls, usage.
        reason: The kind of what broke it; the cause itself is `__cause__`.
    """

    kind = "stream_dropped"
    falls_over = False

    def __init__(
        self, message: str, *, received: Response | None = None, reason: str = "unknown", **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.received = received
        self.reason = reason


# --- a layer failed ------------------------------------------------------------------------------


class LayerError(RanvierError):
    """A layer of the user's failed: its transform raised, or what it returned is no answer.

    No provider is to blame: nothing is retried, counted or asked elsewhere. What the layer raised itself
    is the `__cause__`.

    Attributes:
        layer: The name of the layer's class, or of the function that failed.
        received: What the reader of a stream had received until then.
    """

    kind = "layer"

    def __init__(self, message: str = "", layer: str = "", *, received: Response | None = None) -> None:
        super().__init__(f"the layer {layer} failed: {message}" if layer else message)
        self.layer = layer
        self.received = received


# --- every target failed -------------------------------------------------------------------------


class AllDeploymentsFailedError(RanvierError, ExceptionGroup[RanvierError]):
    """Two or more targets were tried, and none answered. `exceptions` has one error per target, in order."""

    kind = "all_failed"

    if TYPE_CHECKING:  # because no group nests in ours

        @property
        def exceptions(self) -> tuple[RanvierError, ...]:
            """One error for each target, in their order."""

    def __new__(cls, message: str, errors: Sequence[RanvierError]) -> Self:
        """Create the group as `ExceptionGroup` does: its members are set here, not in `__init__`."""
        return super().__new__(cls, message, errors)

    def __init__(self, message: str, errors: Sequence[RanvierError]) -> None:
        super().__init__(message, errors)
        waits = [error.retry_after for error in errors if error.retry_after is not None]
        self.retry_after = min(waits, default=None)

    def derive(self, errors: Sequence[RanvierError]) -> Self:  # type: ignore[override]  # because: ours holds only ours
        """Build the part of this group that `split` and `subgroup` keep."""
        return type(self)(self.message, errors)

    @property
    def primary(self) -> RanvierError:
        """The error of the first target that was sent anything; of the first target where none was."""
        sent = (error for error in self.exceptions if not isinstance(error, RejectedError))
        return next(sent, self.exceptions[0])

    @property
    def nothing_sent(self) -> bool:
        """True when every target was refused on our side, so that no provider saw the prompt."""
        return all(isinstance(error, RejectedError) for error in self.exceptions)


# --- you said something we cannot do -------------------------------------------------------------


class ConfigurationError(RanvierError, ValueError):
    """A setting or an argument that cannot work; the message names it, its value and the remedy."""

    kind = "configuration"


class LayerOrderError(ConfigurationError):
    """The layers stand in an order in which they do not do what they say."""


class UnknownProviderError(ConfigurationError):
    """No provider of that name is known."""


__all__ = [
    "AllDeploymentsFailedError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "CircuitOpenError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentFilterError",
    "ContextLengthError",
    "CredentialMissingError",
    "DeadlineExceededError",
    "InvalidRequestError",
    "InvalidResponseError",
    "LayerError",
    "LayerOrderError",
    "LocalCapacityError",
    "ModelNotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "ProviderError",
    "QuotaExceededError",
    "RanvierError",
    "RateLimitError",
    "RejectedError",
    "ServerError",
    "StreamInterruptedError",
    "ThrottledError",
    "TimedOutError",
    "UnknownProviderError",
    "UnsupportedRequestError",
]
