"""Bodies whose finish reason is replaced by another word, on every wire."""

import copy
from typing import Any

FIELDS = {
    "anthropic": "stop_reason",
    "converse": "stopReason",
    "gemini": "finishReason",
    "ollama": "done_reason",
}
"""The field of the finish reason, where it is not `finish_reason`."""


def worded(name: str, value: Any, word: str) -> Any:
    """A copy of a body, or of the pieces of a stream, with `word` in place of its finish reason."""
    value = copy.deepcopy(value)
    _replace(value, FIELDS.get(name, "finish_reason"), word, of_responses=name == "responses")
    return value


def _replace(value: Any, field: str, word: str, *, of_responses: bool) -> None:
    if isinstance(value, list):
        for each in value:
            _replace(each, field, word, of_responses=of_responses)
    elif isinstance(value, dict):
        if value.get(field) is not None:
            value[field] = word
        if of_responses and value.get("type") == "response.completed":
            value["type"] = "response.incomplete"
        if of_responses and value.get("status") == "completed":
            value |= {"status": "incomplete", "incomplete_details": {"reason": word}}
        for each in list(value.values()):
            _replace(each, field, word, of_responses=of_responses)
