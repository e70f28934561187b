"""Reads a streamed message of Anthropic's API."""

from __future__ import annotations

from typing import Any

from ranvier.messages.message import ToolCall
from ranvier.messages.response import FinishReason, StreamEvent, ToolCallDelta
from ranvier.messages.usage import Usage
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading.finish_reasons import stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, count, entry, label, text
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers.anthropic.answer import citations_of, kind_of, note_end, read_message, read_usage
from ranvier.providers.chat_completions.fragments import read_arguments, tool_name


class EventReader(AnswerReader):
    """Reads the events of one streamed message."""

    names_events = True

    def __init__(self) -> None:
        super().__init__()
        self._usage: Json = {}  # the last value of each field counts, except for 0 and null
        self._usage_known = False  # the final values have arrived
        self._blocks: dict[int, _Block] = {}  # open blocks, by their index
        self._calls = 0  # blocks that call a tool
        self._id: str | None = None
        self._begun = False  # the message has begun
        self._has_blocks = False
        self._stop_reason = ""

    def read(self, body: Json) -> None:
        """Read one event."""
        kind = body.get("type")
        if kind == "content_block_delta":
            self._add(body)
        elif kind == "content_block_start":
            self._begin(body)
        elif kind == "content_block_stop":
            self._end(body)
        elif kind == "message_start":
            self._begin_message(entry(body.get("message"), "message"))
        elif kind == "message_delta":
            delta = entry(body.get("delta"), "delta")
            self.events.append(StreamEvent(usage=self._merge(body.get("usage"), complete=True)))
            note_end(self.details, self._usage, delta.get("stop_details"))
            if raw := stop_word(delta.get("stop_reason"), "stop_reason"):
                self._stop_reason = raw
                self.stopped = self._reason()
        elif kind == "message_stop":
            self.stopped = self._reason()
            self.end()
            self.finished = True
        elif kind == "message":  # a complete answer, from a server that does not stream
            self._read_whole(body)

    def _read_whole(self, body: Json) -> None:
        self._check_not_spliced(self._has_blocks)
        self.read_whole(read_message(body), body)
        self.stopped = FinishReason.STOP
        self.finished = True

    def _reason(self) -> FinishReason:
        refusal = self.details.refusal or ""
        return self.reason(self._stop_reason, calls_tools=self._calls > 0, refusal=refusal)

    def end(self) -> None:
        """See `AnswerReader.end`; emits the finish reason here, where nothing can follow it."""
        super().end()
        try:
            for index in list(self._blocks):  # blocks whose end event was omitted
                self._end({"index": index})
        except NoAnswerError:
            self.stopped = None
            raise
        self.events.append(
            StreamEvent(finish_reason=self.stopped, raw_finish_reason=self._stop_reason or None)
        )

    def _begin_message(self, message: Json) -> None:
        """Begin the message; proxies may repeat this event, but only before anything else."""
        given, usage = label(message.get("id")), self._merge(message.get("usage"), complete=False)
        self._check_not_spliced(self._begun and (given != self._id or self._has_blocks or self._stop_reason))
        self._begun, self._id = True, given
        self.events.append(StreamEvent(id=given, model=label(message.get("model")), usage=usage))

    def _check_not_spliced(self, spliced: object) -> None:
        if spliced:
            self.early = True  # an earlier finish reason does not count: something follows it
            raise NoAnswerError("two answers are spliced: a message begins before the last one has ended")

    def _merge(self, usage: object, *, complete: bool) -> Usage:
        if isinstance(usage, dict):
            self._usage.update(
                (name, value) for name, value in usage.items() if value or name not in self._usage
            )
            self._usage_known = complete and usage.get("output_tokens") is not None
        elif usage is not None:  # malformed: the final values are missing
            self._usage_known = False
        return read_usage(self._usage, complete=self._usage_known)

    def _begin(self, body: Json) -> None:
        start = entry(body.get("content_block"), "content_block")
        index = count(body.get("index"), "index")
        self._end_before(index)
        block = self._blocks[index] = _Block(start)
        self._has_blocks = True
        if block.kind == "tool_use":
            self._begin_call(block)
        elif block.kind == "text":
            self.add_text(text(start.get("text"), "text"))
        elif thinking := text(start.get("thinking"), "thinking"):
            self.events.append(StreamEvent(reasoning=thinking))

    def _end_before(self, index: int) -> None:
        """End the blocks whose end event was omitted; calls of tools may be interleaved."""
        for other, block in list(self._blocks.items()):
            if other == index or block.kind != "tool_use":
                self._end({"index": other})

    def _begin_call(self, block: _Block) -> None:
        name = tool_name(text(block.start.get("name"), "name"))
        if name is not None:
            block.number, self._calls = self._calls, self._calls + 1
            self.answered = True
            call = ToolCallDelta(block.number, label(block.start.get("id")) or new_call_id(), name)
            self.events.append(StreamEvent(tool_call=self.called(call)))

    def _add(self, body: Json) -> None:
        block = self._blocks.get(count(body.get("index"), "index"))
        delta = entry(body.get("delta"), "delta")
        kind = delta.get("type")
        if kind == "text_delta":
            self.add_text(words := text(delta.get("text"), "text"))
            if block is not None and block.citations is not None:
                block.passage.append(words)
        elif block is not None:
            self._add_to(block, kind, delta)
        elif kind == "thinking_delta":  # as with text, the start of the block may have been omitted
            self._begin({"index": body.get("index"), "content_block": {"type": "thinking", "thinking": ""}})
            self._add(body)
        elif kind in ("input_json_delta", "signature_delta"):
            raise NoAnswerError("the answer continues a block that has not begun")

    def _add_to(self, block: _Block, kind: object, delta: Json) -> None:
        if kind == "thinking_delta":
            if thinking := block.add("thinking", delta):
                self.events.append(StreamEvent(reasoning=thinking))
        elif kind == "signature_delta":
            block.add("signature", delta)
        elif kind == "citations_delta":
            block.citations = block.citations or []
            block.citations.append(delta.get("citation"))
        elif kind == "input_json_delta":
            arguments = block.add("partial_json", delta)
            if block.number is not None and arguments:
                self.events.append(StreamEvent(tool_call=ToolCallDelta(block.number, arguments=arguments)))

    def _end(self, body: Json) -> None:
        block = self._blocks.pop(count(body.get("index"), "index"), None)
        if block is not None and block.citations:
            passage = text(block.start.get("text"), "text") + "".join(block.passage)
            self.details.citations += citations_of({"citations": block.citations}, passage)
        if block is None or block.kind == "text":
            return
        if block.kind == "tool_use":
            if block.number is not None and (given := block.given_at_once):
                self.events.append(StreamEvent(tool_call=ToolCallDelta(block.number, arguments=given)))
        else:
            self.events.append(StreamEvent(parts=[self.native("anthropic", block.whole())]))


