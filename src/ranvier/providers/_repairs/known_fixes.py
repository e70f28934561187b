"""The fix for each complaint that has one: the table that `_repairs` asks.

Fixes keep what is asked: limits are bounded, settings that only tune are left out or get the nearest value
that is taken, a schema is sent in another way. Whatever else carries meaning (messages, tools) has no fix:
the next target is asked.
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
    REFUSED,
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
    places_of,
)
from ranvier.providers._repairs.schema_fixes import fix_of_form

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

SAMPLING: Final = (
    *("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty"),
    *("repetition_penalty", "logit_bias", "logprobs", "top_logprobs"),
)
"""Whoever takes no temperature reasons, and takes none of the others."""


def fix_for(complaint: Complaint, fields: Json) -> Fix | None:
    """The fix for `complaint` about a request with these fields; `None` where none is known."""
    return next((fix for find in FINDERS if (fix := find(complaint, fields)) is not None), None)


def _effort_beside_tools(complaint: Complaint, fields: Json) -> Fix | None:
    """OpenAI: models that reason unless told not to refuse tools in chat completions."""
    about = "tools" in complaint.text and WORDS["reasoning_effort"].search(complaint.text) is not None
    if about and fields.get("tools") and "messages" in fields and "none" in complaint.text:
        return Supply("reasoning_effort", "none", beside="tools")
    return None


def _one_of_two(complaint: Complaint, fields: Json) -> Fix | None:
    """Anthropic, Bedrock: a temperature or a `top_p`."""
    both = {"temperature", "top_p"} <= set(concerned(complaint, fields))
    return LeaveOut(("top_p",), beside="temperature") if both and CONDITIONAL.search(complaint.text) else None


def _limit(complaint: Complaint, fields: Json) -> Fix | None:
    """A limit on the answer that is above (or below) what the model takes, or goes by another name."""
    if "max_tokens" not in concerned(complaint, fields) or ALLOWANCE.search(complaint.text):
        return None
    path, asked = next(places_of(fields, "max_tokens"))
    if (bound := _bound_of_limit(complaint.text, asked)) is not None:
        return bound
    if not REFUSED.search(complaint.text):
        return None
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(path[-1])
    return None if other is None else Rename("max_tokens", path[-1], other)


def _bound_of_limit(text: str, asked: object) -> Fix | None:
    if not isinstance(asked, int) or not RANGE.search(text):
        return None
    told = [int(each) for each in numbers(EXCLUSIVE.sub(_last_allowed, text))]
    if (window := WINDOW.search(text)) is not None:
        return _rest_of_window(int((window[1] or window[2]).replace(",", "")), told, asked)
    lower = [each for each in told if 0 < each < asked]
    if lower:
        return Bound("max_tokens", most=max(lower))
    higher = [each for each in told if each > asked]
    return Bound("max_tokens", least=min(higher)) if higher else None


EXCLUSIVE: Final = re.compile(r"(?<=less than )(\d+)|(\d+)(?= ?\(exclusive\))")
"""A number that is one above what is allowed."""

WINDOW: Final = re.compile(r"context[^.\d]{0,40}?(\d[\d,]*)|must be <= ?(\d[\d,]*)\. given")
"""The window that prompt and answer share."""


def _last_allowed(exclusive: re.Match[str]) -> str:
    return str(int(exclusive[0]) - 1)


def _rest_of_window(window: int, told: list[int], asked: int) -> Fix | None:
    """What the prompt leaves of the window, where it is the limit that does not fit, and not the prompt."""
    fits = (prompt for prompt in told if prompt < min(window, asked) and prompt + asked > window)
    prompt = next(fits, None)
    return None if prompt is None else Bound("max_tokens", most=window - prompt, lasting=False)


def _value(complaint: Complaint, fields: Json) -> Fix | None:
    """A word that the model does not know, or a number outside its range."""
    for name in concerned(complaint, fields):
        for _, value in places_of(fields, name):
            if name == "reasoning_effort" and (known := _efforts(complaint.text, value)):
                return Choose(name, known, EFFORTS)
            if is_number(value) and name != "max_tokens" and (bound := _bound(name, complaint.text, value)):
                return bound
    return None


def _efforts(text: str, refused: object) -> tuple[str, ...]:
    """The efforts that a refusal lists beside the refused one."""
    return tuple(each for each in EFFORTS if each != refused and re.search(rf"['\"`]{each}['\"`]", text))


def _bound(name: str, text: str, value: float) -> Fix | None:
    told = [type(value)(each) for each in numbers(text) if each != value]
    if not told or not RANGE.search(text):
        return None
    if value > max(told):
        return Bound(name, most=max(told))
    return Bound(name, least=min(told)) if value < min(told) else None


def _refused(complaint: Complaint, fields: Json) -> Fix | None:
    """Settings that are not taken at all."""
    settings = tuple(name for name in concerned(complaint, fields) if name != "max_tokens")
    if not settings or not REFUSED.search(complaint.text) or _forbids_tools(settings, fields):
        return None
    lasting = CONDITIONAL.search(complaint.text) is None
    if "temperature" in settings and lasting:
        settings = tuple(dict.fromkeys((*settings, *SAMPLING)))
    return LeaveOut(settings, lasting=lasting)


def _forbids_tools(settings: tuple[str, ...], fields: Json) -> bool:
    """True where no tool may be called: to leave that out would change what is asked."""
    return "tool_choice" in settings and fields.get("tool_choice") == "none"


FINDERS: Final[tuple[Callable[[Complaint, Json], Fix | None], ...]] = (
    fix_of_form,
    _effort_beside_tools,
    _one_of_two,
    _limit,
    _value,
    _refused,
)
"""Asked in this order; the first fix that is found is made."""
