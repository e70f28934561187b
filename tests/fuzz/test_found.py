"""What fuzzing has found, each by its name: it stays found."""

import json
from typing import Any

import pytest

from ranvier.errors import ProviderError
from ranvier.messages import Native, Response, ToolCall
from ranvier.providers._reading.forms import ObjectDecoder
from support.fuzz.reading import assert_goes_back, outcome


def test_a_character_that_nobody_can_print_is_not_shown() -> None:
    """A code point that no alphabet has yet is no space and no control character either."""
    error = outcome("anthropic", [b"\xde\xb2"], streamed=False)
    assert isinstance(error, ProviderError)
    assert error.body_preview == "\ufffd"


@pytest.mark.parametrize("size", [1, 700, 1999, 5000])
def test_the_title_of_a_page_does_not_depend_on_the_cuts(size: int) -> None:
    """The page is judged by its start alone, however much of it has come by then."""
    page = b"<html>" + b" " * 1995 + b"<title>Bad gateway</title>"
    pieces = [page[begin : begin + size] for begin in range(0, len(page), size)]
    assert "a page of HTML: a page of HTML" in str(outcome("openai", pieces, streamed=True))


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "ollama"])
def test_the_id_of_a_request_may_be_a_key(provider: str) -> None:
    """A server that repeats the key in that header, of an answer that is none, does not have it shown."""
    for streamed in (False, True):
        headers = {"x-request-id": f"for sk-fuzz{'x' * 200}"}
        error = outcome(provider, [b"{"], streamed=streamed, headers=headers)
        assert isinstance(error, ProviderError)
        assert error.request_id is not None
        assert error.request_id.startswith("for ***x")
        assert len(error.request_id) == 80


def test_a_reason_is_one_line_and_not_longer_than_a_line() -> None:
    """Whatever stands where the word for a reason belongs, an error quotes little of it."""
    reason = "x\n\x1b[31m" * 1000
    for body in (
        {"candidates": [{"finishReason": reason}]},
        {"promptFeedback": {"blockReason": reason}},
        {"promptFeedback": {"blockReason": [reason]}},
    ):
        error = outcome("gemini", [json.dumps(body).encode()], streamed=False)
        assert isinstance(error, ProviderError)
        assert str(error).isprintable()
        assert len(str(error)) < 320


def test_a_refusal_is_one_line() -> None:
    """The words of a model that refuses are words of a provider, too."""
    choice = {
        "message": {"content": None, "refusal": "no\r\nWARNING all is well\u202e"},
        "finish_reason": "stop",
    }
    error = outcome("openai", [json.dumps({"choices": [choice]}).encode()], streamed=False)
    assert str(error) == "fuzz/m: stopped by the content filter: no WARNING all is well"


def test_thoughts_in_pieces_are_whole_again_in_their_order() -> None:
    """Thousands of pieces, joined once at their end, are what they were when each was added to the last."""
    pieces: list[dict[str, Any]] = [
        {"type": "reasoning.text", "index": 0, "text": "a", "signature": None},
        {"type": "reasoning.text", "index": 0, "text": "b"},
        {"type": "reasoning.text", "index": 0, "text": None, "signature": "s"},
        {"type": "reasoning.text", "text": "c"},
        {"type": "reasoning.text", "text": "d"},
        {"type": "reasoning.encrypted", "index": 1, "data": "e"},
        {"type": "reasoning.encrypted", "index": 1, "data": "f"},
    ]
    events = [{"choices": [{"delta": {"reasoning_details": [piece]}}]} for piece in pieces]
    events.append({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]})  # type: ignore[dict-item]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    answer = outcome("openrouter", [body], streamed=True)
    assert isinstance(answer, Response)
    (thoughts,) = [part.data for part in answer.parts if isinstance(part, Native)]
    assert thoughts["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "ab", "signature": "s"},
        {"type": "reasoning.text", "text": "c"},
        {"type": "reasoning.text", "text": "d"},
        {"type": "reasoning.encrypted", "index": 1, "data": "ef"},
    ]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_is_none_does_not_spoil_the_history(number: str) -> None:
    """Python reads NaN and writes it, and no provider takes it: an answer that holds one can go back."""
    part = f'{{"text": "x", "thoughtSignature": {number}, "more": [{number}]}}'
    parts = f'{{"parts": [{part}, {{"code": {number}}}]}}'
    body = f'{{"candidates": [{{"content": {parts}, "finishReason": "STOP"}}]}}'
    answer = outcome("gemini", [body.encode()], streamed=False)
    assert isinstance(answer, Response)
    assert answer.text == "x"
    assert_goes_back(answer)


@pytest.mark.parametrize("arguments", ['{"x": NaN}', '{"x": [-Infinity]}', '{"x": 1e999}', '{"x": -1e999}'])
def test_arguments_that_no_wire_takes_back_are_invalid(arguments: str) -> None:
    """A model that writes such a number has written no JSON: it is told so, and its history goes on."""
    call = ToolCall.parse("a", "f", arguments)
    assert (call.arguments, call.invalid) == ({}, arguments)
    assert_goes_back(Response(tool_calls=(call,)))


@pytest.mark.parametrize("at", range(1, 12))
def test_a_backslash_outside_of_a_string_escapes_nothing(at: int) -> None:
    """Wherever the body is cut."""
    content = rb'\{"a": "\\"}\{}'
    decoder = ObjectDecoder()
    events = [*decoder.feed(content[:at]), *decoder.feed(content[at:]), *decoder.finish()]
    assert [event for event, _ in events] == [rb'{"a": "\\"}', b"{}"]
