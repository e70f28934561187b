"""A history that its target refuses is sent once more in the form that it takes, and so from then on."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ranvier.errors import RanvierError
from ranvier.messages import CHAT_COMPLETIONS, Message, Native, Request, Text, ToolCall
from ranvier.pipeline.call_events import RequestAdjusted
from ranvier.providers import Anthropic, Gemini, Kimi, OpenAI, OpenRouter

pytestmark = pytest.mark.virtual_time

ANSWERS: dict[str, Any] = {
    "anthropic": {"content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn"},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}]},
    "chat": {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]},
}
STREAMS: dict[str, list[Any]] = {
    "anthropic": [
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "ok"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ],
    "gemini": [ANSWERS["gemini"]],
    "chat": [{"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}],
}


def refused(message: str, **more: Any) -> httpx.Response:
    """A refusal in these words."""
    return httpx.Response(
        400, json={"type": "error", "error": {"type": "invalid_request_error", "message": message, **more}}
    )


class Server:
    """Refuses in given words what a rule finds wrong, and answers everything else."""

    def __init__(self, wire: str, wrong: Callable[[Any, str], bool], words: str) -> None:
        self.wire = wire
        self.wrong = wrong
        self.words = words
        self.refused = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        text = request.content.decode()
        if self.wrong(json.loads(text), text):
            self.refused += 1
            return refused(self.words)
        if b'"stream":true' in request.content.replace(b" ", b"") or "alt=sse" in str(request.url):
            events = "".join(f"data: {json.dumps(each)}\n\n" for each in STREAMS[self.wire])
            return httpx.Response(200, content=events.encode())
        return httpx.Response(200, json=ANSWERS[self.wire])


def history(*parts: Any) -> tuple[Message, ...]:
    """A turn of the model with these parts and a call, and the call's result."""
    call = ToolCall("call_00_abc", "f", {})
    return (
        Message.user("q"),
        Message(
            "assistant", (*parts, *(() if any(isinstance(each, ToolCall) for each in parts) else (call,)))
        ),
        Message.tool(next((each.id for each in parts if isinstance(each, ToolCall)), call.id), "x", name="f"),
    )


THOUGHT = Native("anthropic", {"type": "thinking", "thinking": "Hm.", "signature": "SIG"})
REDACTED = Native("anthropic", {"type": "redacted_thinking", "data": "SIG-2"})
SIGNED = Native("gemini", {"thoughtSignature": "SIG"})
DETAILS = Native("openrouter", {"reasoning_details": [{"type": "reasoning.encrypted", "data": "SIG"}]})
EXTRA = ToolCall(
    "call_00_abc",
    "f",
    {},
    native=Native(CHAT_COMPLETIONS, {"extra_content": {"google": {"thought_signature": "SIG"}}}),
)
LITELLM = ToolCall("call_1__thought__SIG", "f", {})

AT_LITELLM = {"name": "litellm", "base_url": "https://litellm.test"}

