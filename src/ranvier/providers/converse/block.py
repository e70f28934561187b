"""One block of a streamed answer, from its start and its deltas."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ranvier.messages.message import ToolCall
from ranvier.providers._reading.reading import Json, NoAnswerError, entries, entry, text
from ranvier.providers.converse.answer import REASONING


class Block:
    """A block whose deltas are still arriving; the text of an answer needs none.

    Attributes:
        start: Its start; empty for the kinds that have none.
        is_call: True for a call of one of the caller's tools.
        number: The index of that call; `None` if it names no tool.
    """

    __slots__ = ("_deltas", "is_call", "number", "start")

    def __init__(self, start: Json) -> None:
        self.start = start
        self.is_call = False
        self.number: int | None = None
        self._deltas: list[Json] = []

    def add(self, delta: Json) -> str:
        """Keep a delta; returns the thoughts in it."""
        self._deltas.append(delta)
        return text(entry(delta.get(REASONING), REASONING).get("text"), "text")

    def whole(self) -> Json:
        """The block as in an answer that was not streamed; empty if there is nothing to send back.

        Raises:
            NoAnswerError: a delta breaks the API's contract.
        """
        for kind, assemble in (("toolUse", _used), ("toolResult", _result), ("image", _image)):
            if kind in self.start:
                start = entry(self.start[kind], kind)
                return {kind: assemble(start, [each[kind] for each in self._deltas if kind in each])}
        return _reasoning([entry(each[REASONING], REASONING) for each in self._deltas if REASONING in each])


def _used(start: Json, deltas: list[Any]) -> Json:
    """The call of a tool that the provider itself runs."""
    arguments = "".join(text(entry(each, "toolUse").get("input"), "input") for each in deltas)
    return {**start, "input": ToolCall.parse("", "", arguments or "{}").arguments}


def _result(start: Json, deltas: list[Any]) -> Json:
    return {**start, "content": [piece for each in deltas for piece in entries(each, "toolResult")]}


def _image(start: Json, deltas: list[Any]) -> Json:
    for each in deltas:
        start = {**start, **entry(each, "image")}
    return start


def _reasoning(deltas: list[Json]) -> Json:
    """Thoughts with their signature, or encrypted ones."""
    thoughts, signature, redacted = (
        [text(each.get(name), name) for each in deltas] for name in ("text", "signature", "redactedContent")
    )
    if any(redacted):
        return {REASONING: {"redactedContent": _joined(redacted)}}
    if not any(thoughts + signature):
        return {}
    signed = {"signature": "".join(signature)} if any(signature) else {}
    return {REASONING: {"reasoningText": {"text": "".join(thoughts), **signed}}}


def _joined(pieces: list[str]) -> str:
    """Bytes in base64, from pieces that are each in base64."""
    try:
        content = b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
    except binascii.Error:
        raise NoAnswerError("redactedContent is not base64") from None
    return base64.b64encode(content).decode()
