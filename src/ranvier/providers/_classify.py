"""One classifier for every wire: what a provider said went wrong becomes an error of `ranvier.errors`.

It serves failures told by an HTTP status, inside a body of status 200, and inside a stream. It decides
from the status, then the provider's own codes, and reads the message last; it never raises. The
provider's words are data, at the top; below them come the decision, the reading of a body, the waiting
time, and the sentence that a person reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from ranvier import errors

LONGEST_BODY, LONGEST_TEXT, LONGEST_PREVIEW, LONGEST_WORDS, LONGEST_CODE = 250_000, 2_000, 500, 300, 80

_Kind = type[errors.ProviderError] | type[errors.AttemptTimeoutError]


def _by_word(*groups: tuple[_Kind, str]) -> dict[str, _Kind]:
    return {word: kind for kind, words in groups for word in words.split()}


# Codes that mean one thing, whatever the status. Sources: the vendors' pages on errors, their SDKs, and
# bodies that were recorded.
_DECISIVE = _by_word(
    # OpenAI
    (errors.QuotaExceededError, """insufficient_quota credit_balance_exhausted billing_hard_limit_reached
        organization_spend_limit_exceeded project_spend_limit_exceeded organization_usage_limit_exceeded"""),
    # Anthropic: the type, and `details.error_code` of a 429
    (errors.QuotaExceededError, """billing_error organization_on_hold enforced_spend_limit_reached
        contract_spend_limit_reached linked_organization_spend_limit_reached
        linked_organization_billing_unavailable"""),
    # Kimi, OpenRouter; GLM: arrears, the daily limit, the limits of a plan, fair use
    (errors.QuotaExceededError, """exceeded_current_quota_error payment_required 1113 1304
        1308 1309 1310 1311 1313 1314 1315 1316 1317 1318 1319 1320 1321"""),
    # Anthropic, OpenAI, Kimi, Gemini (the reason in `details`, and the status), GLM
    (errors.AuthenticationError, """authentication_error invalid_api_key incorrect_api_key_error
        invalid_authentication_error api_key_invalid unauthenticated 1000 1001 1002 1003 1004"""),
    # GLM: accounts that are locked or not active; no right to the model
    (errors.PermissionDeniedError, "1110 1111 1112 1114 1115 1116 1117 1118 1119 1120 1121 1220"),
    # OpenAI, Kimi, Azure, GLM
    (errors.ModelNotFoundError, "model_not_found resource_not_found_error deploymentnotfound 1211"),
    # OpenAI and OpenRouter, Anthropic and GLM as a reason, llama.cpp, GLM
    (errors.ContextLengthError, """context_length_exceeded token_limit_exceeded
        model_context_window_exceeded exceed_context_size_error 1261"""),
    # OpenAI, Azure, OpenRouter, GLM
    (errors.ContentFilterError, """content_policy_violation content_filter responsibleaipolicyviolation
        refusal 1301"""),
    # What this model cannot do, another may: OpenAI; Groq, whose model wrote a tool call that is none
    (errors.UnsupportedRequestError, "unsupported_parameter unsupported_value tool_use_failed"),
    # Anthropic, Kimi, OpenAI, OpenRouter
    (errors.OverloadedError, """overloaded_error engine_overloaded_error server_is_overloaded
        provider_overloaded"""),
)  # fmt: skip

# Codes that a status says better; they speak where there is none, as in a stream.
# Sources: Anthropic, OpenAI (code, then type), Kimi, Gemini, GLM, xAI, OpenRouter, llama.cpp.
_GENERAL = _by_word(
    (errors.RateLimitError, """rate_limit_error ramp_limit_exceeded rate_limit_exceeded slow_down tokens
        requests rate_limit_reached_error resource_exhausted too_many_requests 1302 1303 1305 1312"""),
    (errors.ServerError, """api_error timeout_error conflict_error server_error internal_server_error
        internal deadline_exceeded provider_unavailable server 1234"""),
    (errors.OverloadedError, "unavailable unavailable_error"),
    (errors.InvalidRequestError, """invalid_request_error invalid_argument invalid-argument
        failed_precondition"""),
    (errors.PermissionDeniedError, "permission_error permission_denied"),
    (errors.ModelNotFoundError, "not_found_error not_found"),
    (errors.ContextLengthError, "request_too_large"),
    (errors.AttemptTimeoutError, "timeout"),
)  # fmt: skip

# Every other 4xx is an invalid request, every other 5xx a server's error. 409 and 425 are locks that pass:
# both large SDKs retry a 409. 498 is Groq's lack of capacity, 499 Google's "cancelled".
_STATUSES: dict[int, _Kind] = {
    **dict.fromkeys((401,), errors.AuthenticationError),
    **dict.fromkeys((402,), errors.QuotaExceededError),
    **dict.fromkeys((403, 407, 451), errors.PermissionDeniedError),
    **dict.fromkeys((404, 410), errors.ModelNotFoundError),
    **dict.fromkeys((408, 524), errors.AttemptTimeoutError),
    **dict.fromkeys((413,), errors.ContextLengthError),
    **dict.fromkeys((429,), errors.RateLimitError),
    **dict.fromkeys((409, 425, 499), errors.ServerError),
    **dict.fromkeys((498, 503, 529), errors.OverloadedError),
}

# What a message adds: the meaning, the kinds that it may refine, the phrases. The first match wins.
_REFUSED = (errors.InvalidRequestError, errors.PermissionDeniedError, errors.ModelNotFoundError)
_PHRASES: tuple[tuple[_Kind, tuple[_Kind, ...], tuple[str, ...]], ...] = (
    # Anthropic, OpenRouter, xAI, GLM, Ollama Cloud, Gemini; OpenAI and Groq for a request above the limit
    # of a minute, which never passes
    (errors.QuotaExceededError, (*_REFUSED, errors.RateLimitError, errors.ContextLengthError), (
        "credit balance is too low", "insufficient balance", "insufficient credits", "have any credits",
        "please recharge", "余额不足", "usage limit", "spend limit", "free-models-per-day", "enable billing",
        "request too large for")),
    # Anthropic, Ollama, OpenAI and vLLM, Kimi, Gemini, llama.cpp; some servers say it with a 500
    (errors.ContextLengthError, (errors.InvalidRequestError, errors.ServerError), (
        "prompt is too long", "prompt too long", "context length", "context window", "context size",
        "exceed context limit", "exceeds the context", "exceeded model token limit", "max length exceeded",
        "input token count", "number of tokens allowed", "input token length too long", "input is too long",
        "token limit reached", "reduce the length of the messages")),
    # Gemini and xAI, which say it with a 400
    (errors.AuthenticationError, (errors.InvalidRequestError,), (
        "api key not valid", "api key expired", "incorrect api key", "invalid api key")),
    # Azure, Anthropic, OpenAI, OpenRouter (403), Kimi
    (errors.ContentFilterError, _REFUSED, (
        "content management policy", "content filtering policy", "content policy", "input was flagged",
        "prompt was flagged", "considered high risk")),
    # Gemini
    (errors.PermissionDeniedError, (errors.InvalidRequestError,), ("user location is not supported",)),
    # OpenRouter, servers that speak the dialect, DeepSeek, GLM
    (errors.ModelNotFoundError, (errors.InvalidRequestError,), (
        "not a valid model", "model not found", "unknown model", "model not exist", "模型不存在")),
    # Ollama, OpenAI, Anthropic, Kimi; OpenRouter says it with a 404
    (errors.UnsupportedRequestError, _REFUSED, (
        "does not support", "doesn't support", "not supported with this", "not supported by this",
        "for this model", "no endpoints found that support")),
    # Kimi, GLM, OpenAI, Gemini
    (errors.OverloadedError, (errors.RateLimitError, errors.ServerError), (
        "overloaded", "high demand", "访问量过大")),
)  # fmt: skip

# OpenAI without a verified organisation, and servers of the dialect
_NO_STREAMS = (
    "to stream this model", "not support stream", "n't support stream", "streaming is not supported",
    "stream is not supported", "streaming not supported",
)  # fmt: skip

# --- the decision --------------------------------------------------------------------------------


class _Said(NamedTuple):
    """What a body says, whatever its shape."""

    message: str
    codes: tuple[str, ...] = ()  # the provider's own words, the most telling first
    status: int | None = None  # a status that stands in the body
    param: str = ""
    is_error: bool = False  # it says itself that it is one
    request_id: str | None = None

    @property
    def text(self) -> str:
        return self.message[:LONGEST_TEXT].lower()


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
    parsed = _parse(body)
    said = _read(parsed)
    kind, code = _decide(status, said)
    facts: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "status": status,
        "code": _clean(code, LONGEST_CODE, secret) or None,
        "request_id": _clean(_request_id(headers) or said.request_id, LONGEST_CODE, secret) or None,
        "retry_after": retry_after(headers, parsed),
        "in_stream": in_stream,
        "body_preview": _clean(_as_text(body), LONGEST_PREVIEW, secret) or None,
    }
    words = _clean(_words(status, said, headers), LONGEST_WORDS, secret)
    error = kind(_clean(_sentence(words, facts), LONGEST_TEXT, secret), **facts)
    _obey(headers.get("x-should-retry"), error)
    if isinstance(error, errors.InvalidRequestError):
        error.refuses_streaming = _refuses_streaming(said)
    return error


def _decide(status: int | None, said: _Said) -> tuple[_Kind, str]:
    """The kind of the failure, and the code to show for it."""
    # 1. A redirect is never followed: it is an answer of the wrong form.
    # 2. A code that means one thing.
    # 3. The failed status; inside a 200, the status that the body names.
    # 4. A general code, where no status speaks.
    # 5. Whatever it is so far, the message may say it better.
    # 6. Nothing known: what calls itself an error is the provider's failure, all else is no answer.
    code = said.codes[0] if said.codes else ""
    if status is not None and 300 <= status < 400:
        return errors.InvalidResponseError, code
    for word in said.codes:
        if (decisive := _decisive(word)) is not None:
            return decisive, word
    kind = _of_status(said.status if status is None or 200 <= status < 300 else status)
    general = (_GENERAL[word.lower()] for word in said.codes if word.lower() in _GENERAL)
    kind = _refined(kind or next(general, None), said)
    return kind or (errors.ServerError if said.is_error else errors.InvalidResponseError), code


def _decisive(word: str) -> _Kind | None:
    # Gemini names the limit that was passed in a `quotaId`; one per day outlasts every call.
    return errors.QuotaExceededError if "PerDay" in word else _DECISIVE.get(word.lower())


def _of_status(status: int | None) -> _Kind | None:
    if status is None or not 400 <= status < 600:
        return None
    return _STATUSES.get(status, errors.InvalidRequestError if status < 500 else errors.ServerError)


def _refined(kind: _Kind | None, said: _Said) -> _Kind | None:
    text = said.text
    if (kind is None or kind in _REFUSED) and _refuses_streaming(said):
        return errors.UnsupportedRequestError
    for meaning, refines, phrases in _PHRASES:
        if (kind is None or kind in refines) and any(phrase in text for phrase in phrases):
            return meaning
    return kind


def _refuses_streaming(said: _Said) -> bool:
    text = said.text
    if said.param == "stream":
        return "only support" not in text  # because: a few models only stream, and say so in this way
    return any(phrase in text for phrase in _NO_STREAMS)


def _obey(wish: object, error: errors.ProviderError | errors.AttemptTimeoutError) -> None:
    """Follow `x-should-retry` of Anthropic and OpenAI; "true" makes no wrong key worth a retry."""
    wish = wish.strip().lower() if isinstance(wish, str) else ""
    if wish == "false":
        error.retryable = False
    elif wish == "true" and error.counts_against_provider:
        error.retryable = True


# --- the reading of a body -----------------------------------------------------------------------


def _as_text(body: object) -> str:
    if isinstance(body, (bytes, bytearray)):
        return body[:LONGEST_BODY].decode("utf-8", "replace")
    if isinstance(body, str):
        return body[:LONGEST_BODY]
    try:
        return "" if body is None else json.dumps(body, ensure_ascii=False)[:LONGEST_BODY]
    except Exception:  # because: what is no JSON after all may fail in any way, and is only a preview
        return ""


def _parse(body: object) -> Mapping[str, Any] | str:
    """The JSON object of a body, out of its list where it stands in one; else the text."""
    if not isinstance(body, (Mapping, list)):
        text = _as_text(body).strip("\ufeff \t\r\n")
        try:
            body = json.loads(text) if text.startswith(("{", "[")) else text
        except (ValueError, RecursionError):
            return text
    if isinstance(body, list):  # Vertex
        body = next((item for item in body if isinstance(item, Mapping)), "")
    return body if isinstance(body, (Mapping, str)) else ""


def _read(body: Mapping[str, Any] | str) -> _Said:
    if isinstance(body, str):
        return _Said(_title(body))
    objects = list(_objects(body))
    told = [value for one in objects for key in _CODES if (value := one.get(key)) is not None]
    messages = dict.fromkeys(message for message in map(_message, objects[:2]) if message)
    is_error = bool(body.get("error")) or "error" in (body.get("type"), body.get("object"))
    return _Said(
        ": ".join(messages),
        codes=tuple(word for word in map(_as_code, told) if word),
        status=next((status for status in map(_as_status, told) if status), None),
        param=next((param for one in objects if isinstance(param := one.get("param"), str)), ""),
        is_error=is_error or body.get("success") is False,  # GLM
        request_id=request_id if isinstance(request_id := body.get("request_id"), str) else None,
    )


_CODES = ("error_code", "error_type", "code", "type", "status", "status_code", "reason", "error_name",
          "provider_code", "quotaId")  # fmt: skip


def _objects(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What in a body may hold the provider's words: the error, then that of its upstream, then details."""
    error = _mapping(body.get("error")) or body  # the words stand beside it: xAI, Ollama, Cloudflare
    metadata = _mapping(error.get("metadata"))
    upstream = _parse(metadata.get("raw"))  # OpenRouter: text, or JSON inside JSON
    upstream = {"message": upstream} if isinstance(upstream, str) else upstream
    yield from (error, _mapping(upstream.get("error")) or upstream, metadata)
    yield {str(name).lower(): value for name, value in _mapping(metadata.get("headers")).items()}
    yield _mapping(error.get("innererror"))  # Azure
    details = error.get("details")  # Anthropic: an object; Gemini: a list
    for detail in map(_mapping, details[:20] if isinstance(details, list) else [details]):
        yield detail
        violations = detail.get("violations")
        yield from map(_mapping, violations[:20] if isinstance(violations, list) else ())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _message(one: Mapping[str, Any]) -> str:
    keys = ("message", "error", "detail", "error_description", "msg", "title")
    return next((value for key in keys if isinstance(value := one.get(key), str) and value), "")


