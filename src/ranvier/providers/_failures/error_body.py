"""Reads the body of an error reply in any format: its message, its codes, its status, its fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from ranvier.providers._failures.shown import MAX_CODE

MAX_BODY, MAX_TEXT = 250_000, 2_000
MAX_ISSUES = 8
"""The most issues read from a list: a validator may report a hundred."""

_CODES = ("error_code", "error_type", "code", "type", "status", "status_code", "reason", "error_name",
          "provider_code", "quotaId", "__type", "Code")  # fmt: skip
_NO_WORDS = frozenset(("error", "none", "null", "undefined"))  # some proxies send `str(None)`
_NO_FIELDS = _NO_WORDS | {"validation_error", "quota"}  # Cerebras


class ErrorBody(NamedTuple):
    """The content of an error reply, in one format for all providers."""

    message: str
    codes: tuple[str, ...] = ()  # the provider's own codes, the most specific first
    status: int | None = None  # a status in the body
    params: tuple[str, ...] = ()  # fields of the request that it names outside the message
    is_error: bool = False  # it calls itself an error
    request_id: str | None = None

    def with_code(self, code: str) -> ErrorBody:
        """The same with a further code, as the most specific one."""
        word = _as_code(code.partition(":")[0])
        return self._replace(codes=(word, *self.codes)) if word else self

    @property
    def text(self) -> str:
        """The message, shortened and in lower case, in which phrases are searched."""
        return self.message[:MAX_TEXT].lower()


def as_text(body: object) -> str:
    """A body as text, up to `MAX_BODY`."""
    if isinstance(body, (bytes, bytearray)):
        return body[:MAX_BODY].decode("utf-8", "replace")
    if isinstance(body, str):
        return body[:MAX_BODY]
    try:
        return "" if body is None else json.dumps(body, ensure_ascii=False)[:MAX_BODY]
    except Exception:  # because: a value that is not JSON may fail in any way, and this is only a preview
        return ""


def parse(body: object) -> Mapping[str, Any] | str:
    """The JSON object of a body, or the first object of its list; otherwise the text."""
    if not isinstance(body, (Mapping, list)):
        text = as_text(body).strip("\ufeff \t\r\n")
        try:
            body = json.loads(text) if text.startswith(("{", "[")) else text
        except (ValueError, RecursionError):
            return text
    if isinstance(body, list):  # Vertex
        body = next((item for item in body if isinstance(item, Mapping)), "")
    return body if isinstance(body, (Mapping, str)) else ""


def read(body: Mapping[str, Any] | str) -> ErrorBody:
    """Read a parsed body: its JSON object, or its text."""
    if isinstance(body, str):
        return ErrorBody(title(body))
    found = list(objects(body))
    issues = list(_issues(body))
    codes = [value for one in found for key in _CODES if (value := one.get(key)) is not None]
    codes += [value for one in issues for key in _CODES if _is_word(value := one.get(key))]
    messages = [*map(_message, found[:2]), *map(_issue, issues), *map(_sentence, found[:2])]
    if not any(messages):
        messages.append(_message(body) or _message(_result(body)))
    return ErrorBody(
        ": ".join(dict.fromkeys(message for message in messages if message)),
        codes=tuple(word for word in map(_as_code, codes) if word),
        status=next((status for status in map(_as_status, codes) if status), None),
        params=tuple(_params((*found, *issues))),
        is_error=says_error(body),
        request_id=request_id if isinstance(request_id := body.get("request_id"), str) else None,
    )


def says_error(body: Mapping[str, Any]) -> bool:
    """True for a body that calls itself an error, nested or at the top level, whatever the HTTP status is."""
    if is_told(body.get("error")) or body.get("type") in _ERROR or body.get("object") in _ERROR:
        return True
    if body.get("success") is False or body.get("errors") or body.get("__type"):  # GLM, Cloudflare, AWS
        return True
    if (body.keys() <= _ALONE and (_message(body) or _mapping(body.get("detail")))) or any(
        body.get(name) for name in _OF_ERRORS
    ):
        return True
    failed = any(_as_status(body.get(key)) for key in ("code", "status", "status_code"))
    return (failed and bool(_message(body))) or bool(_result(body))


def is_told(error: object) -> bool:
    """True for the value of a field `error` that says something: not for an object of nulls."""
    return any(error.values()) if isinstance(error, Mapping) else bool(error)


_ERROR: Final = ("error", "response.error")

_ALONE: Final = frozenset(("detail", "message", "request_id", "requestId"))
"""The fields of a body that holds only words: FastAPI's, or those of a gateway."""

