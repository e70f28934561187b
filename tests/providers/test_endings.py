"""When a streamed answer is whole, on every wire: the rule of `ranvier.providers._wire.endings`."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.errors import ConnectionFailedError, InvalidResponseError, ProviderError, RanvierError
from ranvier.layers import Fallback, Timeout
from ranvier.messages import FinishReason, Native, Response
from ranvier.providers import Anthropic, Gemini, Ollama, OpenRouter
from ranvier.providers.chat_completions.openrouter import ThoughtReader
from ranvier.providers.ollama.adapter import LineReader
from ranvier.simulator import wires
from support.providers.bedrock_apis import as_frame, reworded, split
from support.providers.openai_apis import Chat
from support.providers.seven import APIS, body, collected

WIRES = {**wires.WIRES, "converse": wires.WIRES["bedrock"]}

MAY_STOP_EARLY = [name for name in APIS if name != "responses"]
"""The wires on which something may follow a finish reason; that of a response stands in its last event."""

BREAKS: dict[str, Any] = {
    "an error": lambda wire: wire.error_event(
        {
            "error": {"message": "no", "code": 500, "status": "INTERNAL"},
            "__type": "InternalServerException",
            "message": "no",
        },
        {"x-generation-id": "g"},
    ),
    "a broken connection": lambda wire: ConnectionFailedError("reset", provider="x"),
}


def events_of(name: str, which: str = "answer") -> list[bytes]:
    """The events of a good stream."""
    wire = WIRES[name]
    content = body(name, f"{which}.stream")
    if name == "converse":
        return split(content)
    content = content.replace(b"\r\n", b"\n")
    return [event + wire.frame_end for event in content.split(wire.frame_end) if event.strip()]


def with_words(name: str) -> tuple[int, list[bytes]]:
    """Where the first words stand in a good stream, and its events."""
    events = events_of(name)
    return next(at for at, event in enumerate(events) if b"Sunny" in event), events


# --- early finish reasons ------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["answer", "tools"])
@pytest.mark.parametrize("name", MAY_STOP_EARLY)
async def test_a_finish_reason_after_each_event_ends_nothing(
    ask: Any, streamed: Any, name: str, which: str
) -> None:
    """The answer is the same as without them, and the last finish reason counts."""
    events = events_of(name, which)
    often = [piece for event in events for piece in (event, WIRES[name].stopping())]
    if name == "anthropic":  # nothing follows `message_stop`
        often.pop()
    async with ask(APIS[name], streamed(*events)) as server:
        good = collected(await server.stream())
    async with ask(APIS[name], streamed(*often)) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.reasoning) == (good.text, good.reasoning)
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        (call.name, call.arguments) for call in good.tool_calls
    ]
    assert [part for part in answer.parts if isinstance(part, Native)] == [
        part for part in good.parts if isinstance(part, Native)
    ]
    assert answer.finish_reason in (good.finish_reason, FinishReason.STOP)


@pytest.mark.parametrize("provider", [OpenRouter, Ollama])
async def test_a_thousand_early_finish_reasons_join_the_thoughts_once(
    ask: Any, streamed: Any, monkeypatch: pytest.MonkeyPatch, provider: Any
) -> None:
    """What goes back in the history is whole, and costs no more than with one finish reason."""
    joined: list[Any] = []
    for reader, name in ((ThoughtReader, "joined"), (LineReader, "_parts")):
        usual = getattr(reader, name)
        monkeypatch.setattr(reader, name, lambda *given, usual=usual: (joined.append(1), usual(*given))[1])  # type: ignore[func-returns-value]
    call = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
    if provider is Ollama:
        thought = {"message": {"thinking": "x"}, "done": True, "done_reason": "stop"}
        events = [thought, {**thought, "message": {"thinking": "x", "tool_calls": [call]}}]
        events = [*events, *[thought] * 1_000]
        content = [json.dumps(event).encode() + b"\n" for event in events]
    else:
        details = [{"type": "reasoning.text", "index": 0, "text": "x"}]
        thought = {"choices": [{"delta": {"reasoning_details": details}, "finish_reason": "stop"}]}
        last = {"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "stop"}]}
        events = [*[thought] * 1_002, last]  # type: ignore[list-item]
        content = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    async with ask(provider, streamed(*content)) as server:
        answer = collected(await server.stream())
    (kept,) = [part for part in answer.parts if isinstance(part, Native)]
    assert json.dumps(dict(kept.data)).count("x" * 1_002) == 1
    assert len(joined) <= 4
    assert [each.name for each in answer.tool_calls] == ["f"]


@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
@pytest.mark.parametrize("name", MAY_STOP_EARLY)
async def test_what_breaks_after_an_early_finish_reason_is_an_error(
    ask: Any, streamed: Any, name: str, again: bool, breaks: str
) -> None:
    """Once content has followed a finish reason, no other one makes up for the rest of the stream."""
    wire = WIRES[name]
    at, events = with_words(name)
    ending = [wire.stopping()] if again else []
    chunks = [*events[: at + 1], wire.stopping(), events[at + 1], *ending, BREAKS[breaks](wire)]
    async with ask(APIS[name], streamed(*chunks)) as server:
        with pytest.raises(ProviderError):
            await server.stream()


@pytest.mark.parametrize("name", MAY_STOP_EARLY)
async def test_words_after_the_last_finish_reason_are_cut(ask: Any, streamed: Any, name: str) -> None:
    """A body that ends within words is no answer, whatever was said before them."""
    at, events = with_words(name)
    chunks = [*events[: at + 1], WIRES[name].stopping(), events[at + 1]]
    async with ask(APIS[name], streamed(*chunks)) as server:
        with pytest.raises(InvalidResponseError, match="cut"):
            await server.stream()


@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("name", MAY_STOP_EARLY)
async def test_a_finish_reason_before_any_word_does_not_make_an_answer(
    ask: Any, streamed: Any, name: str, breaks: str
) -> None:
    """What breaks after it is an error."""
    wire = WIRES[name]
    start = events_of("anthropic")[:1] if name == "anthropic" else []
    async with ask(APIS[name], streamed(*start, wire.stopping(), BREAKS[breaks](wire))) as server:
        with pytest.raises(ProviderError):
            await server.stream()


@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("name", MAY_STOP_EARLY)
async def test_what_breaks_after_the_only_finish_reason_does_not_matter(
    ask: Any, streamed: Any, name: str, breaks: str
) -> None:
    """The answer is whole by then."""
    wire = WIRES[name]
    at, events = with_words(name)
    ends = [b'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n']
    chunks = [
        *events[: at + 2],
        *(ends if name == "anthropic" else []),
        wire.stopping(),
        BREAKS[breaks](wire),
    ]
    async with ask(APIS[name], streamed(*chunks)) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.finish_reason) == ("Sunny, 21 °C.", FinishReason.STOP)


LIMITS = {
    "anthropic": b'data: {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}\n\n',
    "gemini": b'data: {"candidates": [{"finishReason": "MAX_TOKENS"}]}\n\n',
    "ollama": b'{"message": {}, "done": true, "done_reason": "length"}\n',
}
LIMITS["converse"] = as_frame({"messageStop": {"stopReason": "max_tokens"}})
AT_CHAT = b'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}\n\n'


async def outcomes(name: str, reply: Callable[[], httpx.Response]) -> list[Response | RanvierError]:
    """What becomes of a streamed reply: collected, and read as it comes."""
    results: list[Response | RanvierError] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: reply())) as client:
        target = Deployment(APIS[name]("key", http_client=client), "m")
        async with Pipeline(Fallback(target), Timeout(first_token=5)) as pipeline:
            try:
                results.append(await pipeline.complete("Hi"))
            except RanvierError as error:
                results.append(error)
            try:
                async with pipeline.stream("Hi") as stream:
                    results.append(await stream.collect())
            except RanvierError as error:
                results.append(error)
    return results


@pytest.mark.parametrize("thoughts", [False, True], ids=["nothing", "thoughts"])
@pytest.mark.parametrize("name", MAY_STOP_EARLY)
async def test_an_error_that_is_told_after_a_limit_without_a_word_is_an_error(
    streamed: Any, name: str, thoughts: bool
) -> None:
    """Unless it only says again that a limit was met; a connection that breaks says nothing."""
    at, events = with_words(name)
    if name == "anthropic":  # its words have a start of their own
        at -= 1
    begun = [*events[: at if thoughts else name == "anthropic"], LIMITS.get(name, AT_CHAT)]
    told = BREAKS["an error"](WIRES[name])
    for result in await outcomes(name, lambda: streamed(*begun, told)):
        assert isinstance(result, RanvierError)
        assert "server_error" in (result.kind, getattr(result.__cause__, "kind", None))
    again = WIRES[name].error_event(
        {
            "error": {"message": "Token limit reached", "code": 400, "status": ""},
            "__type": "ValidationException",
            "message": "Token limit reached",
        },
        {"x-generation-id": "g"},
    )
    for last in (BREAKS["a broken connection"](None), again):
        for result in await outcomes(name, partial(streamed, *begun, last)):
            assert isinstance(result, Response)
            assert (result.text, result.finish_reason) == ("", FinishReason.LENGTH)
    answered = [*events[: at + 2], LIMITS.get(name, AT_CHAT), told]
    for result in await outcomes(name, lambda: streamed(*answered)):
        assert isinstance(result, Response)
        assert result.finish_reason is FinishReason.LENGTH


def gemini(*parts: Any, finish: str | None = None) -> bytes:
    """A piece of Gemini's."""
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\n\n"


