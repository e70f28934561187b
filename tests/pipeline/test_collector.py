"""The steps of a stream, put together again."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from ranvier import FinishReason, Message, Native, Response, StreamEvent, Text, ToolCall, ToolCallDelta, Usage
from ranvier.messages.collector import Collector, steps_of


def collected(*events: StreamEvent) -> Collector:
    collector = Collector()
    for event in events:
        collector.add(event)
    return collector


def call(index: int, arguments: str = "", *, id: str | None = None, name: str | None = None) -> StreamEvent:
    return StreamEvent(tool_call=ToolCallDelta(index, id, name, arguments))


def test_nothing_is_an_answer_without_a_finish_reason() -> None:
    """At any moment there is a response for what has come."""
    response = Collector().response("one", "m")
    assert (response.text, response.finish_reason, response.tool_calls) == ("", None, ())
    assert (response.provider, response.model, response.id) == ("one", "m", None)
    assert response.usage == Usage(complete=False)
    assert not Collector().finished


def test_parts_keep_the_order_in_which_they_began() -> None:
    """Words around a tool call stay around it, which some providers insist on in the history."""
    native = Native("one", {"signature": "s"})
    response = collected(
        StreamEvent(text="Let me "),
        StreamEvent(text="see."),
        call(0, '{"at"', id="c1", name="look"),
        StreamEvent(text="And"),
        call(0, ': "it"}'),
        StreamEvent(parts=[native]),
        StreamEvent(text=" so."),
    ).response("one", "m")
    look = ToolCall("c1", "look", {"at": "it"})
    assert response.parts == (Text("Let me see."), look, Text("And"), native, Text(" so."))
    assert (response.text, response.tool_calls) == ("Let me see.And so.", (look,))
    assert response.message == Message("assistant", response.parts)


def test_what_belongs_to_a_call_comes_with_whichever_fragment() -> None:
    """The last word on it counts, and an answer that is taken apart keeps it."""
    native = Native("one", {"extra_content": 1})
    response = collected(
        call(0, "{", id="c1", name="look"),
        StreamEvent(tool_call=ToolCallDelta(0, arguments="}", native=native)),
        call(1, "{}", id="c2", name="look"),
    ).response("one", "m")
    assert [each.native for each in response.tool_calls] == [native, None]
    again = collected(*steps_of(response)).response("one", "m")
    assert [each.native for each in again.tool_calls] == [native, None]


def test_tool_calls_may_come_interleaved() -> None:
    """Fragments belong together by their index; the first id and name count."""
    response = collected(
        call(0, id="c1", name="look"),
        call(1, '{"b": 1', id="c2", name="ask"),
        call(0, '{"a": 0}', id="again", name="again"),
        call(1, "}"),
    ).response("one", "m")
    assert response.tool_calls == (ToolCall("c1", "look", {"a": 0}), ToolCall("c2", "ask", {"b": 1}))


def test_a_tool_call_that_was_cut_or_has_no_id_is_still_told() -> None:
    """What the model wrote is kept as `invalid`; a missing id is made up, the same every time."""
    collector = collected(call(3, '{"at": "i', name="look"))
    assert collector.response("one", "m").tool_calls == (ToolCall("call_3", "look", {}, '{"at": "i'),)
    assert collector.response("one", "m") == collector.response("one", "m")


def test_the_last_usage_model_and_finish_reason_count_and_the_first_id() -> None:
    """Usage grows while it streams; a finish reason may come early, or again."""
    collector = collected(
        StreamEvent(id="m1", model="asked", usage=Usage(3, 0, 3, complete=False)),
        StreamEvent(reasoning="hm "),
        StreamEvent(reasoning="so", model="answered", skipped=1),
        StreamEvent(finish_reason=FinishReason.LENGTH, raw_finish_reason="max_tokens"),
        StreamEvent(
            usage=Usage(3, 9, 12), finish_reason=FinishReason.STOP, id="m2", raw_finish_reason="x", skipped=2
        ),
    )
    response = collector.response("one", "m")
    assert collector.finished
    assert (response.id, response.model, response.reasoning) == ("m1", "answered", "hm so")
    assert (response.finish_reason, response.raw_finish_reason) == (FinishReason.STOP, "x")
    assert (response.usage, collector.skipped) == (Usage(3, 9, 12), 3)


def test_an_answer_taken_apart_comes_together_as_it_was() -> None:
    """In the order of its parts: what only one provider understands may have to stand first."""
    parts = (
        Native("one", {"signature": "s"}), Text("Let me see."), ToolCall("c1", "look", {"at": "it"}),
        Text("And"), ToolCall("c2", "cut", invalid='{"a'),
    )  # fmt: skip  # because: it is one answer
    calls = tuple(part for part in parts if isinstance(part, ToolCall))
    whole = Response(
        "Let me see.And",
        calls,
        "hm",
        FinishReason.LENGTH,
        "max_tokens",
        Usage(1, 2, 3),
        "m",
        "one",
        "m1",
        parts=parts,
    )
    assert collected(*steps_of(whole)).response("one", "m") == whole
    plain = collected(*steps_of(Response("words", calls))).response("one", "m")
    assert (plain.text, plain.tool_calls, plain.finish_reason) == ("words", calls, FinishReason.STOP)


@given(
    words=st.lists(st.text(min_size=1)),
    arguments=st.dictionaries(st.text(), st.integers()),
    cuts=st.lists(st.integers(0, 200)),
)
def test_however_an_answer_is_cut_into_steps_it_comes_out_whole(
    words: list[str], arguments: dict[str, int], cuts: list[int]
) -> None:
    """Text and arguments add up to what they were, wherever the pieces were cut."""
    text = json.dumps(arguments)
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    events = [StreamEvent(text=word) for word in words] + [call(0, id="c", name="f")]
    response = collected(*events, *(call(0, piece) for piece in pieces)).response("one", "m")
    assert response.text == "".join(words)
    assert response.tool_calls == (ToolCall("c", "f", arguments),)
