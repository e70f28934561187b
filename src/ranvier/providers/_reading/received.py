"""What is kept of an HTTP reply with its answer: its headers, its id and its body, without secrets."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ranvier.messages.beside.details import Details
from ranvier.messages.beside.reply import Reply
from ranvier.providers._failures.shown import echoes, masked
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


def note_reply(details: Details, reply: HttpReply, raw: Json | None = None) -> None:
    """Write into `details` what is kept of `reply`, with the body `raw` of its answer."""
    headers = _headers(reply)
    details.request_id = request_id_in(headers)
    details.reply = Reply(headers, raw, rate_limits)


def _headers(reply: HttpReply) -> dict[str, str]:
    headers: dict[str, str] = {}
    for given, value in reply.headers.items():
        name = _kept_name(given)
        if name is not None:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if echoes("\n".join(headers.values()), reply.request.secret):
        return {name: reply.request.masked(value) for name, value in headers.items()}
    return headers


def raw_of(body: Json, content: bytes, secret: str | None) -> Json | None:
    """`body`, which was read from `content`; if that repeats the key, a copy with the key masked.

    It is `None` if it is no JSON any more without the key.
    """
    if not echoes(content, secret):
        return body
    try:
        return parse_object(masked(json.write(body).decode(), secret).encode())
    except (NoAnswerError, ValueError, RecursionError):
        return None
