"""Every error that ranvier raises.

    RanvierError                          .attempts
    |- RejectedError                      rejected by ranvier; nothing sent  .retry_after
    |  |- CircuitOpenError                .tenant .provider
    |  |  `- SharedCircuitOpenError       .model .failing .active
    |  |- ThrottledError                  .tenant .provider .reason
    |  |- BulkheadFullError               .tenant .provider .reason .limit .waiting
    |  |- SpendLimitExceededError         .tenant .limit .left .needed
    |  |- PacedError                      .tenant .provider .reason .limits .waiting
    |  |- CredentialMissingError          no key of this tenant for this target
    |  |  `- CredentialUnusableError      our own is not set, or one cannot be sent
    |  |- CredentialLookupError           the resolver of keys, or a function for tokens, failed
    |  |- NotAllowedError                 rejected by Pipeline(allow=...)    .reasons
    |  |  `- AllowFailedError             that function failed
    |  `- LocalCapacityError              no connection slot in time
    |- TimedOutError (TimeoutError)
    |  |- DeadlineExceededError           the whole call timed out           .received
    |  `- AttemptTimeoutError             one attempt timed out              .phase
    |- ProviderError                      the provider failed or rejected the request  .scope
    |  |- ConnectionFailedError           DNS, refused, reset, TLS
    |  |- ServerError -> OverloadedError  5xx; 503, 529 and "overloaded"
    |  |- RateLimitError                  429: too many requests for now
    |  |- QuotaExceededError              no credit, billing, over a daily limit
    |  |- AuthenticationError, PermissionDeniedError
    |  |- InvalidRequestError -> ContextLengthError, ModelNotFoundError, UnsupportedRequestError
    |  |- ContentFilterError              blocked by a content filter, without an answer
    |  |- InvalidResponseError            the response violates the API
    |  `- StreamInterruptedError          broke after it was handed out     .received .reason
    |- LayerError                         a custom layer failed              .layer .received
    |- AllDeploymentsFailedError (ExceptionGroup)
    `- ConfigurationError (ValueError) -> InvalidDumpError, LayerOrderError, UnknownProviderError

Layers decide by the attributes of an error (`retryable`, `counts_against_provider`, `fails_over`,
`retry_after`, and others of `RanvierError`), never by a status code or a message. A class
sets defaults; an instance may override them, for example when a provider states that this error must not
be retried. `scope`, a `Scope`, is what a provider's failure is about: the request, the target, the key, the
key's allowance for a model, the model, or the endpoint.
"""

from ranvier.errors.all_failed import AllDeploymentsFailedError
from ranvier.errors.configuration import (
    ConfigurationError,
    InvalidDumpError,
    LayerOrderError,
    UnknownProviderError,
)
from ranvier.errors.pacing import PacedError
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
    AllowFailedError,
    BulkheadFullError,
    CircuitOpenError,
    CredentialLookupError,
    CredentialMissingError,
    CredentialUnusableError,
    LocalCapacityError,
    NotAllowedError,
    RejectedError,
    SharedCircuitOpenError,
    ThrottledError,
)
from ranvier.errors.root import RanvierError
from ranvier.errors.scope import Scope as Scope
from ranvier.errors.spend_limit import SpendLimitExceededError
from ranvier.errors.timed_out import TimedOutError

__all__ = [
    "AllDeploymentsFailedError",
    "AllowFailedError",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BulkheadFullError",
    "CircuitOpenError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentFilterError",
    "ContextLengthError",
    "CredentialLookupError",
    "CredentialMissingError",
    "CredentialUnusableError",
    "DeadlineExceededError",
    "InvalidDumpError",
    "InvalidRequestError",
    "InvalidResponseError",
    "LayerError",
    "LayerOrderError",
    "LocalCapacityError",
    "ModelNotFoundError",
    "NotAllowedError",
    "OverloadedError",
    "PacedError",
    "PermissionDeniedError",
    "ProviderError",
    "QuotaExceededError",
    "RanvierError",
    "RateLimitError",
    "RejectedError",
    "ServerError",
    "SharedCircuitOpenError",
    "SpendLimitExceededError",
    "StreamInterruptedError",
    "ThrottledError",
    "TimedOutError",
    "UnknownProviderError",
    "UnsupportedRequestError",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # because tracebacks should show the name that users import