TOOL_ROUND = (
    gemini({"text": "I shall compute it. "}),
    gemini({"executableCode": {"language": "PYTHON", "code": "1+1"}}),
    gemini({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}, finish="STOP"),
)


async def test_the_round_of_a_built_in_tool_ends_with_a_finish_reason_that_may_be_early(
    ask: Any, streamed: Any
) -> None:
    """It is believed at the end of the body, and what breaks before that is an error."""
    async with ask(Gemini, streamed(*TOOL_ROUND, gemini({"text": "It is 2."}, finish="STOP"))) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.finish_reason) == ("I shall compute it. It is 2.", FinishReason.STOP)
    async with ask(Gemini, streamed(*TOOL_ROUND)) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.finish_reason) == ("I shall compute it. ", FinishReason.STOP)
    for breaks in BREAKS.values():
        async with ask(Gemini, streamed(*TOOL_ROUND, breaks(WIRES["gemini"]))) as server:
            with pytest.raises(ProviderError):
                await server.stream()


async def test_a_call_after_the_finish_reason_is_a_call(ask: Any, streamed: Any) -> None:
    """Calls of tools are content as words are, on every wire."""
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    async with ask(
        Gemini, streamed(gemini({"text": "Hi"}, finish="STOP"), gemini(call, finish="STOP"))
    ) as server:
        answer = collected(await server.stream())
    assert (answer.text, [each.name for each in answer.tool_calls]) == ("Hi", ["f"])
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    lines = [
        {"message": {"content": "Hi"}, "done": True, "done_reason": "stop"},
        {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}, "done": True},
    ]
    async with ask(Ollama, streamed(*(json.dumps(line).encode() + b"\n" for line in lines))) as server:
        answer = collected(await server.stream())
    assert (answer.text, [each.name for each in answer.tool_calls]) == ("Hi", ["f"])