def _as_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None


def _as_code(value: object) -> str:
    """A word of the provider; no status, no address, no sentence."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or _as_status(value):
        return ""
    word = value.strip() if isinstance(value, str) else str(value) if abs(value) < 10**9 else ""
    return "" if len(word) > LONGEST_CODE or "/" in word or " " in word or word == "error" else word


def _title(text: str) -> str:
    """The title of a page of HTML; other text as it is."""
    head = text[:LONGEST_TEXT]
    if not head.startswith("<"):
        return head
    begin, end = head.lower().find("<title>") + len("<title>"), head.lower().find("</title>")
    return head[begin:end] if begin < end else "a page of HTML"


# --- the waiting time ----------------------------------------------------------------------------

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?")
_ANNOUNCED = re.compile(r"\b(?:again|retry|wait) (?:in |after |for )?(?=[0-9])")
_STEP = re.compile(  # a number and its unit, as in 1.5s, 12ms, 6m0s, 1 seconds
    r" ?([0-9]{1,9}(?:\.[0-9]{1,12})?) ?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)(?![a-z])"
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after(headers: Mapping[str, str], body: object) -> float | None:
    """Seconds that the provider asked us to wait: `retry-after-ms`, `retry-after`, the body, its message.

    A source that makes no sense says nothing. A date is taken relative to the response's own `Date`, so
    that no clock of ours matters; limits that reset at some hour are never reckoned with.
    """
    return next((wait for wait in _waits(headers, _parse(body)) if wait is not None), None)


def _waits(headers: Mapping[str, str], body: Mapping[str, Any] | str) -> Iterator[float | None]:
    yield _milliseconds(headers.get("retry-after-ms"))
    yield _seconds(headers.get("retry-after"))
    yield _until(headers.get("retry-after"), headers.get("date"))
    for one in _objects(body) if isinstance(body, Mapping) else ():
        yield _duration(str(one.get("retryDelay", ""))[:40])  # google.rpc.RetryInfo
        yield from (_milliseconds(one.get(key)) for key in ("retry-after-ms", "retry_after_ms"))
        yield from (_seconds(one.get(key)) for key in ("retry-after", "retry_after", "retry_after_seconds"))
    text = _read(body).text
    yield from (_duration(text, announced.end()) for announced in _ANNOUNCED.finditer(text))


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        return None
    return float(value)


def _milliseconds(value: object) -> float | None:
    wait = _seconds(value)
    return None if wait is None else wait / 1000


def _until(value: object, now: object) -> float | None:
    try:
        then, since = (parsedate_to_datetime(str(text)[:64]).timestamp() for text in (value, now))
    except (ValueError, TypeError, IndexError, OverflowError, OSError):  # because: it fails in all these ways
        return None
    return max(0.0, then - since)


def _duration(text: str, position: int = 0) -> float | None:
    """A number with its unit, or several of them added up."""
    total = None
    while step := _STEP.match(text, position):
        unit = 0.001 if step[2].startswith(("ms", "mil")) else _UNITS[step[2][0]]
        total, position = (total or 0.0) + float(step[1]) * unit, step.end()
    return total


# --- the sentence --------------------------------------------------------------------------------

_UNPRINTABLE = re.compile(  # with the marks that turn the direction of writing, and broken characters
    "[\\s\x00-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]+"
)


def _sentence(words: str, facts: Mapping[str, Any]) -> str:
    target = f"{facts['provider']}/{facts['model']}" if facts["model"] else facts["provider"]
    told = ("said in its stream",) if facts["in_stream"] else ("answered", facts["status"])
    subject = " ".join(str(part) for part in (target, *told, facts["code"]) if part is not None)
    wait = facts["retry_after"]
    return f"{subject}: {words}" + ("" if wait is None else f" (retry after {round(wait, 3):.12g} s)")


def _words(status: int | None, said: _Said, headers: Mapping[str, str]) -> str:
    if status is not None and 300 <= status < 400:
        return f"a redirect to {headers.get('location')}, which is never followed: check base_url"
    return said.message or ("an error without a message" if said.is_error else "neither answer nor message")


def _request_id(headers: Mapping[str, str]) -> str | None:
    names = ("request-id", "x-request-id", "x-generation-id")  # Anthropic, OpenAI, OpenRouter
    return next((headers[name] for name in names if headers.get(name)), None)


def _clean(text: str | None, longest: int, secret: str | None) -> str:
    """One printable line without the secret; masked before it is cut, so that no part of it stays."""
    line = _UNPRINTABLE.sub(" ", text or "").strip()
    for piece in _pieces(_UNPRINTABLE.sub(" ", secret or "").strip()):
        line = line.replace(piece, "***")
    return line if len(line) <= longest else line[: longest - 3] + "..."


def _pieces(secret: str) -> list[str]:
    """A secret as bodies spell it, and its halves, for a body that was itself cut; the longest first."""
    half = len(secret) // 2
    halves = {secret[:half], secret[half:]} if half >= 8 else set()
    spelled = {secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/"), quote(secret, safe="")}
    return sorted((spelled | halves) - {""}, key=len, reverse=True)
