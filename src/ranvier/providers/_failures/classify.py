"""One classifier for every wire: what a provider said went wrong becomes an error of `ranvier.errors`.

It serves failures told by an HTTP status, inside a body of status 200, and inside a stream. It decides
from the status, then the provider's own codes, and reads the message last; it never raises. The
provider's words are data, in `_words`; `_said` reads a body, `_waits` its waiting time, and `_about` finds
what in the request is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier import errors
from ranvier.providers._failures.about import exceeds_alone, field_named, names_the_model, refused_for_itself
from ranvier.providers._failures.error_body import MAX_TEXT, ErrorBody, as_text, parse, read
from ranvier.providers._failures.shown import MAX_CODE, MAX_PREVIEW, MAX_WORDS, shown
from ranvier.providers._failures.waits import waiting
from ranvier.providers._failures.words import (
    DECISIVE,
    GENERAL,
    NO_STREAMS,
    PHRASES,
    REFUSED,
    STATUSES,
    WINDOW,
    Kind,
)

# --- the decision --------------------------------------------------------------------------------


def classify(
    body: object,
    *,
    provider: str,
    model: str | None = None,
    status: int | None,
    headers: Mapping[str, str] = {},
    in_stream: bool = False,
    secret: str | None = None,
) -> errors.ProviderError | errors.AttemptTimeoutError:
    """The error for an answer that is none; returned, never raised, for any input at all.

    Args:
        body: The bytes or the text of the body or of the stream's event, or its parsed JSON.
        provider: Who was asked.
        model: For what.
        status: The HTTP status, 200 for an error inside an answer; `None` where none arrived.
        headers: Those of the response, their names in lower case.
        in_stream: It came inside a stream that had begun well.
        secret: The credential in use: it is masked wherever it comes back.
    """
    parsed = parse(body)
    said = read(parsed)
    kind, code = _decide(status, said)
    wait = waiting(headers, parsed)
    facts: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "status": status,
        "code": shown(code, MAX_CODE, secret) or None,
        "request_id": shown(_request_id(headers) or said.request_id, MAX_CODE, secret) or None,
        "retry_after": wait.seconds,
        "resets_at": wait.resets_at,
        "param": shown(field_named(said), MAX_CODE, secret) or None,
        "in_stream": in_stream,
        "body_preview": shown(as_text(body), MAX_PREVIEW, secret) or None,
    }
    words = shown(_words(status, said, headers), MAX_WORDS, secret)
    error = kind(shown(_sentence(words, facts), MAX_TEXT, secret), **facts)
    _obey(headers.get("x-should-retry"), error)
    if isinstance(error, errors.InvalidRequestError):
        error.refuses_streaming = _refuses_streaming(said)
    if isinstance(error, errors.ContextLengthError):
        error.fails_over = _falls_over(status, said)
    return error


def _decide(status: int | None, said: ErrorBody) -> tuple[Kind, str]:
    """The kind of the failure, and the code to show for it."""
    # 1. A redirect is never followed: it is an answer of the wrong form.
    # 2. A request that by itself exceeds a limit, whatever it is called.
    # 3. A code that means one thing.
    # 4. The failed status; inside a 200, the status that the body names.
    # 5. A general code, where no status speaks.
    # 6. Whatever it is so far, the message may say it better, and the field that it names.
    # 7. Nothing known: what calls itself an error is the provider's failure, all else is no answer.
    code = said.codes[0] if said.codes else ""
    if status is not None and 300 <= status < 400:
        return errors.InvalidResponseError, code
    if exceeds_alone(said):
        return errors.ContextLengthError, code
    for word in said.codes:
        if (decisive := _decisive(word)) is not None:
            if decisive is errors.AuthenticationError:  # or the account is known, and has no credit
                decisive = _refined(decisive, said) or decisive
            return decisive, word
    kind = _of_status(said.status if status is None or 200 <= status < 300 else status)
    general = (GENERAL[word.lower()] for word in said.codes if word.lower() in GENERAL)
    kind = _refined(kind or next(general, None), said)
    return kind or (errors.ServerError if said.is_error else errors.InvalidResponseError), code


def _decisive(word: str) -> Kind | None:
    # Gemini names the limit that was passed in a `quotaId`; one per day outlasts every call.
    return errors.QuotaExceededError if "PerDay" in word else DECISIVE.get(word.lower())


def _of_status(status: int | None) -> Kind | None:
    if status is None or not 400 <= status < 600:
        return None
    return STATUSES.get(status, errors.InvalidRequestError if status < 500 else errors.ServerError)


def _refined(kind: Kind | None, said: ErrorBody) -> Kind | None:
    """What the message, and the field that is named, make of a kind."""
    text = said.text
    if (kind is None or kind in REFUSED) and _refuses_streaming(said):
        return errors.UnsupportedRequestError
    for meaning, refines, phrases in PHRASES:
        if (kind is None or kind in refines) and phrases.search(text):
            return meaning
    if kind is errors.InvalidRequestError and names_the_model(said):
        return errors.ModelNotFoundError
    if _is_about_the_request(kind, said) and refused_for_itself(said, field_named(said)):
        return errors.UnsupportedRequestError
    return kind


def _is_about_the_request(kind: Kind | None, said: ErrorBody) -> bool:
    """True for a refusal of what was asked: of its fields, or of a stored part that is not found."""
    if kind is errors.ModelNotFoundError:
        return "model" not in said.text
    return kind is errors.InvalidRequestError or (kind is None and bool(said.params))


def _falls_over(status: int | None, said: ErrorBody) -> bool:
    """True for a request too large for this key or server: a window as large elsewhere may take it."""
    too_large = status == 413 or "request_too_large" in said.codes
    return exceeds_alone(said) or (too_large and not WINDOW.search(said.text))


def _refuses_streaming(said: ErrorBody) -> bool:
    text = said.text
    if "stream" in said.params:
        return "only support" not in text  # because: a few models only stream, and say so in this way
    return any(phrase in text for phrase in NO_STREAMS)


def _obey(wish: object, error: errors.ProviderError | errors.AttemptTimeoutError) -> None:
    """Follow `x-should-retry` of Anthropic and OpenAI; "true" makes no wrong key worth a retry."""
    wish = wish.strip().lower() if isinstance(wish, str) else ""
    if wish == "false":
        error.retryable = False
    elif wish == "true" and error.counts_against_provider:
        error.retryable = True


# --- the sentence --------------------------------------------------------------------------------


def _sentence(words: str, facts: Mapping[str, Any]) -> str:
    target = f"{facts['provider']}/{facts['model']}" if facts["model"] else facts["provider"]
    told = ("said in its stream",) if facts["in_stream"] else ("answered", facts["status"])
    subject = " ".join(str(part) for part in (target, *told, facts["code"]) if part is not None)
    wait = facts["retry_after"]
    return f"{subject}: {words}" + ("" if wait is None else f" (retry after {round(wait, 3):.12g} s)")


def _words(status: int | None, said: ErrorBody, headers: Mapping[str, str]) -> str:
    if status is not None and 300 <= status < 400:
        return f"a redirect to {headers.get('location')}, which is never followed: check base_url"
    return said.message or ("an error without a message" if said.is_error else "neither answer nor message")


def _request_id(headers: Mapping[str, str]) -> str | None:
    names = ("request-id", "x-request-id", "x-generation-id")  # Anthropic, OpenAI, OpenRouter
    return next((headers[name] for name in names if headers.get(name)), None)
