"""Reads a streamed answer of Converse."""

from __future__ import annotations

from ranvier.messages.native import CONVERSE
from ranvier.messages.response import FinishReason, StreamEvent, ToolCallDelta
from ranvier.providers._history.call_ids import new_call_id
from ranvier.providers._reading.finish_reasons import stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, count, entry, label, text
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers.chat_completions.fragments import read_arguments, tool_name
from ranvier.providers.converse.answer import is_of_server, read_response, read_usage, tier_of
from ranvier.providers.converse.block import Block
from ranvier.providers.converse.citations import Passage


class EventReader(AnswerReader):
    """Reads the events of one streamed answer: each is an object under the name of its type."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: dict[int, Block] = {}  # open blocks, by their index
        self._passage = Passage(None)  # the block of text that came last
        self._calls = 0
        self._has_blocks = False
        self._begun = False
        self._raw = ""  # the stop reason

    def read(self, body: Json) -> None:
        """Read one event; those of other types do not matter."""
        if (delta := body.get("contentBlockDelta")) is not None:
            self._add(entry(delta, "contentBlockDelta"))
        elif (start := body.get("contentBlockStart")) is not None:
            self._begin(entry(start, "contentBlockStart"))
        elif (stop := body.get("contentBlockStop")) is not None:
            self._end(count(entry(stop, "contentBlockStop").get("contentBlockIndex"), "contentBlockIndex"))
        elif "messageStart" in body:
            self._check_not_spliced(self._begun)
            self._begun = True
        elif (stop := body.get("messageStop")) is not None:
            self._stop(entry(stop, "messageStop"))
        elif (metadata := body.get("metadata")) is not None:
            self._read_metadata(entry(metadata, "metadata"))
        elif "output" in body:  # a complete answer, from a server that does not stream
            self._read_whole(body)

    def end(self) -> None:
        """See `AnswerReader.end`; emits the finish reason here, where nothing can follow it."""
        super().end()
        try:
            for index in list(self._blocks):  # blocks whose end event was omitted
                self._end(index)
            self._pass_to(None)
        except NoAnswerError:
            self.stopped = None
            raise
        self.events.append(StreamEvent(finish_reason=self.stopped, raw_finish_reason=self._raw or None))

    def _stop(self, stop: Json) -> None:
        if raw := stop_word(stop.get("stopReason"), "stopReason"):
            self._raw = raw
            self.stopped = self._reason()

    def _reason(self) -> FinishReason:
        return self.reason(self._raw, calls_tools=self._calls > 0)

    def _read_metadata(self, metadata: Json) -> None:
        """Read the last event, which reports the tokens."""
        usage = metadata.get("usage")
        self.details.service_tier = tier_of(metadata)
        self.events.append(StreamEvent(usage=read_usage(usage, complete=bool(usage))))
        if self._raw:
            self.stopped = self._reason()
            self.end()
            self.finished = True

    def _read_whole(self, body: Json) -> None:
        self._check_not_spliced(self._has_blocks)
        response = read_response(body)
        self.read_whole(response, body)
        self.stopped, self.finished = response.finish_reason, True

    def _check_not_spliced(self, spliced: bool) -> None:
        if spliced:
            raise NoAnswerError("two answers are spliced: a message begins before the last one has ended")

    # --- the blocks of the answer ----------------------------------------------------------------

    def _begin(self, body: Json) -> None:
        index = count(body.get("contentBlockIndex"), "contentBlockIndex")
        self._raw = ""  # what follows a stop reason cancels it
        self._end_before(index)
        block = self._blocks[index] = Block(entry(body.get("start"), "start"))
        self._has_blocks = True
        tool = entry(block.start.get("toolUse"), "toolUse")
        if tool and not is_of_server(tool):
            self._begin_call(block, tool)

    def _end_before(self, index: object) -> None:
        """End the blocks whose end event was omitted; calls of tools may be interleaved."""
        for other, block in list(self._blocks.items()):
            if other == index or not block.is_call:
                self._end(other)

    def _begin_call(self, block: Block, tool: Json) -> None:
        block.is_call = True
        if (name := tool_name(text(tool.get("name"), "name"))) is not None:
            block.number, self._calls = self._calls, self._calls + 1
            self.answered = True
            call = ToolCallDelta(block.number, label(tool.get("toolUseId")) or new_call_id(), name)
            self.events.append(StreamEvent(tool_call=self.called(call)))

    def _add(self, body: Json) -> None:
        delta = entry(body.get("delta"), "delta")
        self._raw = ""  # as in `_begin`
        if words := text(delta.get("text"), "text"):  # a block of text has no start
            self._has_blocks = True
            self._pass_to(body.get("contentBlockIndex")).pieces.append(words)
            self.add_text(words)
            return
        if "citation" in delta:
            self._pass_to(body.get("contentBlockIndex")).sources.append(delta["citation"])
            return
        index = count(body.get("contentBlockIndex"), "contentBlockIndex")
        block = self._blocks.get(index)
        if block is None:
            if "toolUse" in delta:
                raise NoAnswerError("the answer continues a tool call that has not begun")
            block = self._blocks[index] = Block({})
            self._has_blocks = True
        if block.is_call:
            arguments = read_arguments(entry(delta.get("toolUse"), "toolUse").get("input"))
            if block.number is not None and arguments:
                self.events.append(StreamEvent(tool_call=ToolCallDelta(block.number, arguments=arguments)))
        elif thoughts := block.add(delta):
            self.events.append(StreamEvent(reasoning=thoughts))

    def _pass_to(self, index: object) -> Passage:
        """The block of text at that index; the one before it is complete if it is another."""
        passage = self._passage
        if passage.index != index:
            self._end_before(index)
            self.details.citations += passage.citations
            passage = self._passage = Passage(index)
        return passage

    def _end(self, index: int) -> None:
        block = self._blocks.pop(index, None)
        if block is not None and not block.is_call and (whole := block.whole()):
            self.events.append(StreamEvent(parts=[self.native(CONVERSE, whole)]))