# --- without a finish reason ---------------------------------------------------------------------


def chunk(finish: str | None = None, *, usage: Any = None, choices: bool = True, **delta: Any) -> bytes:
    """A chunk of a chat completion."""
    choice = [{"index": 0, "delta": delta, "finish_reason": finish}] if choices else []
    return b"data: " + json.dumps({"id": "c", "choices": choice, "usage": usage}).encode() + b"\n\n"


def call(arguments: str, index: int = 0) -> bytes:
    """A fragment of a tool call."""
    function = {"name": "f", "arguments": arguments}
    return chunk(tool_calls=[{"index": index, "id": f"call_{index}", "function": function}])


WORDS, COUNTED, DONE = (
    chunk(content="4"),
    {"prompt_tokens": 22, "completion_tokens": 5, "total_tokens": 27},
    b"data: [DONE]\n\n",
)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([WORDS, chunk(usage=COUNTED, choices=False), DONE], "4"),
        ([WORDS, chunk(usage=COUNTED), DONE], "4"),
        ([WORDS, chunk(usage=COUNTED, choices=False), chunk(content=""), DONE], "4"),
        ([call("{}"), DONE], "f"),
        (
            [WORDS, call('{"a": '), chunk(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]), DONE],
            "4f",
        ),
        ([call("{}"), call('{"a": 1}', 1), DONE], "ff"),
        ([call(""), chunk(usage=COUNTED, choices=False), DONE], "f"),
        ([chunk("stop", content="4"), chunk(content="2"), chunk(usage=COUNTED, choices=False), DONE], "42"),
    ],
    ids=["usage", "in_a_choice", "empty_after", "call", "in_fragments", "two", "no_arguments", "early"],
)
async def test_usage_or_whole_calls_and_done_end_an_answer_without_a_finish_reason(
    ask: Any, streamed: Any, chunks: list[bytes], expected: str
) -> None:
    """As Snowflake Cortex and NVIDIA NIM send it; why the model stopped is not known."""
    async with ask(Chat, streamed(*chunks)) as server:
        answer = collected(await server.stream())
    assert answer.text + "".join(call.name for call in answer.tool_calls) == expected
    known = FinishReason.TOOL_CALLS if answer.tool_calls else FinishReason.OTHER
    assert (answer.finish_reason, answer.raw_finish_reason) == (known, None)


