"""The words of vendors for why a model stopped, which gateways hand on over the wires of others."""

from typing import Any

import httpx
import pytest

from ranvier.errors import ContentFilterError
from ranvier.messages import FinishReason
from support.providers.five_wires import WIRES
from support.providers.seven import collected
from support.providers.worded import worded

STOP, LENGTH, FILTER, OTHER = (
    FinishReason.STOP,
    FinishReason.LENGTH,
    FinishReason.CONTENT_FILTER,
    FinishReason.OTHER,
)

WORDS = {
    **dict.fromkeys(("stop", "STOP", "end_turn", "stop_sequence", "eos"), STOP),
    **dict.fromkeys(("length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_length"), LENGTH),
    **dict.fromkeys(("model_context_window_exceeded",), LENGTH),
    **dict.fromkeys(("content_filter", "SAFETY", "content_filter: SAFETY", "refusal", "sensitive"), FILTER),
    **dict.fromkeys(("guardrail_intervened", "content_filtered", "PROHIBITED_CONTENT"), FILTER),
    **dict.fromkeys(("pause_turn", "LANGUAGE", "something else"), OTHER),
}
"""What each word means, on whatever wire it comes."""

each_wire = pytest.mark.parametrize("name", WIRES)
each_word = pytest.mark.parametrize("word", WORDS)


@each_wire
@each_word
async def test_a_word_means_the_same_on_every_wire(ask: Any, name: str, word: str) -> None:
    """Whole and streamed, in whatever case it is written."""
    wire = WIRES[name]
    async with ask(wire.kind, httpx.Response(200, json=worded(name, wire.whole("Hi"), word))) as server:
        whole = await server.complete(model="m")
    content = wire.written(worded(name, wire.pieces("Hi"), word))
    async with ask(wire.kind, httpx.Response(200, content=content)) as server:
        streamed = collected(await server.stream(model="m"))
    for answer in (whole, streamed):
        assert (answer.text, answer.finish_reason, answer.raw_finish_reason) == ("Hi", WORDS[word], word)


@each_wire
@pytest.mark.parametrize("word", ["stop", "end_turn", "STOP", "tool_calls", "tool_use", None, ""])
async def test_calls_are_the_reason_whatever_the_word_is(ask: Any, name: str, word: Any) -> None:
    """Also where there is none, in a whole answer."""
    wire, calls = WIRES[name], (("a", "look", {}),)
    async with ask(wire.kind, httpx.Response(200, json=worded(name, wire.whole("", calls), word))) as server:
        answer = await server.complete(model="m")
    if name == "responses" and not word:  # which is a reason of its own: `incomplete`
        return
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    if word:
        content = wire.written(worded(name, wire.pieces("", calls), word))
        async with ask(wire.kind, httpx.Response(200, content=content)) as server:
            assert collected(await server.stream(model="m")).finish_reason is FinishReason.TOOL_CALLS


@each_wire
@pytest.mark.parametrize("word", [word for word, meaning in WORDS.items() if meaning is FILTER])
async def test_a_filter_that_leaves_nothing_is_an_error(ask: Any, name: str, word: str) -> None:
    """The error says which one it was."""
    wire = WIRES[name]
    async with ask(wire.kind, httpx.Response(200, json=worded(name, wire.whole(""), word))) as server:
        with pytest.raises(ContentFilterError, match=f"stopped by the content filter: {word}"):
            await server.complete(model="m")
    content = wire.written(worded(name, wire.pieces(""), word))
    async with ask(wire.kind, httpx.Response(200, content=content)) as server:
        with pytest.raises(ContentFilterError, match=f"stopped by the content filter: {word}"):
            await server.stream(model="m")


@each_wire
async def test_an_unknown_word_without_content_is_an_empty_answer(ask: Any, name: str) -> None:
    """So that another target is asked; Gemini's other words are errors then."""
    wire = WIRES[name]
    if name == "gemini":
        return
    async with ask(wire.kind, httpx.Response(200, json=worded(name, wire.whole(""), "odd"))) as server:
        assert (await server.complete(model="m")).empty
    content = wire.written(worded(name, wire.pieces(""), "odd"))
    async with ask(wire.kind, httpx.Response(200, content=content)) as server:
        assert collected(await server.stream(model="m")).empty


@pytest.mark.parametrize("index", ["0", 0.0, None])
@pytest.mark.parametrize(("name", "field"), [("openai", "choices"), ("gemini", "candidates")])
async def test_the_index_of_the_only_choice_has_any_type(ask: Any, name: str, field: str, index: Any) -> None:
    """Its words and its finish reason are not taken for those of another one."""
    wire = WIRES[name]
    pieces = wire.pieces("hello")
    for piece in pieces:
        piece[field][0]["index"] = index
    async with ask(wire.kind, httpx.Response(200, content=wire.written(pieces))) as server:
        answer = collected(await server.stream(model="m"))
    assert (answer.text, answer.finish_reason) == ("hello", STOP)
