"""The format of responses, version 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ranvier.facts.attempt import Attempt
from ranvier.messages.beside.details import Citation, Details, TokenLogprob
from ranvier.messages.response import FinishReason, Response
from ranvier.messages.saved.kinds import COUNT, FLAG, NUMBER, OBJECT, STRING, list_of, one_of, optional
from ranvier.messages.saved.parts import MAYBE_STRING, PART, TOOL_CALL
from ranvier.messages.saved.records import Field, Record
from ranvier.messages.usage import Usage

NONE_COUNTED: Final = Field(COUNT, 0)

USAGE: Final = Record(
    Usage,
    "usage",
    {
        **dict.fromkeys(("input", "output", "total", "cache_read", "cache_write", "reasoning"), NONE_COUNTED),
        "complete": Field(FLAG, True),
    },
)
ATTEMPT: Final = Record(
    Attempt,
    "attempt",
    {
        "target": Field(STRING),
        "number": Field(COUNT),
        "delay": Field(NUMBER),
        "reason": MAYBE_STRING,
        "circuit": MAYBE_STRING,
        "started": Field(NUMBER),
        "outcome": Field(STRING),
        "status": Field(optional(COUNT), None),
        "request_id": MAYBE_STRING,
        "queued": Field(NUMBER, 0.0),
        "first_token": Field(optional(NUMBER), None),
        "seconds": Field(NUMBER, 0.0),
        "usage": Field(optional(USAGE.kind), None),
        "skipped": NONE_COUNTED,
        "billable": Field(FLAG, True),
        "fault": MAYBE_STRING,
        "endpoint": MAYBE_STRING,
    },
)
CITATION: Final = Record(
    Citation,
    "citation",
    {
        **dict.fromkeys(("url", "title", "quote", "passage"), MAYBE_STRING),
        **dict.fromkeys(("start", "end"), Field(optional(COUNT), None)),
        "source": Field(OBJECT, {}),
    },
)
LIKELY_TOKEN: Final = {"token": Field(STRING), "logprob": Field(NUMBER)}
LIKELY: Final = Record(TokenLogprob, "likely_token", LIKELY_TOKEN)
LOGPROB: Final = Record(TokenLogprob, "logprob", {**LIKELY_TOKEN, "top": Field(list_of(LIKELY.kind), ())})
BESIDE: Final = {
    "citations": Field(list_of(CITATION.kind), ()),
    "logprobs": Field(list_of(LOGPROB.kind), ()),
    **dict.fromkeys(("refusal", "service_tier", "request_id"), MAYBE_STRING),
}
"""All of `Response.details` except the reply, which stays in its process."""


class ResponseRecord(Record):
    """A response, with the fields of its details among its own."""

    def made(self, values: Mapping[str, Any]) -> Any:
        """The response with these values."""
        beside = {name: values[name] for name in BESIDE}
        details = Details(list(beside.pop("citations")), list(beside.pop("logprobs")), **beside)
        own = {name: value for name, value in values.items() if name not in BESIDE}
        return super().made({**own, "details": details})


RESPONSE: Final = ResponseRecord(
    Response,
    "response",
    {
        "text": Field(STRING, ""),
        "tool_calls": Field(list_of(TOOL_CALL.kind), ()),
        "reasoning": Field(STRING, ""),
        "finish_reason": Field(optional(one_of(*FinishReason))),
        "raw_finish_reason": MAYBE_STRING,
        "usage": Field(USAGE.kind),
        "model": Field(STRING, ""),
        "provider": Field(STRING, ""),
        "id": MAYBE_STRING,
        "parts": Field(list_of(PART), ()),
        "attempts": Field(list_of(ATTEMPT.kind), ()),
        **BESIDE,
    },
)
"""All of a response except `parsed`, which is read from the text again, `record` and the reply."""
