"""What comes in pieces is put together the same way, whatever the pieces are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.messages import FinishReason, Native, Response, StreamEvent, ToolCallDelta, Usage
from ranvier.pipeline.collector import Collector, steps_of
from ranvier.providers._forms import ObjectDecoder
from ranvier.providers._sse import Decoder, LineDecoder, OversizedEventError, SseDecoder, WireEvent
from support.fuzz.fuzzing import tried
from support.fuzz.mutating import BYTES, cut, places

KINDS = (SseDecoder, LineDecoder, ObjectDecoder)
LINES = [
    b"data: x\n",
    b"data:\n",
    b"data: {\r\n",
    b"\n",
    b"\r",
    b"\r\n",
    b": c\n",
    b"event: e\n",
    b"event:error\r",
]
streams = st.lists(st.sampled_from([*LINES, *BYTES]) | st.binary(max_size=8), max_size=30).map(b"".join)


def decoded(decoder: Decoder, pieces: Any) -> list[WireEvent]:
    """All events of a body."""
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.finish()]


@tried(100)
@given(streams, places)
def test_events_are_the_same_however_a_stream_is_cut(content: bytes, at: list[float]) -> None:
    """Of any bytes, with line endings and fields of any kind among them."""
    for kind in KINDS:
        whole = decoded(kind(), [content])
        assert decoded(kind(), cut(content, at)) == whole
        assert all(event for event, _ in whole)


@tried(100)
@given(streams, places, st.integers(1, 40))
def test_no_event_is_longer_than_the_limit(content: bytes, at: list[float], limit: int) -> None:
    """Of any bytes, by any limit: what comes out fits, and what does not is refused."""
    for kind in KINDS:
        for pieces in ([content], cut(content, at)):
            decoder, events = kind(limit=limit), []
            try:
                for piece in pieces:
                    events += decoder.feed(piece)
                events += decoder.finish()
            except OversizedEventError:
                pass
            assert all(len(event) <= limit for event, _ in events)


deltas = st.builds(
    ToolCallDelta,
    st.integers(-2, 4) | st.just(10**30),
    st.none() | st.sampled_from(["", "a", "b", "\ud800"]),
    st.none() | st.sampled_from(["", "f", "g"]),
    st.sampled_from(
        ["", "{", "}", '{"x":', "1", "}", "[]", "null", '"\\ud800"', "NaN", "9" * 5000, "[" * 5000]
    ),
)
steps = st.builds(
    StreamEvent,
    text=st.text(max_size=5),
    reasoning=st.text(max_size=5),
    tool_call=st.none() | deltas,
    finish_reason=st.none() | st.sampled_from(FinishReason),
    usage=st.none() | st.just(Usage(1, 2, 3)),
    raw_finish_reason=st.none() | st.just("raw"),
    id=st.none() | st.text(min_size=1, max_size=3),
    model=st.none() | st.text(max_size=3),
    parts=st.just(()) | st.just((Native("openai", {"x": 1}),)),
    skipped=st.integers(0, 2),
)


def collected(events: Any) -> Response:
    """What steps add up to."""
    collector = Collector()
    for event in events:
        collector.add(event)
        collector.response("provider", "model")
    return collector.response("provider", "model")


@tried(100)
@given(st.lists(steps, max_size=12))
def test_steps_in_any_order_add_up_to_an_answer(events: list[StreamEvent]) -> None:
    """Nothing of it is lost, and every call that names a tool is one, whatever its arguments are."""
    answer = collected(events)
    assert answer.text == "".join(event.text for event in events)
    assert answer.reasoning == "".join(event.reasoning for event in events)
    asked = [event.tool_call for event in events if event.tool_call is not None]
    assert len(answer.tool_calls) == len({delta.index for delta in asked if delta.name})
    for call in answer.tool_calls:
        assert call.id
        assert isinstance(call.arguments, dict)
        assert call.invalid is None or not call.arguments


@tried(100)
@given(st.lists(steps, max_size=12))
def test_an_answer_in_steps_is_the_same_answer(events: list[StreamEvent]) -> None:
    """Taken apart and put together again; but for runs of words, which come as one."""
    answer = collected(events)
    assert repr(collected(steps_of(answer))) == repr(answer)  # which tells NaN from nothing


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_no_event(kind: type[Decoder]) -> None:
    """An empty body has none."""
    assert decoded(kind(), []) == []
