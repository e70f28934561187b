"""Reads a streamed response of the Responses API."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from ranvier.messages.native import RESPONSES
from ranvier.messages.response import StreamEvent, ToolCallDelta
from ranvier.providers._reading.reading import (
    Json,
    NoAnswerError,
    count,
    entry,
    label,
    text,
)
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers.chat_completions.fragments import read_arguments, tool_name
from ranvier.providers.responses.answer import (
    BETWEEN_THOUGHTS,
    LAST,
    OF_TEXT,
    call_id_of,
    kind_of,
    last_status,
    note_end,
    note_message,
    output_of,
    phase_of,
    read_response,
    read_usage,
    refusal_of,
    stop_of,
    thoughts_of,
    words_of,
)
from ranvier.providers.responses.item import Item


class EventReader(AnswerReader):
    """Reads the events of one streamed response.

    The whole of an item follows its pieces, and the whole response follows its items. They fill in what did
    not come in pieces, and show whether a piece was lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self._items: list[Item] = []
        self._latest: dict[tuple[Hashable, str], Item] = {}  # by place, if it is known, and type
        self._id: str | None = None
        self._calls = 0
        self._refusal: list[str] = []
        self._paragraph: Hashable = None  # the paragraph of reasoning that came last

    def read(self, body: Json) -> None:
        """Read one event; those of other types do not matter."""
        kind = body.get("type")
        if isinstance(kind, str) and (reader := _READERS.get(kind)) is not None:
            reader(self, body)
        elif body.get("object") == "response":  # a complete answer, from a server that does not stream
            self._read_whole(body)

    # --- the response ----------------------------------------------------------------------------

    def _created(self, body: Json) -> None:
        """Begin the response; proxies may repeat this event, but only before anything else."""
        response = entry(body.get("response"), "response")
        given = label(response.get("id"))
        if self._items and given != self._id:
            raise NoAnswerError("two answers are spliced: a response begins before the last one has ended")
        self._id = given
        self.events.append(StreamEvent(id=given, model=label(response.get("model"))))

    def _read_whole(self, body: Json) -> None:
        if self._items:
            raise NoAnswerError("two answers are spliced: a whole response follows pieces of another")
        response = read_response(body)
        self.read_whole(response, body)
        self.stopped, self.finished = response.finish_reason, True

    def _last(self, body: Json) -> None:
        """Read the event that ends the response, and holds the whole of it."""
        response = entry(body.get("response"), "response")
        status = last_status(body["type"], response)
        if status != "failed":
            self._fill_in(output_of(response, answered=self.answered))
        given, model = label(response.get("id")), label(response.get("model"))
        event = StreamEvent(usage=read_usage(response.get("usage")), id=given, model=model)
        self.events.append(event)  # whatever the finish reason is: the tokens are paid
        refusal = "".join(self._refusal)
        raw = stop_of(response, status)
        self.stopped = self.reason(raw, calls_tools=self._calls > 0, refusal=refusal)
        note_end(self.details, response, refusal)
        self.whole = response
        self.end()
        event.finish_reason, event.raw_finish_reason = self.stopped, raw or None
        self.finished = True

    def _fill_in(self, output: list[Json]) -> None:
        """Add the items, or the ends of items, that did not come before.

        Proxies number items anew, or leave some out, so the items of each type are matched in their order.
        """
        streamed: dict[str, deque[Item]] = {}
        for item in self._items:
            streamed.setdefault(item.kind, deque()).append(item)
        for whole in output:
            kind = kind_of(whole)
            self._end(streamed[kind].popleft() if streamed.get(kind) else self._new(kind), whole)
        for item in self._items:
            if not (item.ended or item.pieces):
                self._add_arguments(item, item.given)

    # --- its items -------------------------------------------------------------------------------

    def _item(self, body: Json, kind: str, *, begins: bool = False) -> Item:
        """The item that an event is about; a server that tells no place sends one item after the other."""
        index, inner = body.get("output_index"), body.get("item")
        name = body.get("item_id") if inner is None else entry(inner, "item").get("id")
        place = label(name) if index is None else count(index, "output_index")
        item = self._latest.get((place, kind))
        if item is None or (place is None and (item.ended or (begins and item.begun))):
            item = self._new(kind)
            self._latest.update(((each, kind), item) for each in (place, label(name), None))
        return item

    def _new(self, kind: str) -> Item:
        self._items.append(item := Item(kind))
        return item

    def _added(self, body: Json) -> None:
        start = entry(body.get("item"), "item")
        given, item = label(start.get("id")), self._item(body, kind_of(start), begins=True)
        if item.ended and item.id != given:  # some servers give every item the same place
            item, ended = self._new(item.kind), item
            self._latest.update((place, item) for place, each in self._latest.items() if each is ended)
        item.id = item.id or given
        if item.kind == "function_call":
            item.given = read_arguments(start.get("arguments"))
        self._begin(item, start)

    def _done(self, body: Json) -> None:
        whole = entry(body.get("item"), "item")
        self._end(self._item(body, kind_of(whole)), whole)

    def _begin(self, item: Item, start: Json) -> None:
        if item.begun:
            return
        if item.kind == "function_call":
            self._begin_call(item, start)
            return
        item.begun = True
        if item.kind == "message" and not item.pieces and (phase := phase_of(start)):
            self.events.append(StreamEvent(parts=[self.native(RESPONSES, phase)]))

    def _begin_call(self, item: Item, start: Json) -> None:
        if (name := tool_name(text(start.get("name"), "name"))) is not None:
            item.begun, item.number, self._calls = True, self._calls, self._calls + 1
            self.answered = True
            call = ToolCallDelta(item.number, call_id_of(start), name, "".join(item.pieces))
            self.events.append(StreamEvent(tool_call=self.called(call)))

    def _end(self, item: Item, whole: Json) -> None:
        if item.ended:
            return
        self._begin(item, whole)
        item.ended = True
        if item.kind == "message":
            self._add_words(item, item.rest(words_of(whole)))
            if not item.refused:
                self._refusal.append(refusal_of(whole))
            note_message(self.details, whole)
        elif item.kind == "function_call":
            self._add_arguments(item, item.rest_of_arguments(read_arguments(whole.get("arguments"))))
        elif item.kind:
            if item.kind == "reasoning" and not item.pieces:
                for number, thought in enumerate(thoughts_of(whole)):
                    self._reason((id(item), number), thought)
            self.events.append(StreamEvent(parts=[self.native(RESPONSES, whole)]))

    # --- the pieces of items ---------------------------------------------------------------------

    def _words(self, body: Json) -> None:
        self._add_words(self._item(body, "message"), text(body.get("delta"), "delta"))

    def _add_words(self, item: Item, words: str) -> None:
        item.pieces.append(words)
        self.add_text(words)

    def _refuses(self, body: Json) -> None:
        self._item(body, "message").refused = True
        self._refusal.append(text(body.get("delta"), "delta"))

    def _arguments(self, body: Json) -> None:
        self._add_arguments(self._item(body, "function_call"), read_arguments(body.get("delta")))

    def _add_arguments(self, item: Item, arguments: str) -> None:
        item.pieces.append(arguments)
        if item.number is not None and arguments:
            self.events.append(StreamEvent(tool_call=ToolCallDelta(item.number, arguments=arguments)))

    def _whole_words(self, body: Json) -> None:
        """Read the end of a text, a refusal or a part, from a server that has sent no pieces of it."""
        part = entry(body.get("part"), "part") or body
        if part.get("type") in (*OF_TEXT, "response.output_text.done"):
            item = self._item(body, "message")
            if not (item.pieces or item.ended):
                self._add_words(item, text(part.get("text"), "text"))
        elif part.get("type") in ("refusal", "response.refusal.done"):
            item = self._item(body, "message")
            if not (item.refused or item.ended):
                item.refused = True
                self._refusal.append(text(part.get("refusal"), "refusal"))

    def _whole_arguments(self, body: Json) -> None:
        """Read the end of arguments, which may come without pieces, and without the end of the item."""
        item = self._item(body, "function_call")
        if not (item.pieces or item.ended):
            self._add_arguments(item, read_arguments(body.get("arguments")))

    def _thought(self, body: Json) -> None:
        item, thought = self._item(body, "reasoning"), text(body.get("delta"), "delta")
        item.pieces.append(thought)
        index = count(body.get("summary_index", body.get("content_index")), "the index of a paragraph")
        self._reason((id(item), body["type"], index), thought)

    def _reason(self, paragraph: Hashable, thought: str) -> None:
        if thought:
            between = BETWEEN_THOUGHTS if self._paragraph not in (None, paragraph) else ""
            self._paragraph = paragraph
            self.events.append(StreamEvent(reasoning=between + thought))


_READERS: Final[dict[str, Callable[[EventReader, Json], None]]] = {
    "response.output_text.delta": EventReader._words,
    "response.refusal.delta": EventReader._refuses,
    "response.function_call_arguments.delta": EventReader._arguments,
    "response.output_text.done": EventReader._whole_words,
    "response.content_part.done": EventReader._whole_words,
    "response.refusal.done": EventReader._whole_words,
    "response.function_call_arguments.done": EventReader._whole_arguments,
    "response.reasoning_summary_text.delta": EventReader._thought,
    "response.reasoning_text.delta": EventReader._thought,
    "response.output_item.added": EventReader._added,
    "response.output_item.done": EventReader._done,
    "response.created": EventReader._created,
    **dict.fromkeys(LAST, EventReader._last),
}
"""The events that matter; the others repeat what these hold, or report progress."""