@pytest.mark.parametrize(
    "chunks",
    [
        [WORDS, DONE],
        [chunk(usage=COUNTED, content="4"), DONE],
        [chunk(usage=COUNTED, choices=False), WORDS, DONE],
        [WORDS, chunk(usage=COUNTED, choices=False)],
        [chunk(usage=COUNTED, choices=False), DONE],
        [chunk(reasoning_content="Hm"), chunk(usage=COUNTED, choices=False), DONE],
        [call(""), DONE],
        [call('{"a": '), DONE],
        [call("{}"), call("{", 1), DONE],
        [call("{}"), WORDS, DONE],
        [call("{}")],
        [DONE],
    ],
    ids=["words", "usage_beside", "usage_before", "no_done", "nothing", "thoughts", "no_arguments",
         "cut_arguments", "one_of_two", "words_after", "call_without_done", "done"],
)  # fmt: skip
async def test_less_than_that_is_no_answer(ask: Any, streamed: Any, chunks: list[bytes]) -> None:
    """Something may be missing."""
    async with ask(Chat, streamed(*chunks)) as server:
        with pytest.raises(InvalidResponseError):
            await server.stream()


MESSAGE, STOP = b"".join(events_of("anthropic")[:-2]), events_of("anthropic")[-2]


@pytest.mark.parametrize(
    "ending", [b"", DONE, b'event: message_stop\ndata: {"type":"m', b"event: message_st"]
)
async def test_a_stop_reason_ends_a_message_of_anthropics(ask: Any, streamed: Any, ending: bytes) -> None:
    """Gateways leave `message_stop` out, or are cut within it."""
    async with ask(Anthropic, streamed(MESSAGE, STOP, ending)) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.finish_reason) == ("Sunny, 21 °C.", FinishReason.STOP)
    assert answer.usage.complete


REASONS = {
    "anthropic": b'"stop_reason":"end_turn"',
    "gemini": b'"finishReason":"STOP"',
    "converse": b'"stopReason": "end_turn"',
}
SAID = {
    "anthropic": '"stop_reason":%s',
    "gemini": '"finishReason":%s',
    "converse": '"stopReason": %s',
}