_OF_ERRORS: Final = ("error_msg", "error_message", "errorMessage", "fault")
"""Fields that only errors have: those of Baidu, gateways, AWS Lambda and Apigee."""

# --- the objects in a body -----------------------------------------------------------------------


def objects(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects in a body that may hold message and codes: the error, its upstream's error, its details."""
    error = next(filter(None, (_mapping(body.get(name)) for name in _WITHIN)), {})
    error = _mapping(error.get("error")) or error or body  # gateways wrap; xAI, Ollama: at the top level
    metadata = _mapping(error.get("metadata"))
    upstream = parse(metadata.get("raw"))  # OpenRouter: text, or JSON inside JSON
    upstream = {"message": upstream} if isinstance(upstream, str) else upstream
    yield from (error, _mapping(upstream.get("error")) or upstream, metadata)
    yield {str(name).lower(): value for name, value in _mapping(metadata.get("headers")).items()}
    yield _mapping(error.get("innererror"))  # Azure
    details = error.get("details")  # Anthropic: an object; Gemini: a list
    for detail in map(_mapping, details[:20] if isinstance(details, list) else [details]):
        yield detail
        yield _mapping(detail.get("metadata"))  # Gemini: the delay of a quota
        for key in ("violations", "fieldViolations"):
            violations = detail.get(key)
            yield from map(_mapping, violations[:20] if isinstance(violations, list) else ())


_WITHIN: Final = ("error", "fault", "detail", "Error")
"""The fields that hold the object of an error: of most servers, Apigee, FastAPI and AWS."""


def _result(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """MiniMax's error in an answer of status 200; its numeric codes are its own and are ignored."""
    result = _mapping(body.get("base_resp"))
    return {"message": result.get("status_msg")} if result.get("status_code") else {}


def _issues(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Errors in a list: FastAPI's `detail`, and the `errors` of Cloudflare and JSON:API."""
    error = _mapping(body.get("error"))
    lists = [one.get(key) for one in (body, error) for key in ("detail", "errors", "error", "message")]
    lists += [inner.get("detail") for inner in map(_mapping, lists)]  # Mistral: in the message
    every = (each for listed in lists if isinstance(listed, list) for each in listed)
    for each in islice(every, MAX_ISSUES):
        if isinstance(each, (Mapping, str)):
            yield {"message": each} if isinstance(each, str) else each


def _issue(one: Mapping[str, Any]) -> str:
    """The place and message of one of several errors, without the `input` that it quotes."""
    where, what = _location(one.get("loc")), _message(one)
    return f"{where}: {what}" if where and what else what or where


def _location(loc: object) -> str:
    """The path in FastAPI's `loc`: `["body", "tools", 0]` becomes `tools.0`."""
    steps = loc[:20] if isinstance(loc, list) else [loc]
    names = [str(step)[:MAX_CODE] for step in steps if isinstance(step, (str, int)) and step != "body"]
    return ".".join(names)


def _params(found: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    for one in found:
        for value in (one.get("param"), one.get("field"), _location(one.get("loc"))):
            field = value.strip() if isinstance(value, str) else ""
            if field and field.lower() not in _NO_FIELDS and not _sentence({"param": field}):
                yield field[: 2 * MAX_CODE]


def _sentence(one: Mapping[str, Any]) -> str:
    """A sentence in `param` instead of a field, as Xiaomi sends it."""
    param = one.get("param")
    return param if isinstance(param, str) and " " in param.replace(", ", ",").strip() else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _message(one: Mapping[str, Any]) -> str:
    keys = ("message", "Message", "error", "detail", "error_description", "msg", "title", *_WORDS)
    return next((value for key in keys if isinstance(value := one.get(key), str) and value), "")


_WORDS: Final = ("error_msg", "error_message", "errorMessage", "faultstring")


def _is_word(value: object) -> bool:
    """True for a code that is not a number, or is a status: other numbers in a list have no fixed meaning."""
    return isinstance(value, str) and (not value.strip().isdigit() or _as_status(value) is not None)


def _as_status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None


def _as_code(value: object) -> str:
    """A code of the provider; empty for a status, a URL or a sentence."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or _as_status(value):
        return ""
    word = (
        value.strip().rpartition("#")[2]
        if isinstance(value, str)
        else str(value)
        if abs(value) < 10**9
        else ""
    )
    return "" if len(word) > MAX_CODE or "/" in word or " " in word or word.lower() in _NO_WORDS else word


def title(text: str) -> str:
    """The title of an HTML page; other text unchanged."""
    head = text[:MAX_TEXT]
    if not head.startswith("<"):
        return head
    begin, end = head.lower().find("<title>") + len("<title>"), head.lower().find("</title>")
    return head[begin:end] if begin < end else "a page of HTML"
