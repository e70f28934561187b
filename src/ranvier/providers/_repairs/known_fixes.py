"""The known fixes, by complaint: the table that `repairs` reads.

Fixes keep the meaning of a request: limits are bounded, settings that only tune are omitted or get the
nearest accepted value, and a schema is sent in another way. Everything else that carries meaning (messages,
tools) has no fix: the call falls back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import (
    ALLOWANCE,
    CONDITIONAL,
    RANGE,
    REJECTED,
    WORDS,
    Complaint,
    concerned,
    numbers,
)
from ranvier.providers._repairs.fixes import (
    Bound,
    Choose,
    Fix,
    LeaveOut,
    Rename,
    Supply,
    is_number,
)
from ranvier.providers._repairs.places import given, places_of
from ranvier.providers._repairs.schema_fixes import schema_fix

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

SAMPLING: Final = (
    *("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty"),
    *("repetition_penalty", "logit_bias", "logprobs", "top_logprobs"),
)
"""A model that rejects the temperature is a reasoning model, and rejects all of these."""


def fix_for(complaint: Complaint, fields: Json) -> Fix | None:
    """The fix for `complaint` about a request with these fields, or `None` if none is known."""
    return next((fix for find in FINDERS if (fix := find(complaint, fields)) is not None), None)


def _effort_beside_tools(complaint: Complaint, fields: Json) -> Fix | None:
    """OpenAI: in chat completions, models that reason by default accept tools only with effort `none`."""
    about = "tools" in complaint.text and WORDS["reasoning_effort"].search(complaint.text) is not None
    if about and fields.get("tools") and "messages" in fields and "none" in complaint.text:
        return Supply("reasoning_effort", "none", beside="tools")
    return None


SUMMARY: Final = re.compile(r"reasoning[_. ]summar(?:y|ies)")


def _summary(complaint: Complaint, fields: Json) -> Fix | None:
    """OpenAI: an organization that is not verified, for example, gets no summaries of thoughts."""
    about = {"reasoning", "summary"} <= complaint.names or SUMMARY.search(complaint.text)
    return LeaveOut(("reasoning_summary",)) if about and given(fields, "reasoning_summary") else None


def _one_of_two(complaint: Complaint, fields: Json) -> Fix | None:
    """Anthropic, Bedrock: `temperature` and `top_p` cannot both be set."""
    both = {"temperature", "top_p"} <= set(concerned(complaint, fields))
    return LeaveOut(("top_p",), beside="temperature") if both and CONDITIONAL.search(complaint.text) else None


def _limit(complaint: Complaint, fields: Json) -> Fix | None:
    """An output limit that is above or below what the model accepts, or that has another name."""
    if "max_tokens" not in concerned(complaint, fields) or ALLOWANCE.search(complaint.text):
        return None
    path, requested = next(places_of(fields, "max_tokens"))
    if (bound := _bound_of_limit(complaint.text, requested)) is not None:
        return bound
    if not REJECTED.search(complaint.text):
        return None
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(path[-1])
    return None if other is None else Rename("max_tokens", path[-1], other)


def _bound_of_limit(text: str, requested: object) -> Fix | None:
    if not isinstance(requested, int) or not RANGE.search(text):
        return None
    found = [int(each) for each in numbers(EXCLUSIVE.sub(_last_allowed, text))]
    if (window := WINDOW.search(text)) is not None:
        return _rest_of_window(int((window[1] or window[2]).replace(",", "")), found, requested)
    lower = [each for each in found if 0 < each < requested]
    if lower:
        return Bound("max_tokens", most=max(lower))
    higher = [each for each in found if each > requested]
    return Bound("max_tokens", least=min(higher)) if higher else None


EXCLUSIVE: Final = re.compile(r"(?<=less than )(\d+)|(\d+)(?= ?\(exclusive\))")
"""An exclusive upper bound."""

WINDOW: Final = re.compile(r"context[^.\d]{0,40}?(\d[\d,]*)|must be <= ?(\d[\d,]*)\. given")
"""The context window that prompt and answer share."""


def _last_allowed(exclusive: re.Match[str]) -> str:
    return str(int(exclusive[0]) - 1)


def _rest_of_window(window: int, found: list[int], requested: int) -> Fix | None:
    """Bound the limit to the rest of the window, if the prompt alone fits into the window."""
    fits = (prompt for prompt in found if prompt < min(window, requested) and prompt + requested > window)
    prompt = next(fits, None)
    return None if prompt is None else Bound("max_tokens", most=window - prompt, lasting=False)


def _value(complaint: Complaint, fields: Json) -> Fix | None:
    """A value that the model does not know, or a number out of its range."""
    for name in concerned(complaint, fields):
        for _, value in places_of(fields, name):
            if name == "reasoning_effort" and (known := _efforts(complaint.text, value)):
                return Choose(name, known, EFFORTS)
            if is_number(value) and name != "max_tokens" and (bound := _bound(name, complaint.text, value)):
                return bound
    return None


def _efforts(text: str, rejected: object) -> tuple[str, ...]:
    """The reasoning efforts that an error message lists, without the rejected one."""
    return tuple(each for each in EFFORTS if each != rejected and re.search(rf"['\"`]{each}['\"`]", text))


def _bound(name: str, text: str, value: float) -> Fix | None:
    found = [type(value)(each) for each in numbers(text) if each != value]
    if not found or not RANGE.search(text):
        return None
    if value > max(found):
        return Bound(name, most=max(found))
    return Bound(name, least=min(found)) if value < min(found) else None


def _rejected(complaint: Complaint, fields: Json) -> Fix | None:
    """Settings that are not accepted at all."""
    settings = tuple(name for name in concerned(complaint, fields) if name != "max_tokens")
    if not settings or not REJECTED.search(complaint.text) or _forbids_tools(settings, fields):
        return None
    lasting = CONDITIONAL.search(complaint.text) is None
    if "temperature" in settings and lasting:
        settings = tuple(dict.fromkeys((*settings, *SAMPLING)))
    return LeaveOut(settings, lasting=lasting)


def _forbids_tools(settings: tuple[str, ...], fields: Json) -> bool:
    """True if the request forbids tool calls: omitting that would change its meaning."""
    return "tool_choice" in settings and fields.get("tool_choice") == "none"


FINDERS: Final[tuple[Callable[[Complaint, Json], Fix | None], ...]] = (
    schema_fix,
    _effort_beside_tools,
    _summary,
    _one_of_two,
    _limit,
    _value,
    _rejected,
)
"""Tried in this order; the first fix found is used."""