@pytest.mark.parametrize("unsaid", ["null", '"null"', '"None"', '""', '"undefined"', "false", "0", "[]"])
@pytest.mark.parametrize("name", [each for each in MAY_STOP_EARLY if each != "ollama"])
async def test_a_finish_reason_that_says_none_is_none(
    ask: Any, streamed: Any, name: str, unsaid: str
) -> None:
    """A stream that ends with one was cut, and it takes nothing from an answer that is whole."""
    word = REASONS.get(name, b'"finish_reason":"stop"')
    none = (SAID.get(name, '"finish_reason":%s') % unsaid).encode()
    events = [event for event in events_of(name) if b"message_stop" not in event and b"[DONE]" not in event]
    assert word in b"".join(events)
    chunks = [reworded(event, lambda text: text.replace(word, none)) for event in events]
    async with ask(APIS[name], streamed(*chunks)) as server:
        with pytest.raises(InvalidResponseError, match="cut"):
            await server.stream()
    whole = httpx.Response(200, content=body(name, "answer.json").replace(word, none))
    async with ask(APIS[name], whole) as server:
        answer = await server.complete()
    assert (answer.text, answer.finish_reason) == ("Sunny, 21 °C.", FinishReason.OTHER)


@pytest.mark.parametrize("unsaid", ["FINISH_REASON_UNSPECIFIED", 0, "null"])
async def test_gemini_may_say_with_each_piece_that_it_has_no_finish_reason(
    ask: Any, streamed: Any, unsaid: Any
) -> None:
    """Also where nothing but thoughts has come yet."""
    chunks = [gemini({"text": "Hm.", "thought": True}, finish=unsaid), gemini({"text": "Hi"}, finish=unsaid)]
    async with ask(Gemini, streamed(*chunks, gemini({"text": "!"}, finish="STOP"))) as server:
        answer = collected(await server.stream())
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Hi!", "Hm.", FinishReason.STOP)
    async with ask(Gemini, streamed(*chunks)) as server:
        with pytest.raises(InvalidResponseError, match="cut"):
            await server.stream()


# --- spliced -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [b"", STOP], ids=["within_words", "after_the_stop_reason"])
async def test_a_second_message_before_the_end_of_the_first_is_no_answer(
    ask: Any, streamed: Any, ending: bytes
) -> None:
    """Two answers were spliced, and which words belong to whom nobody knows."""
    again = b"".join(events_of("anthropic"))
    async with ask(Anthropic, streamed(MESSAGE, ending, again)) as server:
        with pytest.raises(InvalidResponseError, match="two answers are spliced"):
            await server.stream()


async def test_a_whole_message_after_words_is_no_answer(ask: Any, streamed: Any) -> None:
    """Of another answer, or the same again."""
    whole = b"event: message\ndata: " + body("anthropic", "answer.json").replace(b"\n", b"") + b"\n\n"
    async with ask(Anthropic, streamed(MESSAGE, whole)) as server:
        with pytest.raises(InvalidResponseError, match="two answers are spliced"):
            await server.stream()


async def test_words_that_are_repeated_as_a_whole_message_come_once(ask: Any, streamed: Any) -> None:
    """Some gateways of chat completions add the message to the last chunk."""
    again = {"index": 0, "message": {"content": "42"}, "finish_reason": "stop"}
    last = b"data: " + json.dumps({"choices": [again]}).encode() + b"\n\n"
    first = chunk(role="assistant", content="")
    async with ask(Chat, streamed(first, chunk(content="4"), chunk(content="2"), last, DONE)) as server:
        assert collected(await server.stream()).text == "42"
    pieces = [last.replace(b'"stop"', b"null"), last]
    async with ask(Chat, streamed(*pieces, DONE)) as server:
        assert collected(await server.stream()).text == "4242"


async def test_a_message_may_begin_twice_before_it_says_anything(ask: Any, streamed: Any) -> None:
    """Proxies repeat the first event; another id there is another message."""
    start, *rest = events_of("anthropic")
    async with ask(Anthropic, streamed(start, start, *rest)) as server:
        assert collected(await server.stream()).text == "Sunny, 21 °C."
    async with ask(Anthropic, streamed(start, start.replace(b"msg_01", b"msg_02"), *rest)) as server:
        with pytest.raises(InvalidResponseError, match="two answers are spliced"):
            await server.stream()
