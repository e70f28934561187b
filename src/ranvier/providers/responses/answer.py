"""Reads a response of the Responses API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ranvier.messages.beside.details import Details
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import RESPONSES, Native
from ranvier.messages.response import Response
from ranvier.messages.usage import Usage
from ranvier.providers._failures.error_body import is_told
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading.details import citations_in, logprobs_in, words
from ranvier.providers._reading.finish_reasons import finish_reason, stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, entries, entry, label, text
from ranvier.providers._reading.usage import Counts
from ranvier.providers.chat_completions.fragments import read_call, tool_name

UNFINISHED: Final = ("queued", "in_progress")
"""The statuses of a response that has no answer yet, as with `background`."""

LAST: Final = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.done": "completed",  # gateways; its response has the status
}
"""The events that end a response, and the status that each stands for."""

BETWEEN_THOUGHTS: Final = "\n\n"
"""Separates the parts of a summary, which are paragraphs."""


def last_status(kind: str, response: Json) -> str:
    """The status that the last event stands for, unless its response says what went wrong."""
    given = stop_word(response.get("status"), "status")
    return given if LAST[kind] == "completed" and given and given not in UNFINISHED else LAST[kind]


def stop_of(response: Json, status: str) -> str:
    """The provider's word for why a response with that `status` has ended.

    Raises:
        NoAnswerError: it has failed, or has not ended.
    """
    if status in UNFINISHED:
        raise NoAnswerError(f"the answer is not finished: its status is {status}")
    if is_told(error := response.get("error")):
        told = error if isinstance(error, dict) else {"message": error}
        raise NoAnswerError("the provider's answer failed", provider_error=told)
    if status != "incomplete":
        return status
    details = entry(response.get("incomplete_details"), "incomplete_details")
    return stop_word(details.get("reason"), "reason") or status


def read_usage(value: object) -> Usage:
    """The tokens in the `usage` of a response."""
    counts = Counts(value)
    prompt, answer = counts.needed("input_tokens"), counts.needed("output_tokens")
    total = counts.count("total_tokens") or prompt + answer
    cached, written = counts.share("input_tokens_details", "cached_tokens", "cache_write_tokens")
    (reasoning,) = counts.share("output_tokens_details", "reasoning_tokens")
    return Usage(
        prompt,
        answer,
        total,
        cache_read=cached,
        cache_write=written,
        reasoning=reasoning,
        complete=counts.complete,
    )


# --- the items of an answer ----------------------------------------------------------------------


OF_TEXT: Final = ("output_text", "text")
"""The types of the parts of a message that hold text; the second is that of some servers."""


def words_of(item: Json, kinds: tuple[str, ...] = OF_TEXT, field: str = "text") -> str:
    """The text of a message; with other arguments its refusal."""
    content = item.get("content")
    parts = [{"text": content}] if isinstance(content, str) else entries(content, "content")
    return "".join(text(part.get(field), field) for part in parts if _kind_of_part(part) in kinds)


def _kind_of_part(part: Json) -> object:
    return part.get("type") or ("refusal" if "refusal" in part else "text")


def kind_of(item: Json) -> str:
    """The type of an item; one without a type that has a role is a message."""
    return text(item.get("type"), "type") or ("message" if item.get("role") else "")


def refusal_of(item: Json) -> str:
    """The refusal in a message; empty if there is none."""
    return words_of(item, ("refusal",), "refusal")


def thoughts_of(item: Json) -> list[str]:
    """The paragraphs of reasoning that can be read: a summary, or on some servers the reasoning itself."""
    parts = (*entries(item.get("summary"), "summary"), *entries(item.get("content"), "content"))
    return [thought for part in parts if (thought := text(part.get("text"), "text"))]


def call_of(item: Json) -> ToolCall | None:
    """The tool call in an item; `None` if it names no tool."""
    name = tool_name(text(item.get("name"), "name"))
    return None if name is None else read_call(call_id_of(item), name, item.get("arguments"))


def call_id_of(item: Json) -> str:
    """The id that links a call to its result; the `id` of the item is another one."""
    return label(item.get("call_id")) or label(item.get("id")) or new_call_id()


def note_message(details: Details, item: Json) -> None:
    """Note what a message has beside its text: its sources, and the probabilities of its tokens."""
    content = item.get("content")
    for part in () if isinstance(content, str) else entries(content, "content"):
        details.citations += citations_in(part.get("annotations"))
        details.logprobs += logprobs_in(part.get("logprobs"))


def note_end(details: Details, response: Json, refusal: str) -> None:
    """Note what the whole response tells: the class of service, and a refusal beside text."""
    details.service_tier, details.refusal = words(response.get("service_tier")), words(refusal)


def phase_of(item: Json) -> Json | None:
    """What has to be sent back with the text of a message: whether it was a commentary or the answer."""
    return {"phase": phase} if (phase := label(item.get("phase"))) else None


def output_of(response: Json, *, answered: bool = False) -> list[Json]:
    """The items of a whole response; some servers give its words only as `output_text`."""
    output, words = entries(response.get("output"), "output"), response.get("output_text")
    if isinstance(words, str) and words and not (answered or any(map(_answers, output))):
        return [*output, {"type": "message", "content": [{"type": "output_text", "text": words}]}]
    return output


def _answers(item: Json) -> bool:
    kind = kind_of(item)
    return kind == "function_call" or (kind == "message" and bool(words_of(item) or refusal_of(item)))


# --- complete answers ----------------------------------------------------------------------------


def read_response(body: Json) -> Response:
    """Read a complete response."""
    raw = stop_of(body, stop_word(body.get("status"), "status"))
    output = output_of(body)
    messages = [item for item in output if kind_of(item) == "message"]
    parts = tuple(_parts(output))
    answer = "".join(part.text for part in parts if isinstance(part, Text))
    calls = tuple(part for part in parts if isinstance(part, ToolCall))
    refusal = "".join(map(refusal_of, messages))
    reason = finish_reason(raw, answered=bool(answer or calls), calls_tools=bool(calls), refusal=refusal)
    if not (output or isinstance(body.get("output"), list)):
        raise NoAnswerError("the answer has no output")
    details = Details()
    for message in messages:
        note_message(details, message)
    note_end(details, body, refusal)
    thoughts = (
        thought for item in output if item.get("type") == "reasoning" for thought in thoughts_of(item)
    )
    return Response(
        text=answer,
        tool_calls=calls,
        reasoning=BETWEEN_THOUGHTS.join(thoughts),
        finish_reason=reason,
        raw_finish_reason=raw or None,
        usage=read_usage(body.get("usage")),
        model=label(body.get("model")) or "",
        id=label(body.get("id")),
        parts=parts,
        details=details,
    )


def _parts(output: Iterable[Json]) -> Iterator[Part]:
    for item in output:
        kind = kind_of(item)
        if kind == "message":
            if phase := phase_of(item):
                yield Native(RESPONSES, phase)
            if written := words_of(item):
                yield Text(written)
        elif kind == "function_call":
            if (call := call_of(item)) is not None:
                yield call
        elif kind:
            yield Native(RESPONSES, item)
