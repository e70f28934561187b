"""What is kept of an HTTP reply with its answer: its headers, its id and its body, without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from ranvier.messages.beside.details import Details
from ranvier.messages.beside.reply import Reply
from ranvier.providers._failures.shown import Secret, echoes, masked
from ranvier.providers._http.port import HttpReply, request_id_in
from ranvier.providers._reading import json
from ranvier.providers._reading.rate_limits import rate_limits
from ranvier.providers._reading.reading import Json, NoAnswerError, parse_object

_SECRET: Final = re.compile(r"cookie|auth|api-?key|secret|credential|password|(^|-)(token|signature|key)$")
"""Finds the names of headers that may hold a secret."""


@lru_cache(maxsize=256)
def _kept_name(given: str) -> str | None:
    """The name of a header in lower case; `None` if it may hold a secret."""
    name = given.lower()
    return None if _SECRET.search(name) else name


def note_reply(details: Details, reply: HttpReply, body: Json | None = None) -> None:
    """Write into `details` what is kept of `reply`, with the `body` of its answer."""
    secret = reply.request.secret
    details.request_id = request_id_in(reply.headers, secret)
    details.reply = Received(reply.headers, body, lambda text: masked(text, secret))


class Received(Reply):
    """A reply as it came, whose `headers` and `raw` are made at their first use: most calls use neither."""

    __slots__ = ("_body", "_given", "_mask")

    def __init__(self, given: Mapping[str, str], body: Json | None, mask: Callable[[str], str]) -> None:
        self._given = given
        self._body = body
        self._mask = mask  # a function, so that no attribute shows the key
        self._limits_of = rate_limits

    def __getattr__(self, name: str) -> Any:
        if name == "headers":
            self.headers = _headers(self._given, self._mask)
            return self.headers
        if name == "raw":
            self.raw = None if self._body is None else _without_key(self._body, self._mask)
            return self.raw
        raise AttributeError(name)


def _headers(given: Mapping[str, str], mask: Callable[[str], str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for spelled, value in given.items():
        name = _kept_name(spelled)
        if name is not None:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {name: mask(value) for name, value in headers.items()}


def _without_key(body: Json, mask: Callable[[str], str]) -> Json | None:
    """`body`, or a copy with the key masked if it repeats that; `None` if that is no JSON any more."""
    try:
        content = json.write(body).decode()
        clean = mask(content)
        return body if clean == content else parse_object(clean.encode())
    except (NoAnswerError, TypeError, ValueError, RecursionError):
        return None


def raw_of(body: Json, content: bytes, secret: Secret) -> Json | None:
    """`body`, which was read from `content`, without the key; `None` if that is no JSON any more."""
    return _without_key(body, lambda text: masked(text, secret)) if echoes(content, secret) else body
