"""Characters of which two halves come in two events, or one half alone: every text can be encoded."""

import json
from typing import Any

import httpx
import pytest

from ranvier.messages import FinishReason, Native, Response, StreamEvent, ToolCall, ToolCallDelta
from ranvier.providers import Anthropic, FunctionProvider
from ranvier.providers._reading.halves import Halves
from support.providers.asking import Asked, FakePipeline, opened
from support.providers.bedrock_apis import reworded
from support.providers.openai_apis import Chat
from support.providers.seven import APIS, body, collected

FIRST, SECOND = rb"\ud83d", rb"\ude00"


def halved(name: str, first: bytes = FIRST, second: bytes = SECOND) -> bytes:
    """A good stream of a wire, with halves in its words and in its thoughts."""
    return reworded(body(name, "answer.stream"), lambda stream: _halved(stream, first, second))


def _halved(stream: bytes, first: bytes, second: bytes) -> bytes:
    for before, after in ((b'"Sunny,"', b'" 21'), (b'"Let me"', b'" see')):
        stream = stream.replace(before, before[:-1] + first + b'"')
        stream = stream.replace(after, b'"' + second + after[1:])
    for before, after in ((b'"Sunny,', b" 21"), (b'"Let me', b" see")):  # of wires that repeat the whole
        stream = stream.replace(before + after, before + first + second + after)
    return stream


def encoded(answer: Response) -> bytes:
    """All of an answer."""
    return (
        repr((answer.text, answer.reasoning)).encode()
        + json.dumps(
            [dict(part.data) for part in answer.parts if isinstance(part, Native)], ensure_ascii=False
        ).encode()
    )


@pytest.mark.parametrize("name", APIS)
async def test_two_halves_in_two_events_are_one_character(ask: Any, streamed: Any, name: str) -> None:
    """In words and in thoughts, on every wire; each event can be encoded by itself."""
    async with ask(APIS[name], streamed(halved(name))) as server:
        events = await server.stream()
    answer = collected(events)
    assert answer.text == "Sunny,\U0001f600 21 °C."
    assert answer.reasoning in ("", "Let me\U0001f600 see.")
    assert all((event.text + event.reasoning).encode() is not None for event in events)
    encoded(answer)


@pytest.mark.parametrize("name", APIS)
async def test_a_half_that_stays_alone_is_the_replacement_character(
    ask: Any, streamed: Any, name: str
) -> None:
    """In a stream, where another piece follows or the finish reason, and in a whole answer."""
    async with ask(APIS[name], streamed(halved(name, second=b""))) as server:
        answer = collected(await server.stream())
    assert answer.text == "Sunny,\ufffd 21 °C."
    encoded(answer)
    last = reworded(body(name, "answer.stream"), lambda text: text.replace(b'C."', b"C." + FIRST + b'"'))
    async with ask(APIS[name], streamed(last)) as server:
        events = await server.stream()
    answer = collected(events)
    assert (answer.text, answer.finish_reason) == ("Sunny, 21 °C.\ufffd", FinishReason.STOP)
    assert next(event for event in reversed(events) if event.has_content).text == "\ufffd"
    whole = body(name, "answer.json").replace(b"Sunny,", b"Sunny," + SECOND)
    async with ask(APIS[name], httpx.Response(200, content=whole)) as server:
        answer = await server.complete()
    assert answer.text == "Sunny,\ufffd 21 °C."


def chat(**delta: Any) -> bytes:
    """A chunk of a chat completion."""
    text = json.dumps({"choices": [{"index": 0, "delta": delta}]})
    return b"data: " + text.replace("\\\\u", "\\u").encode() + b"\n\n"


