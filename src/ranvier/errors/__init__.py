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

Layers decide on the facts of an error (`retryable`, `counts_against_provider`, `fails_over`,
`retry_after`), never on a status code or a text. The facts of a class are its defaults; an
instance may know better, as when a provider says that this very error should not be retried.
"""

from ranvier.errors.all_failed import AllDeploymentsFailedError
from ranvier.errors.configuration import ConfigurationError, LayerOrderError, UnknownProviderError
from ranvier.errors.partial import DeadlineExceededError, LayerError, StreamInterruptedError
from ranvier.errors.provider import (
    AttemptTimeoutError,
    AuthenticationError,
    ConnectionFailedError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    InvalidResponseError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    UnsupportedRequestError,
)
from ranvier.errors.rejected import (
    CircuitOpenError,
    CredentialMissingError,
    LocalCapacityError,
    RejectedError,
    ThrottledError,
)
from ranvier.errors.root import RanvierError
from ranvier.errors.timed_out import TimedOutError

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