class _Block:
    """A block of the answer whose deltas are still arriving."""

    __slots__ = ("citations", "kind", "number", "passage", "pieces", "start")

    def __init__(self, start: Json) -> None:
        self.kind = kind_of(start)
        self.start = start
        self.number: int | None = None  # the index of the tool call, if it is one
        self.pieces: dict[str, list[str]] = {}
        self.citations: list[object] | None = [] if "citations" in start else None  # absent if there are none
        self.passage: list[str] = []  # the text, if it cites something

    def add(self, field: str, delta: Json) -> str:
        piece = read_arguments(delta.get(field)) if field == "partial_json" else text(delta.get(field), field)
        self.pieces.setdefault(field, []).append(piece)
        return piece

    @property
    def given_at_once(self) -> str:
        """The arguments from the start of the block, unless deltas have sent them since."""
        start = self.start.get("input")
        return read_arguments(start) if start and not self._arguments else ""

    @property
    def _arguments(self) -> str:
        return "".join(self.pieces.get("partial_json", ())).strip()

    def whole(self) -> dict[str, Any]:
        """The block as in an answer that was not streamed."""
        block = dict(self.start)
        for field, pieces in self.pieces.items():
            if field == "partial_json":
                if self._arguments:
                    block["input"] = ToolCall.parse("", "", self._arguments).arguments
            else:
                block[field] = text(block.get(field), field) + "".join(pieces)
        return block