async def test_arguments_of_tools_are_whole_characters(ask: Any, streamed: Any) -> None:
    """Where the halves come raw in two fragments, and where the arguments themselves name them."""
    events = [
        chat(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a": "\\ud83d'}}]),
        chat(tool_calls=[{"index": 0, "function": {"arguments": '\\ude00"}'}}]),
        b'data: {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}\n\n',
    ]
    async with ask(Chat, streamed(*events)) as server:
        answer = collected(await server.stream())
    assert answer.tool_calls == (ToolCall("a", "f", {"a": "\U0001f600"}),)
    assert ToolCall.parse("a", "f", r'{"\ud83d": ["\ud83d\ude00", "\ude00"]}').arguments == {
        "\ufffd": ["\U0001f600", "\ufffd"]
    }
    assert ToolCall.parse("a", "f", "{\ud83d").invalid == "{\ufffd"


async def test_what_only_the_issuer_understands_stays_marked_as_its_own(ask: Any, streamed: Any) -> None:
    """Halves beside a signature lose neither the signature nor whose it is."""
    signed = {"google": {"thought_signature": "s"}}
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}, "extra_content": signed}
    events = [
        chat(content="\\ud83d"),
        chat(content="\\ude00"),
        chat(tool_calls=[call]),
        b'data: {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}\n\n',
    ]
    async with ask(Chat, streamed(*events)) as server:
        (called,) = collected(await server.stream()).tool_calls
    kept = [called.native]
    async with ask(Anthropic, streamed(halved("anthropic"))) as server:
        answer = collected(await server.stream())
    kept += [part for part in answer.parts if isinstance(part, Native)]
    assert [part.data.get("extra_content", part.data.get("type")) for part in kept] == [signed, "thinking"]
    assert all(part.endpoint and part.account and part.model for part in kept)


async def test_an_error_with_half_a_character_can_be_printed() -> None:
    """It leaves the half out, as all that cannot be printed."""
    said = b'{"error": {"message": "no \\ud83d"}}'
    for status, content in ((400, said), (200, b"data: " + said + b"\n\n")):
        async with opened(Chat, httpx.Response(status, content=content)) as server:
            with pytest.raises(Exception, match=r": no$") as caught:
                await server.stream()
        assert str(caught.value).encode()


def test_halves_are_put_together_for_each_text_apart() -> None:
    """Words between the fragments of two calls do not part what belongs together."""
    halves = Halves()
    events = [
        StreamEvent(text="a\ud83d"),
        StreamEvent(tool_call=ToolCallDelta(0, "i\ud83d", "n", "b\ud83d")),
        StreamEvent(tool_call=ToolCallDelta(1, "j", "n", "\ud83d")),
        StreamEvent(text="\ude00"),
        StreamEvent(tool_call=ToolCallDelta(0, arguments="\ude00")),
        StreamEvent(finish_reason=FinishReason.STOP),
    ]
    joined = halves.joined(events)
    assert [event.text for event in joined if event.text] == ["a", "\U0001f600"]
    calls = [event.tool_call for event in joined if event.tool_call is not None]
    assert [(each.index, each.id, each.arguments) for each in calls] == [
        (0, "i\ufffd", "b"), (1, "j", ""), (0, None, "\U0001f600"), (1, None, "\ufffd"),
    ]  # fmt: skip
    assert joined[-1].finish_reason is FinishReason.STOP


async def test_a_function_may_say_halves() -> None:
    """What it yields and what it returns."""

    async def stream(call: Any) -> Any:
        for text in ("a \ud83d", "\ude00 b", "\ud83d"):
            yield text

    async def complete(call: Any) -> str:
        return "a \ud83d"

    provider = FunctionProvider("f", complete=complete, stream=stream)
    server = Asked(provider, FakePipeline(), [])
    events = [event.text for event in await server.stream()]
    assert events == ["a ", "\U0001f600 b", "\ufffd"]
    assert (await server.complete()).text == "a \ufffd"


async def test_anthropics_blocks_are_kept_with_whole_characters(ask: Any, streamed: Any) -> None:
    """A thought that goes back in the history can be sent."""
    async with ask(Anthropic, streamed(halved("anthropic"))) as server:
        answer = collected(await server.stream())
    kept = next(part for part in answer.parts if isinstance(part, Native))
    assert kept.data["thinking"] == "Let me\U0001f600 see."
