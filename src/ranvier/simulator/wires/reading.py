"""Parsing of requests that several APIs share, and the exception for requests they reject."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as received.

    Attributes:
        provider: The provider's name: the first part of the path.
        path, query: The rest of the path, with its leading slash, and the query string.
        headers: The headers, with names in lower case.
        body: The parsed JSON, or `None` if the body was not JSON.
        target: The whole path as it was sent, still quoted.
        content: The bytes of the body.
    """

    provider: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    target: str = ""
    content: bytes = b""


class Unacceptable(Exception):  # noqa: N818  # because: it is the provider's rejection, not our error
    """The real provider would reject the request, with `status` and for `reason`.

    `fields` replace fields of the usual error body: `message`, and any other field of the row in the
    wire's `refusals`. Fields that the row does not have are ignored.
    """

    def __init__(self, status: int, reason: str, **fields: Any) -> None:
        super().__init__(f"{status} {reason}: {fields.get('message', 'the usual message')}")
        self.status = status
        self.reason = reason
        self.fields = fields


def invalid(message: str, **more: Any) -> Unacceptable:
    """The most common rejection: a 400 with this message."""
    return Unacceptable(400, "invalid_request", message=message, **more)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of an `Authorization: Bearer` header."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def text_of(content: Any) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def last_words(messages: list[dict[str, Any]]) -> str:
    """The text of the last user message."""
    return next((text_of(message.get("content")) for message in reversed(messages) if _is_user(message)), "")


def messages_of(body: Any) -> list[dict[str, Any]]:
    """The messages of a request; raises `Unacceptable` if there are none."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise Unacceptable(400, "invalid_request")
    return messages


def model_of(body: dict[str, Any]) -> str:
    """The model's id; raises `Unacceptable` if there is none."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Unacceptable(400, "invalid_request")
    return model


def length_of(messages: list[dict[str, Any]]) -> int:
    """The approximate number of tokens in the messages."""
    return sum(1 + len(text_of(message.get("content"))) // 4 for message in messages)


def _is_user(message: dict[str, Any]) -> bool:
    return message.get("role") == "user" and bool(text_of(message.get("content")))


def schema_in_messages(messages: list[dict[str, Any]]) -> Mapping[str, Any]:
    """The last JSON schema in the text of the messages; if there is none, the schema of any object."""
    text = "\n".join(text_of(message.get("content")) for message in messages)
    schema, at = {"type": "object"}, text.find("{")
    while at >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(text, at)
        except ValueError:
            found, end = None, at + 1
        if isinstance(found, dict) and not {"type", "properties", "$ref", "anyOf"}.isdisjoint(found):
            schema = found
        at = text.find("{", end)
    return schema
