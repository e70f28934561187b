"""Finds an answer that a gateway has wrapped in an object of its own, whole or piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ranvier.providers._reading.reading import Json, is_error, parse_object

WRAPPERS: Final = ("data", "response", "result", "provider")
"""The fields in which gateways put an answer: the third is Cloudflare's, the last OpenRouter's."""

OF_ANSWERS: Final = (
    *("choices", "candidates", "content", "output", "type", "done", "error"),
    *("promptFeedback", "usageMetadata", "messageStart"),
)
"""Fields of answers, of their pieces and of their errors, on any wire."""


def wrapper_of(body: Json) -> str | None:
    """The field of `body` that holds the answer; `None` if `body` is the answer itself, or an error."""
    if _is_of_answer(body) or is_error(body):
        return None
    return next((name for name in WRAPPERS if _is_of_answer(body.get(name))), None)


def unwrapped(body: Json) -> Json:
    """The answer in `body`: nearly always `body` itself."""
    wrapper = wrapper_of(body)
    return body if wrapper is None else body[wrapper]


def parse_within(wrapper: str, content: bytes, on_halves: Callable[[Any], Any]) -> Json | None:
    """The object in that field of the JSON in `content`, or the whole one without such a field."""
    body = parse_object(content, on_halves)
    inner = None if body is None else body.get(wrapper)
    return inner if isinstance(inner, dict) else body


def _is_of_answer(body: object) -> bool:
    return isinstance(body, dict) and any(body.get(name) is not None for name in OF_ANSWERS)
