"""How a request is read where the wires agree, and how it is refused where it cannot be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it arrived.

    Attributes:
        provider: To whom: the first part of the path.
        path, query: The rest of the path, with its first slash, and what follows the question mark.
        headers: Their names in lower case.
        body: The JSON, or `None` where it was none.
    """

    provider: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any


class Unacceptable(Exception):  # noqa: N818  # because: it is the provider's verdict, not our error
    """The request is one that the real provider would refuse, for `reason`.

    `said` is what its body says in this case, in place of the usual words: `message`, and whatever
    else the row of the wire's `refusals` has; what it has not is left out.
    """

    def __init__(self, status: int, reason: str, **said: Any) -> None:
        super().__init__(f"{status} {reason}: {said.get('message', 'as usual')}")
        self.status = status
        self.reason = reason
        self.said = said


def invalid(message: str, **more: Any) -> Unacceptable:
    """The commonest verdict: a 400 in these words."""
    return Unacceptable(400, "invalid_request", message=message, **more)


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of an `Authorization: Bearer` header."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def text_of(content: Any) -> str:
    """The words of a message's content, which is a string or a list of parts."""
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def last_words(messages: list[dict[str, Any]]) -> str:
    """The last thing that the user said."""
    return next((text_of(message.get("content")) for message in reversed(messages) if _is_user(message)), "")


def messages_of(body: Any) -> list[dict[str, Any]]:
    """The history; raises `Unacceptable` where there is none."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise Unacceptable(400, "invalid_request")
    return messages


def model_of(body: dict[str, Any]) -> str:
    """The model's id; raises `Unacceptable` where there is none."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Unacceptable(400, "invalid_request")
    return model


def length_of(messages: list[dict[str, Any]]) -> int:
    """About how many tokens the history has."""
    return sum(1 + len(text_of(message.get("content"))) // 4 for message in messages)


def _is_user(message: dict[str, Any]) -> bool:
    return message.get("role") == "user" and bool(text_of(message.get("content")))


def form_in_words(messages: list[dict[str, Any]]) -> Mapping[str, Any]:
    """The last JSON schema that stands in the words of the history; any object where there is none."""
    words = "\n".join(text_of(message.get("content")) for message in messages)
    form, at = {"type": "object"}, words.find("{")
    while at >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(words, at)
        except ValueError:
            found, end = None, at + 1
        if isinstance(found, dict) and not {"type", "properties", "$ref", "anyOf"}.isdisjoint(found):
            form = found
        at = words.find("{", end)
    return form
