"""Classifies the failures of every provider: turns an error reply into an error of `ranvier.errors`.

A failure may be an HTTP status, an error inside a body of status 200, or an error inside a stream. The
decision uses unambiguous codes of the provider, then the status, then its general codes, and the message
last; it never raises. `words` has the providers' codes and phrases as data, `error_body` reads a body,
`waits` its waiting time, and `about` finds the field of the request that was rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier import errors
from ranvier.providers._failures.about import exceeds_alone, field_named, names_the_model, rejected_only_here
from ranvier.providers._failures.error_body import MAX_TEXT, ErrorBody, as_text, parse, read
from ranvier.providers._failures.scope import scope_of
from ranvier.providers._failures.shown import MAX_CODE, MAX_PREVIEW, MAX_WORDS, Secret, shown
from ranvier.providers._failures.waits import waiting
from ranvier.providers._failures.words import (
    DECISIVE,
    GENERAL,
    NO_STREAMS,
    PHRASES,
    REJECTIONS,
    STATUSES,
    WINDOW,
    Kind,
)
from ranvier.providers._http.port import REQUEST_IDS

# --- the decision --------------------------------------------------------------------------------


def classify(
    body: object,
    *,
    provider: str,
    model: str | None = None,
    status: int | None,
    headers: Mapping[str, str] = {},
    in_stream: bool = False,
    secret: Secret = None,
) -> errors.ProviderError | errors.AttemptTimeoutError:
    """Return the error for a failed request; never raises, for any input.

    Args:
        body: The bytes or text of the body or of the stream's event, or its parsed JSON.
        provider: The provider's name.
        model: The requested model.
        status: The HTTP status, 200 for an error inside an answer; `None` if none arrived.
        headers: The response's headers, with names in lower case.
        in_stream: True for an error inside a stream that started well.
        secret: The credential in use, and other values to be masked wherever they occur.
    """
    parsed = parse(body)
    error_body = read(parsed)
    if error_type := headers.get("x-amzn-errortype"):  # AWS, which may add a URL or a namespace to it
        error_body = error_body.with_code(error_type)
    kind, code = _decide(status, error_body)
    wait = waiting(headers, parsed)
    facts: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "status": status,
        "code": shown(code, MAX_CODE, secret) or None,
        "request_id": shown(_request_id(headers) or error_body.request_id, MAX_CODE, secret) or None,
        "retry_after": wait.seconds,
        "resets_at": wait.resets_at,
        "param": shown(field_named(error_body), MAX_CODE, secret) or None,
        "in_stream": in_stream,
        "body_preview": shown(as_text(body), MAX_PREVIEW, secret) or None,
        "scope": scope_of(kind, status, error_body, parsed, model),
    }
    message = shown(_message(status, error_body, headers), MAX_WORDS, secret)
    error = kind(shown(_sentence(message, facts), MAX_TEXT, secret), **facts)
    _apply_should_retry(headers.get("x-should-retry"), error)
    if isinstance(error, errors.InvalidRequestError):
        error.refuses_streaming = _refuses_streaming(error_body)
    if isinstance(error, errors.ContextLengthError):
        error.fails_over = _fails_over(status, error_body)
        if error.fails_over:
            error.scope = errors.Scope.TARGET
    return error


def _decide(status: int | None, body: ErrorBody) -> tuple[Kind, str]:
    """The kind of the failure, and the code to show for it."""
    # 1. A redirect is never followed, so it is an invalid response.
    # 2. The request alone exceeds a limit, whatever the code is.
    # 3. A code with one meaning decides.
    # 4. The error status decides; inside a 200, the status that the body names.
    # 5. A general code decides if there is no status, or only that of an invalid request beside a limit.
    # 6. The message, and the field that it names, may refine the kind.
    # 7. Otherwise a body that calls itself an error is a server error, and any other an invalid response.
    code = body.codes[0] if body.codes else ""
    if status is not None and 300 <= status < 400:
        return errors.InvalidResponseError, code
    if exceeds_alone(body):
        return errors.ContextLengthError, code
    for word in body.codes:
        if (decisive := _decisive(word)) is not None:
            if decisive is errors.AuthenticationError:  # the message may say that the account has no credit
                decisive = _refined(decisive, body) or decisive
            return decisive, word
    kind = _of_status(body.status if status is None or 200 <= status < 300 else status)
    general = next((GENERAL[word.lower()] for word in body.codes if word.lower() in GENERAL), None)
    if kind is None or (kind is errors.InvalidRequestError and general in _OF_LOAD):
        kind = general
    kind = _refined(kind, body)
    return kind or (errors.ServerError if body.is_error else errors.InvalidResponseError), code


_OF_LOAD = (errors.RateLimitError, errors.OverloadedError)


def _decisive(word: str) -> Kind | None:
    # Gemini names the exceeded limit in a `quotaId`; a limit per day lasts longer than any call.
    return errors.QuotaExceededError if "PerDay" in word else DECISIVE.get(word.lower())


def _of_status(status: int | None) -> Kind | None:
    if status is None or not 400 <= status < 600:
        return None
    return STATUSES.get(status, errors.InvalidRequestError if status < 500 else errors.ServerError)


def _refined(kind: Kind | None, body: ErrorBody) -> Kind | None:
    """The kind, refined by the message and the field that it names."""
    text = body.text
    if (kind is None or kind in REJECTIONS) and _refuses_streaming(body):
        return errors.UnsupportedRequestError
    for meaning, refines, phrases in PHRASES:
        if (kind is None or kind in refines) and phrases.search(text):
            return meaning
    if kind is errors.InvalidRequestError and names_the_model(body):
        return errors.ModelNotFoundError
    if _is_about_the_request(kind, body) and rejected_only_here(body, field_named(body)):
        return errors.UnsupportedRequestError
    return kind


def _is_about_the_request(kind: Kind | None, body: ErrorBody) -> bool:
    """True for the rejection of a field of the request, or of a stored part that was not found."""
    if kind is errors.ModelNotFoundError:
        return "model" not in body.text
    return kind is errors.InvalidRequestError or (kind is None and bool(body.params))


def _fails_over(status: int | None, body: ErrorBody) -> bool:
    """True for a request too large for this key or server: another with the same window may accept it."""
    too_large = status == 413 or "request_too_large" in body.codes
    return exceeds_alone(body) or (too_large and not WINDOW.search(body.text))


def _refuses_streaming(body: ErrorBody) -> bool:
    text = body.text
    if "stream" in body.params:
        return "only support" not in text  # because: a few models only stream, and have this message
    return any(phrase in text for phrase in NO_STREAMS)


def _apply_should_retry(header: object, error: errors.ProviderError | errors.AttemptTimeoutError) -> None:
    """Follow `x-should-retry` of Anthropic and OpenAI; "true" does not make a wrong key retryable."""
    header = header.strip().lower() if isinstance(header, str) else ""
    if header == "false":
        error.retryable = False
    elif header == "true" and error.counts_against_provider:
        error.retryable = True


# --- the error message ---------------------------------------------------------------------------


def _sentence(message: str, facts: Mapping[str, Any]) -> str:
    target = f"{facts['provider']}/{facts['model']}" if facts["model"] else facts["provider"]
    event = ("stream error",) if facts["in_stream"] else ("answered", facts["status"])
    subject = " ".join(str(part) for part in (target, *event, facts["code"]) if part is not None)
    wait = facts["retry_after"]
    return f"{subject}: {message}" + ("" if wait is None else f" (retry after {round(wait, 3):.12g} s)")


def _message(status: int | None, body: ErrorBody, headers: Mapping[str, str]) -> str:
    if status is not None and 300 <= status < 400:
        return f"a redirect to {headers.get('location')}, which is never followed: check base_url"
    return body.message or ("an error without a message" if body.is_error else "neither answer nor message")


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in REQUEST_IDS if headers.get(name)), None)
