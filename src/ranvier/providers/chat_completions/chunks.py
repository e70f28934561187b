"""Reads a streamed chat completion."""

from __future__ import annotations

from typing import Any

from ranvier.messages.characters import mended
from ranvier.messages.native import Native
from ranvier.messages.response import StreamEvent, ToolCallDelta
from ranvier.messages.usage import Usage
from ranvier.providers._reading.details import found, words
from ranvier.providers._reading.finish_reasons import stop_word
from ranvier.providers._reading.reading import Json, entries, entry, first, label, text
from ranvier.providers._reading.usage import read_chat_usage
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers.chat_completions.answer import (
    BESIDE,
    calls_in,
    failed,
    kept_fields,
    message_of,
    note,
    read_content,
    tier_of,
)
from ranvier.providers.chat_completions.fragments import CallsInFlight, only_words


class ChunkReader(AnswerReader):
    """Reads the chunks of one streamed completion."""

    def __init__(self, family: str, returned: tuple[str, ...]) -> None:
        super().__init__()
        self._family = family
        self._returned = returned
        self._introduced = False  # the id and the model have been emitted
        self._refusal: list[str] = []
        self._kept: dict[str, list[Any]] = {}  # pieces, by field
        self._given: Json = {}  # the joined pieces, already emitted: it grows if the model continues
        self._unjoined = False  # pieces have arrived that are missing in `_given`
        self._calls = CallsInFlight()
        self._cites = False  # the text has annotations
        self._last = ""  # what arrived last: "words", "call", or a separate "usage"

    def read(self, body: Json) -> None:
        """Read one chunk."""
        if self._introduced and (content := only_words(body)):
            self._last = "words"
            self.add_text(content)
        else:
            self._read_all(body)

    def _read_all(self, body: Json) -> None:
        if not self._introduced and (body.get("id") or body.get("model")):
            self._introduced = True
            self.events.append(StreamEvent(id=label(body.get("id")), model=label(body.get("model"))))
        choice = first(entries(body.get("choices"), "choices"))
        reported = body.get("usage") or choice.get("usage")  # Kimi: in the choice
        usage = None if reported is None else read_chat_usage(reported)
        known = len(self.events)
        # A server that does not stream sends the whole message instead of a delta; others repeat it there.
        delta = entry(choice.get("delta"), "delta")
        if not delta and (self.lenient or not self.answered):
            delta = message_of(choice)
            self.lenient = self.lenient or bool(delta)
        self._read_delta(delta)
        if choice.get("logprobs") or "annotations" in delta:
            note(self.details, choice, delta)
            self._cites = bool(self.details.citations)
        if failure := failed(choice):
            raise failure
        if usage is not None and len(self.events) == known:
            self._last = "usage"
        if raw := stop_word(choice.get("finish_reason"), "finish_reason"):
            if not self._calls.any and "message" in choice:  # it may have calls that no delta had
                self._read_calls(entry(choice["message"], "message"))
                self.lenient = self.lenient or self._calls.any
            self._finish(raw, usage)
        elif usage is not None:
            self.events.append(StreamEvent(usage=usage))
        if not BESIDE.isdisjoint(body):
            self._note(body)

    def _note(self, body: Json) -> None:
        """Note what a chunk tells beside its choices; the last chunk repeats the sources."""
        self.details.service_tier = tier_of(body) or self.details.service_tier
        if not self._cites and (sources := found(body)):
            self.details.citations = sources

    def _read_delta(self, delta: Json) -> None:
        content, reasoning = read_content(delta)
        if reasoning:
            self._last = "words"
            self.events.append(StreamEvent(reasoning=reasoning))
        if content:
            self._last = "words"
            self.add_text(content)
        if refusal := text(delta.get("refusal"), "refusal"):
            self._refusal.append(refusal)
        self._keep(delta)
        self._read_calls(delta)

    def _read_calls(self, delta: Json) -> None:
        for call in calls_in(delta):
            fragment = self._fragment(call)
            if fragment is not None:
                self.answered = True
                self._last = "call"
                self.events.append(StreamEvent(tool_call=fragment))

    def _fragment(self, call: Json) -> ToolCallDelta | None:
        delta = self._calls.fragment(call)
        if delta is None or (delta.name is None and delta.native is None):
            return delta
        return self.called(delta)

    def done(self) -> None:
        """See `AnswerReader.done`."""
        proven = self._last == "usage" or (self._last == "call" and self._calls.whole)
        if self.stopped is None and self.answered and proven:
            self._finish("", None)
        super().done()

    def _keep(self, delta: Json) -> None:
        for name, piece in kept_fields(delta, self._returned).items():
            self._kept.setdefault(name, []).append(piece)
            self._unjoined = True
            self.early = self.early or bool(self._given)  # an earlier part of it has been emitted

    def joined(self, pieces: list[Any]) -> Any:
        """The pieces of a field joined; the last one if their types differ."""
        if all(isinstance(piece, str) for piece in pieces):
            return "".join(pieces)
        if all(isinstance(piece, list) for piece in pieces):
            return [each for piece in pieces for each in piece]
        return _sound(pieces) if all(isinstance(piece, dict) for piece in pieces) else pieces[-1]

    def _finish(self, raw: str, usage: Usage | None) -> None:
        refusal = "".join(self._refusal)
        self.stopped = self.reason(raw, calls_tools=self._calls.any, refusal=refusal)
        self.details.refusal = words(refusal)
        event = self.finish(raw, usage)
        if not self.early:  # else at the end, joined only once
            event.parts = self._parts()
        self.events.append(event)

    def _parts(self) -> list[Native]:
        """The part to send back in the history: new the first time; later that part grows in place."""
        if not self._unjoined:
            return []
        begins, self._unjoined = not self._given, False
        self._given.update(mended({name: self.joined(pieces) for name, pieces in self._kept.items()}))
        return [self.native(self._family, self._given)] if begins else []

    def end(self) -> None:
        """See `AnswerReader.end`."""
        super().end()
        if parts := self._parts():
            self.events.append(StreamEvent(parts=parts))


def _sound(pieces: list[Json]) -> Json:
    """An `audio` object from its pieces: data and transcript are joined; other fields keep the last value."""
    whole: Json = {}
    for piece in pieces:
        whole.update((name, value) for name, value in piece.items() if value is not None)
    for name in ("data", "transcript"):
        grown = [piece[name] for piece in pieces if isinstance(piece.get(name), str)]
        if grown:
            whole[name] = "".join(grown)
    return whole
