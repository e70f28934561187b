"""Maps what chat models of LangChain raise to errors of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ranvier import errors
from ranvier.errors.root import RanvierError
from ranvier.providers._failures.classify import classify

MAX_CAUSES: Final = 5
"""Chat models wrap the errors of their SDK: how far down the causes are followed."""

BY_NAME: Final[Mapping[str, Any]] = {
    "ContextOverflowError": errors.ContextLengthError,
    "ModelAuthenticationError": errors.AuthenticationError,
    "ModelPermissionDeniedError": errors.PermissionDeniedError,
    "ModelInvalidRequestError": errors.InvalidRequestError,
    "ModelNotFoundError": errors.ModelNotFoundError,
    "ModelRateLimitError": errors.RateLimitError,
    "ModelTimeoutError": errors.AttemptTimeoutError,
    "APITimeoutError": errors.AttemptTimeoutError,
    "TimeoutException": errors.AttemptTimeoutError,
    "ModelConnectionError": errors.ConnectionFailedError,
    "APIConnectionError": errors.ConnectionFailedError,
    "TransportError": errors.ConnectionFailedError,
    "ModelAPIError": errors.ServerError,
    "APIResponseValidationError": errors.InvalidResponseError,
    "APIError": errors.ServerError,
    "OutputParserException": errors.InvalidResponseError,
    "JSONDecodeError": errors.InvalidResponseError,
}
"""By the name of a class, or of one it derives from: LangChain's own, and those of the SDKs and their HTTP.

The first one counts, so that a timeout is no failed connection.
"""


class Failures:
    """Maps the errors of one chat model; what it cannot map stays as it is."""

    def __init__(self, name: str, chat_model: Any) -> None:
        self._name = name
        self._secrets = tuple(_secrets(chat_model))

    def mapped(self, error: Exception) -> RanvierError | None:
        """The error of ours; `None` for one that is unknown."""
        causes = list(_causes(error))
        for each in causes:
            status = _status(each)
            if status is not None:
                return self._classified(each, status)
        for each in causes:
            names = {kind.__name__ for kind in type(each).__mro__}
            kind = next((BY_NAME[name] for name in BY_NAME if name in names), None)
            if kind is not None:
                found: RanvierError = kind(
                    f"{self._name}: the chat model raised {type(each).__name__}", provider=self._name
                )
                return found
        return None

    def _classified(self, error: BaseException, status: int) -> RanvierError:
        response = getattr(error, "response", None)
        headers = getattr(response, "headers", None) or {}
        body = getattr(error, "body", None) or getattr(error, "details", None) or str(error)
        return classify(
            body,
            provider=self._name,
            status=status,
            headers={str(name).lower(): str(value) for name, value in dict(headers).items()},
            secret=self._secrets,
        )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status of a failed request: of OpenAI's, Anthropic's and Google's SDKs, and of httpx."""
    response = getattr(error, "response", None)
    places = ((error, "status_code"), (response, "status_code"), (error, "code"))
    for place, name in places:
        status = getattr(place, name, None)
        if type(status) is int and 400 <= status < 600:
            return status
    return None


def _secrets(chat_model: Any) -> Iterator[str]:
    """The keys that the chat model was given, to be masked in what its server says."""
    for name in type(chat_model).model_fields:
        reveal = getattr(getattr(chat_model, name, None), "get_secret_value", None)
        if callable(reveal):
            secret = reveal()
            if isinstance(secret, str) and secret:
                yield secret
