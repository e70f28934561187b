"""What a message of Anthropic's API says, in events."""

from __future__ import annotations

import json
from typing import Any

from ranvier.messages.collector import steps_of
from ranvier.messages.request import ToolCall
from ranvier.messages.response import FinishReason, StreamEvent, ToolCallDelta
from ranvier.messages.usage import Usage
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading.reading import Json, NoAnswerError, count, entry, label, stop_word, text
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers.anthropic.answer import finish_reason, read_message, read_usage
from ranvier.providers.chat_completions.fragments import read_input, tool_name


class EventReader(AnswerReader):
    """Understands the events of one streamed message."""

    def __init__(self) -> None:
        super().__init__()
        self._usage: Json = {}  # of each field the last word counts
        self._usage_known = False  # the last word on all of them has come
        self._blocks: dict[int, _Block] = {}  # under way, by their index
        self._calls = 0  # blocks that call a tool
        self._id: str | None = None
        self._begun = False  # the message has
        self._has_blocks = False
        self._stop_reason = ""

    def read(self, body: Json) -> None:
        """What one event says."""
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
            if raw := stop_word(delta.get("stop_reason"), "stop_reason"):
                self._stop_reason = raw
                self.stopped = self._reason(raw, delta.get("stop_details"))
        elif kind == "message_stop":
            self.stopped = self._reason(self._stop_reason, None)
            self.end()
            self.finished = True
        elif kind == "message":  # a whole answer, of a server that does not stream
            self._read_whole(body)

    def _read_whole(self, body: Json) -> None:
        self._refuse_splices(self._has_blocks)
        message = read_message(body)
        if self.issuer is not None:
            self.issuer.sign(message)
        self.events += steps_of(message)
        self.stopped = FinishReason.STOP
        self.finished = True

    def _reason(self, raw: str, details: object) -> FinishReason:
        return finish_reason(raw, details, answered=self.answered, calls_tools=self._calls > 0)

    def end(self) -> None:
        """See `AnswerReader.end`; the finish reason is given out here, once nothing can follow it."""
        super().end()
        try:
            for index in list(self._blocks):  # those whose end was left out
                self._end({"index": index})
        except NoAnswerError:
            self.stopped = None
            raise
        self.events.append(
            StreamEvent(finish_reason=self.stopped, raw_finish_reason=self._stop_reason or None)
        )

    def _begin_message(self, message: Json) -> None:
        """A message begins; proxies may repeat its very beginning, but nothing after it."""
        given, usage = label(message.get("id")), self._merge(message.get("usage"), complete=False)
        self._refuse_splices(self._begun and (given != self._id or self._has_blocks or self._stop_reason))
        self._begun, self._id = True, given
        self.events.append(StreamEvent(id=given, model=label(message.get("model")), usage=usage))

    def _refuse_splices(self, spliced: object) -> None:
        if spliced:
            self.early = True  # whatever it has said of its end, something follows
            raise NoAnswerError("two answers are spliced: a message begins before the last one has ended")

    def _merge(self, usage: object, *, complete: bool) -> Usage:
        if isinstance(usage, dict):
            self._usage.update((name, value) for name, value in usage.items() if value is not None)
            self._usage_known = complete and usage.get("output_tokens") is not None
        elif usage is not None:  # malformed: the last word on it never came
            self._usage_known = False
        return read_usage(self._usage, complete=self._usage_known)

    def _begin(self, body: Json) -> None:
        start = entry(body.get("content_block"), "content_block")
        index = count(body.get("index"), "index")
        self._end({"index": index})  # where that was left out
        block = self._blocks[index] = _Block(start)
        self._has_blocks = True
        if block.kind == "tool_use":
            self._begin_call(block)
        elif block.kind == "text":
            self.add_text(text(start.get("text"), "text"))
        elif thinking := text(start.get("thinking"), "thinking"):
            self.events.append(StreamEvent(reasoning=thinking))

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
            self.add_text(text(delta.get("text"), "text"))
        elif block is None:
            raise NoAnswerError("a block of the answer goes on that has not begun")
        elif kind == "thinking_delta":
            thinking = block.add("thinking", delta)
            if thinking:
                self.events.append(StreamEvent(reasoning=thinking))
        elif kind == "signature_delta":
            block.add("signature", delta)
        elif kind == "input_json_delta":
            arguments = block.add("partial_json", delta)
            if block.number is not None and arguments:
                self.events.append(StreamEvent(tool_call=ToolCallDelta(block.number, arguments=arguments)))

    def _end(self, body: Json) -> None:
        block = self._blocks.pop(count(body.get("index"), "index"), None)
        if block is None or block.kind == "text":
            return
        if block.kind == "tool_use":
            if block.number is not None and (given := block.given_at_once):
                self.events.append(StreamEvent(tool_call=ToolCallDelta(block.number, arguments=given)))
        else:
            self.events.append(StreamEvent(parts=[self.native("anthropic", block.whole())]))


class _Block:
    """A block of the answer of which deltas still come in."""

    __slots__ = ("kind", "number", "pieces", "start")

    def __init__(self, start: Json) -> None:
        self.kind = text(start.get("type"), "type")
        self.start = start
        self.number: int | None = None  # which tool call it is, if it is one
        self.pieces: dict[str, list[str]] = {}

    def add(self, field: str, delta: Json) -> str:
        piece = text(delta.get(field), field)
        self.pieces.setdefault(field, []).append(piece)
        return piece

    @property
    def given_at_once(self) -> str:
        """The arguments that stood in the start of the block, where deltas have not told them since."""
        start = self.start.get("input")
        return json.dumps(read_input(start, "input")) if start and not self._arguments else ""

    @property
    def _arguments(self) -> str:
        return "".join(self.pieces.get("partial_json", ())).strip()

    def whole(self) -> dict[str, Any]:
        """The block as a whole answer would have it."""
        block = dict(self.start)
        for field, pieces in self.pieces.items():
            if field == "partial_json":
                if self._arguments:
                    block["input"] = ToolCall.parse("", "", self._arguments).arguments
            else:
                block[field] = text(block.get(field), field) + "".join(pieces)
        return block