OPAQUE: dict[str, tuple[Any, dict[str, str], str, Any, str]] = {
    "anthropic, a signature": (
        *(Anthropic, {}, "anthropic", THOUGHT),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "anthropic, hidden thoughts": (
        *(Anthropic, {}, "anthropic", REDACTED),
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    ),
    "gemini": (Gemini, {}, "gemini", SIGNED, "Corrupted thought signature."),
    "vertex": (
        Gemini,
        {},
        "gemini",
        SIGNED,
        "Unable to submit request because Thought signature is not valid..",
    ),
    "openrouter": (
        *(OpenRouter, {}, "chat", DETAILS),
        "The encrypted content gAAA could not be verified. Reason: Encrypted content could not be decrypted.",
    ),
    "openrouter, an item": (
        *(OpenRouter, {}, "chat", DETAILS),
        "Item with id 'rs_0a1b2c' not found. Items are not persisted when `store` is set to false.",
    ),
    "google's chat completions": (OpenAI, AT_LITELLM, "chat", EXTRA, "Thought signature is not valid"),
    "litellm": (OpenAI, AT_LITELLM, "chat", LITELLM, "Invalid thought_signature"),
}

each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


async def ask_twice(server: Any, request: Request, *, streamed: bool, model: str | None = None) -> None:
    """Two calls with the same history; both are answered."""
    for _ in range(2):
        if streamed:
            events = await server.stream(request, model=model)
            assert "ok" in "".join(event.text for event in events)
        else:
            assert (await server.complete(request, model=model)).text == "ok"


@each_way
@pytest.mark.parametrize("case", OPAQUE)
async def test_refused_opaque_parts_are_left_out_and_remembered(ask: Any, case: str, streamed: bool) -> None:
    """One refused request, one repaired one with an event, and the next call is right at once."""
    kind, arguments, wire, part, words = OPAQUE[case]
    serve = Server(wire, lambda body, text: "SIG" in text, words)
    request = Request(history(part))
    async with ask(kind, serve, **arguments) as server:
        await ask_twice(server, request, streamed=streamed)
        sent = [json.loads(each.content) for each in server.requests]
        adjusted = [event for event in server.heard if isinstance(event, RequestAdjusted)]
    assert serve.refused == 1
    assert len(sent) == 3
    assert {event.parameter for event in adjusted} == {"opaque_parts"}
    assert all('"x"' in json.dumps(each) for each in sent)
    assert "SIG" not in repr(adjusted)


NOT_OURS = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="


def unsigned(body: Any) -> bool:
    """True where a turn calls a tool without a signature."""
    turns = [json.dumps(turn) for turn in body.get("contents", body.get("messages"))]
    calls = [turn for turn in turns if "functionCall" in turn or "tool_calls" in turn]
    return any("ignature" not in turn for turn in calls)


@each_way
@pytest.mark.parametrize("words", ["Invalid thought signature.", "Corrupted thought signature."])
@pytest.mark.parametrize("case", ["gemini", "google's chat completions"])
async def test_a_call_whose_signature_is_refused_is_signed_as_another_models(
    ask: Any, case: str, words: str, streamed: bool
) -> None:
    """Gemini 3 refuses a call without a signature as well, and documents one for such calls."""
    kind, arguments, wire, part, _ = OPAQUE[case]
    good = Server(wire, lambda body, text: False, "")

    def serve(request: httpx.Request) -> httpx.Response:
        text = request.content.decode()
        if "SIG" in text:
            return refused(words)
        missing = "Function call is missing a thought_signature in functionCall parts."
        return refused(missing) if unsigned(json.loads(text)) else good(request)

    async with ask(kind, serve, **arguments) as server:
        await ask_twice(server, Request(history(part)), streamed=streamed)
        assert [each.content.decode().count(NOT_OURS) for each in server.requests] == [0, 1, 1]
        changes = [(event.parameter, event.change) for event in server.heard]
    assert changes == [("opaque_parts", "left out")] * 2


async def test_the_signature_of_another_models_calls_is_not_taken_for_a_refused_one(ask: Any) -> None:
    """Only what its issuer refused is replaced; where that is nothing, the refusal is raised."""
    serve = Server("gemini", lambda body, text: "SIG" in text or unsigned(body), "Invalid thought signature.")
    ours = history(Native("gemini", {"thoughtSignature": "SIG"}), ToolCall("a", "f", {}))
    others = history(ToolCall("b", "f", {}))
    async with ask(Gemini, serve) as server:
        await server.complete(Request((*others, *ours[1:])))
        assert server.requests[-1].content.decode().count(NOT_OURS) == 2
        await server.complete(Request(others))
        assert server.requests[-1].content.decode().count(NOT_OURS) == 1
    assert serve.refused == 1
    serve = Server("gemini", lambda body, text: True, "Invalid thought signature.")
    async with ask(Gemini, serve) as server:
        with pytest.raises(RanvierError, match="signature"):
            await server.complete(Request(others))
    assert serve.refused == 1


async def test_older_models_of_gemini_are_sent_no_signature_instead(ask: Any) -> None:
    """They take calls without one."""
    serve = Server("gemini", lambda body, text: "ignature" in text, "Thought signature is not valid")
    async with ask(Gemini, serve) as server:
        await ask_twice(server, Request(history(SIGNED)), streamed=False, model="gemini-2.5-pro")
    assert serve.refused == 1


async def test_parts_that_were_not_refused_still_go_back(ask: Any) -> None:
    """What is remembered is the part, and not that the server takes none."""
    serve = Server("anthropic", lambda body, text: "SIG" in text, "Invalid `signature` in `thinking` block")
    other = Native("anthropic", {"type": "thinking", "thinking": "Hm.", "signature": "GOOD"})
    async with ask(Anthropic, serve) as server:
        await server.complete(Request(history(THOUGHT)))
        await server.complete(Request(history(other)))
        assert "GOOD" in server.requests[-1].content.decode()
        await server.complete(Request(history(REDACTED)))
        await server.complete(Request((*history(THOUGHT), *history(REDACTED)[1:])))
    assert serve.refused == 2


async def test_a_part_refused_by_one_model_goes_to_another(ask: Any) -> None:
    """It is remembered for each model."""
    serve = Server(
        "anthropic",
        lambda body, text: "SIG" in text and "sonnet" in text,
        "Invalid `signature` in `thinking` block",
    )
    async with ask(Anthropic, serve) as server:
        await server.complete(Request(history(THOUGHT)), model="claude-sonnet-5")
        await server.complete(Request(history(THOUGHT)), model="claude-opus-5")
        assert "SIG" in server.requests[-1].content.decode()


async def test_a_budget_for_thoughts_goes_with_the_last_thought(ask: Any) -> None:
    """Anthropic wants a thought before the last call of a tool where it thinks by a budget."""

    def wrong(body: Any, text: str) -> bool:
        return "SIG" in text or "thinking" in body

    serve = Server("anthropic", wrong, "Invalid `signature` in `thinking` block")
    budget = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    async with ask(Anthropic, serve) as server:
        for _ in range(2):
            await server.complete(Request(history(THOUGHT)), options=budget)
        heard = [(event.parameter, event.change) for event in server.heard]
    assert serve.refused == 1
    assert heard == [("opaque_parts", "left out"), ("thinking", "left out")] * 2


async def test_a_call_without_the_thought_that_a_budget_demands_is_asked_without_one(ask: Any) -> None:
    """Another model left the conversation between a call and its result."""
    words = (
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When "
        "`thinking` is enabled, a final `assistant` message must start with a thinking block"
    )
    serve = Server("anthropic", lambda body, text: "thinking" in body, words)
    budget = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    async with ask(Anthropic, serve) as server:
        assert (await server.complete(Request(history()), options=budget)).text == "ok"
    assert serve.refused == 1


# --- reasoning, ids and signatures ---------------------------------------------------------------


def lacks_reasoning(body: Any, text: str) -> bool:
    return any(turn.get("tool_calls") and not turn.get("reasoning_content") for turn in body["messages"])


def long_id(body: Any, text: str) -> bool:
    return "call_00_abc" in text


FORMS: dict[str, tuple[Any, dict[str, str], str, Any, str]] = {
    "reasoning that is demanded": (
        *(OpenAI, AT_LITELLM, "chat", lacks_reasoning),
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
    ),
    "reasoning that Kimi misses": (
        *(Kimi, {}, "chat", lacks_reasoning),
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
    ),
    "ids of nine characters": (
        *(OpenAI, AT_LITELLM, "chat", long_id),
        "Tool call id was call_00_abc but must be a-z, A-Z, 0-9, with a length of 9.",
    ),
    "ids of forty": (
        *(OpenAI, AT_LITELLM, "chat", long_id),
        "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum length 40",
    ),
    "ids of anthropic's": (
        *(Anthropic, {}, "anthropic", long_id),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "no ids": (
        *(Gemini, {}, "gemini", lambda body, text: '"id"' in text),
        "Invalid JSON payload received. Unknown name \"id\" at 'contents[1].parts[0].function_call': Cannot "
        "find field.",
    ),
    "gemini, a call that nobody signed": (
        *(Gemini, {}, "gemini", lambda body, text: "thoughtSignature" not in text),
        "Function call is missing a thought_signature in functionCall parts.",
    ),
    "google, a call that nobody signed": (
        *(OpenAI, AT_LITELLM, "chat", lambda body, text: "thought_signature" not in text),
        "Function call is missing a thought_signature in functionCall parts.",
    ),
}


@each_way
@pytest.mark.parametrize("case", FORMS)
async def test_a_history_in_a_form_that_is_refused_is_brought_into_the_other(
    ask: Any, case: str, streamed: bool
) -> None:
    """Each server has its own demands; what it says of them is remembered."""
    kind, arguments, wire, wrong, words = FORMS[case]
    serve = Server(wire, wrong, words)
    model = {"gemini": "gemini-2.5-flash", "chat": "m"}.get(wire, "claude-sonnet-5")
    async with ask(kind, serve, **arguments) as server:
        await ask_twice(server, Request(history(Text("Let me see."))), streamed=streamed, model=model)
        adjusted = [event for event in server.heard if isinstance(event, RequestAdjusted)]
        ids = [call for each in server.requests for call in calls_and_results(json.loads(each.content))]
    assert serve.refused == 1
    assert len(adjusted) == 2
    assert all(called == answered for called, answered in ids)


def calls_and_results(body: Any) -> list[tuple[Any, Any]]:
    """The id of the call, and that of its result."""
    if "contents" in body:
        call, result = (turn["parts"][-1] for turn in body["contents"][1:])
        return [(call["functionCall"].get("id"), result["functionResponse"].get("id"))]
    called, answered = body["messages"][1:]
    if "tool_calls" in called:
        return [(called["tool_calls"][0]["id"], answered["tool_call_id"])]
    return [(called["content"][-1]["id"], answered["content"][0]["tool_use_id"])]


async def test_reasoning_that_a_server_does_not_take_is_left_out(ask: Any) -> None:
    """It sent it itself, and refuses it all the same."""
    native = Native(CHAT_COMPLETIONS, {"reasoning_content": "Hm."})
    words = "messages.1.assistant.reasoning_content: property 'reasoning_content' is unsupported"
    serve = Server("chat", lambda body, text: "reasoning_content" in text, words)
    async with ask(OpenAI, serve, **AT_LITELLM) as server:
        await ask_twice(server, Request(history(native)), streamed=False)
    assert serve.refused == 1


@pytest.mark.parametrize(
    "words",
    [
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        "'tool_call_id'. The following tool_call_ids did not have response messages: call_00_abc",
        "unexpected `tool_use_id` found in `tool_result` blocks: call_00_abc. Each `tool_result` block must "
        "have a corresponding `tool_use` block in the previous message.",
        "messages: at least one message is required",
    ],
)
async def test_a_history_that_is_wrong_is_sent_once(ask: Any, words: str) -> None:
    """What no other form would mend is the caller's to know."""
    serve = Server("chat", lambda body, text: True, words)
    async with ask(OpenAI, serve, **AT_LITELLM) as server:
        with pytest.raises(RanvierError):
            await server.complete(Request(history()))
    assert serve.refused == 1


async def test_a_refusal_of_signatures_without_one_is_the_callers_to_know(ask: Any) -> None:
    """There is nothing to leave out."""
    serve = Server("anthropic", lambda body, text: True, "Invalid `signature` in `thinking` block")
    async with ask(Anthropic, serve) as server:
        with pytest.raises(RanvierError, match="signature"):
            await server.complete(Request(history()))
    assert serve.refused == 1


async def test_the_history_of_the_caller_is_never_changed(ask: Any) -> None:
    """Fixes work on copies: the same history is right for its issuer."""
    details = [{"type": "reasoning.encrypted", "data": "SIG"}]
    part = Native("openrouter", {"reasoning_details": details})
    serve = Server("chat", lambda body, text: "SIG" in text, "invalid_encrypted_content")
    async with ask(OpenRouter, serve) as server:
        await ask_twice(server, Request(history(part)), streamed=False)
    assert details == [{"type": "reasoning.encrypted", "data": "SIG"}]
    assert part.data == {"reasoning_details": details}
