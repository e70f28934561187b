"""Events come out of bytes the same way wherever the network cuts them."""

import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.providers._reading.sse import Decoder, LineDecoder, OversizedEventError, SseDecoder, WireEvent


def decoded(decoder: Decoder, *chunks: bytes) -> list[WireEvent]:
    """All events of a body that arrives in chunks."""
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.finish()]


def data(decoder: Decoder, *chunks: bytes) -> list[bytes]:
    """The data of all events."""
    return [event for event, _ in decoded(decoder, *chunks)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_event_ends_at_an_empty_line(end: bytes) -> None:
    """Events are ended by an empty line, whatever the line ending is."""
    body = end.join([b"event: a", b"data: one", b"", b"data: two", b"", b""])
    assert decoded(SseDecoder(), body) == [(b"one", "a"), (b"two", "")]


def test_several_data_lines_are_joined() -> None:
    """Several data lines are one event, joined by a line feed."""
    assert data(SseDecoder(), b"data: a\ndata:\ndata: b\n\n") == [b"a\n\nb"]


def test_only_one_space_is_optional() -> None:
    """One space after the colon is optional; a second one is content."""
    assert data(SseDecoder(), b"data:a\n\ndata: b\n\ndata:  c\n\n") == [b"a", b"b", b" c"]


def test_what_is_no_event_is_passed_over() -> None:
    """Comments, ids, empty data, unknown fields and a byte order mark give no event."""
    body = b"\xef\xbb\xbf: hello\n\nid: 7\nretry: 10\nwhat: ever\n\ndata:\n\ndata: x\n\n"
    assert data(SseDecoder(), body) == [b"x"]
    assert data(SseDecoder(), b": hello\n\n", b"data: \n\n", b"data:\n\n", b"data: x\n\n") == [b"x"]


def test_a_byte_order_mark_before_data_is_passed_over() -> None:
    """A byte order mark does not hide the first event, nor does one that is cut."""
    assert data(SseDecoder(), b"\xef\xbb", b"\xbfdata: x\n\n") == [b"x"]


def test_the_last_event_needs_no_line_ending() -> None:
    """A body that ends in the middle of its last event gives what it has."""
    assert data(SseDecoder(), b"data: a\n\ndata: b") == [b"a", b"b"]
    assert data(SseDecoder(), b"data: a\n\ndata: b\n") == [b"a", b"b"]


def test_bare_json_is_an_event() -> None:
    """JSON that stands in a stream without a field is data, over several lines too, or before other data."""
    error = b'{\n  "error": {"code": 429}\n}'
    assert data(SseDecoder(), b"data: a\n\n", error) == [b"a", error]
    assert data(SseDecoder(), b'{"error": 1}\ndata: a\n\n') == [b'{"error": 1}', b"a"]


def test_lines_of_json_are_events() -> None:
    """Every line that is not empty is an event, the last one without an ending too."""
    assert data(LineDecoder(), b'{"a":1}\n\n{"b":', b'2}\r\n{"c":3}') == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


@pytest.mark.parametrize("decoder", [SseDecoder, LineDecoder])
@pytest.mark.parametrize("whole", [True, False])
def test_an_endless_event_is_refused(decoder: type[Decoder], whole: bool) -> None:
    """An event above the limit is refused, whether it comes at once or by and by, and never held."""
    content = b"data: " + b"x" * 300 + b"\n\n"
    pieces = [content] if whole else [content[i : i + 7] for i in range(0, len(content), 7)]
    with pytest.raises(OversizedEventError):
        decoded(decoder(limit=200), *pieces)


def test_many_small_data_lines_are_one_event_to_the_limit() -> None:
    """The limit holds for an event of many short lines."""
    with pytest.raises(OversizedEventError):
        decoded(SseDecoder(limit=100), b"data: x\n" * 80)


def test_many_events_within_the_limit_pass() -> None:
    """The limit is for one event, not for the stream."""
    assert len(data(SseDecoder(limit=20), *[b"data: 0123", b"456\n", b"\n"] * 50)) == 50


events = st.lists(
    st.text(max_size=20).map(lambda words: json.dumps({"t": words}, ensure_ascii=False)), max_size=8
)


@given(events, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.randoms())
def test_cuts_change_nothing(texts: list[str], end: bytes, dice: random.Random) -> None:
    """Cuts at any place, inside a character or a line ending too, give the same events."""
    body = b"".join(b"data: " + words.encode() + end + b": ping" + end + end for words in texts)
    cuts = sorted(dice.choices(range(len(body) + 1), k=12))
    pieces = [body[i:j] for i, j in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    expected = [words.encode() for words in texts]
    assert data(SseDecoder(), *pieces) == data(SseDecoder(), *[bytes([byte]) for byte in body]) == expected


@given(events, st.sampled_from([b"\n", b"\r\n"]), st.randoms())
def test_cuts_change_no_lines(texts: list[str], end: bytes, dice: random.Random) -> None:
    """Lines of JSON come out whole whatever the cuts."""
    body = b"".join(words.encode() + end for words in texts)
    cuts = sorted(dice.choices(range(len(body) + 1), k=12))
    pieces = [body[i:j] for i, j in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert data(LineDecoder(), *pieces) == [words.encode() for words in texts]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_no_bytes_break_a_decoder(chunks: list[bytes]) -> None:
    """Whatever arrives, a decoder gives events and never raises."""
    decoded(SseDecoder(), *chunks)
    decoded(LineDecoder(), *chunks)


@pytest.mark.parametrize("decoder", [SseDecoder, LineDecoder])
def test_the_work_grows_with_the_bytes_alone(decoder: type[Decoder]) -> None:
    """One long event, byte by byte, costs twice as much where it is twice as long, not four times."""

    def seconds(size: int) -> float:
        body, began = b"data: " + b"x" * size + b"\n\n", time.thread_time()
        fed = decoder()
        for place in range(len(body)):
            fed.feed(body[place : place + 1])
        return time.thread_time() - began

    seconds(1000)
    assert min(seconds(80_000) for _ in range(3)) < 8 * min(seconds(20_000) for _ in range(3))


def test_the_work_grows_with_the_lines_alone() -> None:
    """Also of one event of many lines, each of which might begin another."""

    def seconds(lines: int) -> float:
        body, began = b'data: {"a": x}\n' * lines, time.thread_time()
        SseDecoder().feed(body)
        return time.thread_time() - began

    seconds(1000)
    assert min(seconds(40_000) for _ in range(3)) < 8 * min(seconds(10_000) for _ in range(3))
