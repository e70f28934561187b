"""Maps the exceptions of LangChain's chat models to our errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ranvier import errors
from ranvier.errors.root import RanvierError
from ranvier.providers._failures.classify import classify
from ranvier.providers._failures.shown import LEAST_SECRET, text_of
from ranvier.providers._failures.words import DECISIVE, GENERAL

MAX_CAUSES: Final = 5
"""Maximum number of causes that are followed: chat models wrap the errors of their SDK."""

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
    "ModelRefusalError": errors.ContentFilterError,
    "ContentFilterFinishReasonError": errors.ContentFilterError,
    "LengthFinishReasonError": errors.InvalidResponseError,
    "OutputParserException": errors.InvalidResponseError,
    "JSONDecodeError": errors.InvalidResponseError,
}
"""Our errors by the name of an exception class or base class, of LangChain, SDKs and HTTP clients.

The first match counts, so that a timeout is not taken for a failed connection.
"""

MALFORMED: Final = (ValueError, KeyError, TypeError)
OF_MALFORMED: Final = (
    "No generation",  # LangChain, of a stream without anything
    "Unexpected response type from OpenAI",
    "Response missing 'choices'",
    "Received response with null value",
)
"""The beginnings of messages with which chat models reject an answer without content."""

WITH_A_CODE: Final = re.compile(r"(code=')?(?P<code>[a-z]+(_[a-z]+)+)(?(1)' message=|: )")
"""The format of an error in a stream of the Responses API, as OpenAI's chat model raises it."""


class Failures:
    """Maps the exceptions of one chat model; unknown ones are left unchanged."""

    def __init__(self, name: str, chat_model: Any) -> None:
        self._name = name
        self._secrets = tuple(_secrets(chat_model))

    def mapped(self, error: Exception) -> RanvierError | None:
        """Our error for `error`; `None` if it is unknown."""
        causes = list(_causes(error))
        for each in causes:
            if (status := _status(each)) is not None:
                return self._classified(each, status)
        for each in causes:
            if (body := _body_of_an_answer(each)) is not None:
                return classify(body, provider=self._name, status=None, in_stream=True, secret=self._secrets)
        return next(filter(None, map(self._by_name, causes)), None)

    def _by_name(self, error: BaseException) -> RanvierError | None:
        names = {kind.__name__ for kind in type(error).__mro__}
        kind = next((BY_NAME[name] for name in BY_NAME if name in names), None)
        if (
            kind is None
            and isinstance(error, MALFORMED)
            and text_of(error).strip("'\"").startswith(OF_MALFORMED)
        ):
            kind = errors.InvalidResponseError
        if kind is None:
            return None
        found: RanvierError = kind(
            f"{self._name}: the chat model raised {type(error).__name__}", provider=self._name
        )
        return found

    def _classified(self, error: BaseException, status: int) -> RanvierError:
        response = getattr(error, "response", None)
        headers = getattr(response, "headers", None) or {}
        body = getattr(error, "body", None) or getattr(error, "details", None) or _of_aws(response)
        return classify(
            body or text_of(error),
            provider=self._name,
            status=status,
            headers={str(name).lower(): str(value) for name, value in dict(headers).items()},
            secret=self._secrets,
        )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes."""
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status of a failed request: of OpenAI's, Anthropic's, Google's and AWS' SDKs, and of httpx."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        found = [response.get("ResponseMetadata", {}).get("HTTPStatusCode")]
    else:
        places = ((error, "status_code"), (response, "status_code"), (error, "code"))
        found = [getattr(place, name, None) for place, name in places]
    return next((int(each) for each in found if isinstance(each, int) and 400 <= each < 600), None)


def _of_aws(response: object) -> object:
    """The error in a response of AWS' SDK."""
    error = response.get("Error", {}) if isinstance(response, Mapping) else {}
    return (
        {"error": {name.lower(): error[name] for name in ("Code", "Message") if name in error}}
        if error
        else None
    )


def _body_of_an_answer(error: BaseException) -> object:
    """The error in the body of an answer with status 200, or in a stream; `None` for other failures."""
    if type(error) is ValueError and error.args:
        return _in_a_value_error(error.args[0])
    body = getattr(error, "body", None)
    if not isinstance(body, Mapping) or type(error).__name__ in BY_NAME.keys() - {"APIError"}:
        return None
    return body if "error" in body else {"error": body}


def _in_a_value_error(given: Any) -> object:
    """The error of OpenAI's APIs that their chat model raises as a ValueError: as a dict, or as a text."""
    if isinstance(given, Mapping):
        return {"error": given}
    if hasattr(given, "model_dump"):
        return {"error": given.model_dump()}
    words = WITH_A_CODE.match(given) if isinstance(given, str) else None
    if words is None or words["code"].lower() not in DECISIVE.keys() | GENERAL.keys():
        return None
    return {"error": {"code": words["code"], "message": given[words.end() :]}}


def _secrets(chat_model: Any) -> Iterator[str]:
    """The keys of the chat model, which are masked in messages of its server."""
    values = [getattr(chat_model, name, None) for name in type(chat_model).model_fields]
    headers = getattr(chat_model, "default_headers", None)
    if isinstance(headers, Mapping):
        yield from (
            value for value in headers.values() if isinstance(value, str) and len(value) >= LEAST_SECRET
        )
    for value in values:
        reveal = getattr(value, "get_secret_value", None)
        if callable(reveal):
            secret = reveal()
            if isinstance(secret, str) and secret:
                yield secret
