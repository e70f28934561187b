"""Bedrock's Converse: what is sent, what an answer or its frames mean, and botocore's word for both."""

import base64
import json
import zlib
from typing import Any

import httpx
import pytest

from ranvier.errors import (
    AttemptTimeoutError,
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    InvalidResponseError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    UnsupportedRequestError,
)
from ranvier.messages import (
    FinishReason,
    Image,
    Message,
    Native,
    Request,
    Schema,
    StreamEvent,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    WirePart,
)
from ranvier.providers.converse import frames as decoding
from ranvier.simulator.wires.clouds.aws.frames import event, exception, frame
from support.oracles import botocore_model
from support.providers.bedrock_apis import Converse, as_frame, as_frames, split
from support.providers.five_wires import converse_pieces, converse_whole
from support.providers.seven import CITY, PNG, WEATHER, body, collected

pytestmark = [
    pytest.mark.virtual_time,
    pytest.mark.skipif(bool(botocore_model.ABSENT), reason=botocore_model.ABSENT),
]

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "global.amazon.nova-2-lite-v1:0"
USAGE = {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14}
CALLED = (
    Message.user("Hi"),
    Message.assistant(tool_calls=(ToolCall("call_1", "get_weather", {"city": "Rome"}),)),
    Message.tool("call_1", "Sunny"),
)
NOTHING = httpx.Response(200, json={})


async def sent(ask: Any, request: Request, model: str = NOVA, **given: Any) -> Any:
    """The fields that are sent; botocore finds nothing wrong with them, and would write them likewise."""
    async with ask(Converse, NOTHING) as server:
        fields = await server.sent(request, model=model, **given)
    assert not botocore_model.faults_of(model, fields)
    path, written = botocore_model.written(model, fields)
    assert written == fields
    assert str(server.requests[0].url).endswith(path)
    return fields


async def answered(ask: Any, answer: Any, **given: Any) -> Any:
    """What a whole answer is read as."""
    async with ask(Converse, httpx.Response(200, json=answer)) as server:
        return await server.complete(**given)


async def streamed_in(ask: Any, streamed: Any, *chunks: bytes) -> list[StreamEvent]:
    """The events of a stream that arrives so."""
    async with ask(Converse, streamed(*chunks)) as server:
        events: list[StreamEvent] = await server.stream()
    return events


# --- what is sent --------------------------------------------------------------------------------


async def test_a_request_with_everything_is_one_that_botocore_would_write(ask: Any) -> None:
    """All parts, tools, settings, the cache and the thinking of a Claude."""
    thought = Native("converse", {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "S"}}})
    hidden = Native("converse", {"reasoningContent": {"redactedContent": base64.b64encode(b"x").decode()}})
    call = ToolCall("call_1", "get_weather", {"city": "Rome"})
    request = Request(
        (
            Message("system", "Be kind."),
            Message("user", ("See", Image(data=PNG))),
            Message("assistant", (thought, hidden, Text("So."), call)),
            Message("tool", (ToolResult("call_1", (Text("Sunny"), Image(data=PNG)), is_error=True),)),
            Message.user("And now?"),
        ),
        system="Be terse.",
        tools=(WEATHER,),
        tool_choice="auto",
        max_tokens=5_000,
        stop=("END",),
        reasoning=2_000,
        cache="1h",
        schema=Schema(CITY, "place"),
    )
    fields = await sent(ask, request, CLAUDE)
    assert [list(block) for block in fields["messages"][1]["content"]] == [
        *(["reasoningContent"], ["reasoningContent"], ["text"], ["toolUse"])
    ]
    result, question, mark = fields["messages"][2]["content"]
    assert result["toolResult"]["status"] == "error"
    assert (question, mark) == ({"text": "And now?"}, {"cachePoint": {"type": "default", "ttl": "1h"}})
    assert fields["system"][:2] == [{"text": "Be terse."}, {"text": "Be kind."}]
    assert fields["inferenceConfig"] == {"maxTokens": 5_000, "stopSequences": ["END"]}
    thinking = {"type": "enabled", "budget_tokens": 2_000}
    assert fields["additionalModelRequestFields"] == {"thinking": thinking}


async def test_the_id_of_a_model_is_quoted_as_botocore_quotes_it(ask: Any) -> None:
    """Colons and the slashes of an ARN included."""
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{NOVA}"
    await sent(ask, Request((Message.user("Hi"),)), arn)
    for model in (".", ".."):
        async with ask(Converse, NOTHING) as server:
            with pytest.raises(ConfigurationError, match="give the id of a model"):
                await server.complete(model=model)


@pytest.mark.parametrize("tools", [(WEATHER,), ()], ids=["offered", "not offered"])
async def test_claude_is_forbidden_tools_by_a_field_of_its_own(ask: Any, tools: tuple[Tool, ...]) -> None:
    """Converse has no choice `none`, and takes no calls in the history without tools."""
    fields = await sent(ask, Request(CALLED, tools=tools, tool_choice="none" if tools else None), CLAUDE)
    assert fields["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    (tool,) = fields["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "get_weather"
    assert "toolChoice" not in fields["toolConfig"]


async def test_other_models_cannot_be_forbidden_tools_that_have_been_called(ask: Any) -> None:
    """They are not asked; without tools of the request, those of the history are declared as gone."""
    async with ask(Converse, NOTHING) as server:
        with pytest.raises(UnsupportedRequestError, match="cannot be kept from calling tools"):
            await server.complete(Request(CALLED, tools=(WEATHER,), tool_choice="none"), model=NOVA)
        assert not server.requests
    (tool,) = (await sent(ask, Request(CALLED)))["toolConfig"]["tools"]
    assert (tool["toolSpec"]["name"], tool["toolSpec"]["description"][:3]) == ("get_weather", "Not")
    assert "toolConfig" not in await sent(ask, Request(CALLED[:1], tools=(WEATHER,), tool_choice="none"))


async def test_thoughts_without_a_signature_do_not_go_back(ask: Any) -> None:
    """As from a model that signs none, or of a stream that broke; nor those at the end of a message."""
    unsigned = Native("converse", {"reasoningContent": {"reasoningText": {"text": "Hm."}}})
    signed = Native("converse", {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "S"}}})
    history = (Message.user("Hi"), Message("assistant", (unsigned, Text("So."), signed)), Message.user("Go"))
    fields = await sent(ask, Request(history), CLAUDE)
    assert fields["messages"][1]["content"] == [{"text": "So."}]


async def test_marks_of_the_caller_keep_the_cache_option_out(ask: Any) -> None:
    """Only four are accepted."""
    point = WirePart("converse", {"cachePoint": {"type": "default"}})
    request = Request((Message("user", ("Long.", point, "Short.")),), system="S", cache=True)
    async with ask(Converse, NOTHING) as server:
        fields = await server.sent(request, model=CLAUDE)
    assert json.dumps(fields).count("cachePoint") == 1
    assert [(each.parameter, each.change) for each in server.heard] == [
        ("cache", "left to the marks in the conversation")
    ]


async def test_own_fields_are_merged_into_those_of_the_model(ask: Any) -> None:
    """And a guardrail goes beside them."""
    more = {"guardrailConfig": {"guardrailIdentifier": "g1", "guardrailVersion": "1"}}
    extra = {"bedrock": {**more, "additionalModelRequestFields": {"top_k": 9}}}
    request = Request((Message.user("Hi"),), reasoning=1_500, max_tokens=2_000, extra=extra)
    fields = await sent(ask, request, CLAUDE)
    assert fields["guardrailConfig"] == more["guardrailConfig"]
    assert fields["additionalModelRequestFields"]["top_k"] == 9
    assert fields["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 1_500


# --- answers -------------------------------------------------------------------------------------

BLOCKS: list[dict[str, Any]] = [
    {"reasoningContent": {"redactedContent": "cmVkYWN0ZWQ="}},
    {"text": "So."},
    {"citationsContent": {"content": [{"text": " It"}, {"text": " is."}], "citations": []}},
    {
        "toolUse": {
            "toolUseId": "s1",
            "name": "nova_code_interpreter",
            "type": "server_tool_use",
            "input": {"a": 1},
        }
    },
    {"toolResult": {"toolUseId": "s1", "status": "success", "content": [{"json": {"exitCode": 0}}]}},
    {"toolUse": {"toolUseId": "t1", "name": "look", "type": "tool_use", "input": {"at": "it"}}},
]


async def test_blocks_of_all_kinds_are_read_and_kept(ask: Any) -> None:
    """Cited text is text; what only Bedrock understands goes back to it, and a server's tools are its own."""
    answer = {"output": {"message": {"content": BLOCKS}}, "stopReason": "tool_use", "usage": USAGE}
    response = await answered(ask, answer)
    assert response.text == "So. It is."
    assert [(call.id, call.name) for call in response.tool_calls] == [("t1", "look")]
    natives = [dict(part.data) for part in response.parts if isinstance(part, Native)]
    assert natives == [BLOCKS[0], BLOCKS[3], BLOCKS[4]]


async def test_the_same_blocks_in_pieces_are_the_same_parts(ask: Any, streamed: Any) -> None:
    """Bytes in base64 are joined as bytes, and the arguments of a server's tool are parsed."""
    halves = [base64.b64encode(half).decode() for half in (b"re", b"dacted")]
    tool, result = BLOCKS[3]["toolUse"], BLOCKS[4]["toolResult"]

    def delta(index: int, **value: Any) -> dict[str, Any]:
        return {"contentBlockDelta": {"contentBlockIndex": index, "delta": value}}

    def start(index: int, **value: Any) -> dict[str, Any]:
        return {"contentBlockStart": {"contentBlockIndex": index, "start": value}}

    pieces = [
        {"messageStart": {"role": "assistant"}},
        *(delta(0, reasoningContent={"redactedContent": half}) for half in halves),
        delta(1, text="So."),
        delta(1, citation={"title": "A page"}),
        delta(2, text=" It is."),
        start(3, toolUse={name: tool[name] for name in ("toolUseId", "name", "type")}),
        delta(3, toolUse={"input": '{"a":'}),
        delta(3, toolUse={"input": "1}"}),
        start(4, toolResult={name: result[name] for name in ("toolUseId", "status")}),
        delta(4, toolResult=result["content"]),
        start(5, toolUse={"toolUseId": "t1", "name": "look"}),
        delta(5, toolUse={"input": '{"at":"it"}'}),
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": USAGE}},
    ]
    assert len(botocore_model.read_stream(as_frames(pieces))) == len(pieces)
    response = collected(await streamed_in(ask, streamed, as_frames(pieces)))
    assert response.text == "So. It is."
    assert [(call.id, call.arguments) for call in response.tool_calls] == [("t1", {"at": "it"})]
    natives = [dict(part.data) for part in response.parts if isinstance(part, Native)]
    assert natives == [BLOCKS[0], BLOCKS[3], BLOCKS[4]]
    assert [type(part) for part in response.parts] == [Native, Text, Native, Native, ToolCall]


@pytest.mark.parametrize(
    ("word", "answer", "reason"),
    [
        ("end_turn", "hello", FinishReason.STOP),
        ("max_tokens", "hello", FinishReason.LENGTH),
        ("model_context_window_exceeded", "", FinishReason.LENGTH),
        ("guardrail_intervened", "Sorry.", FinishReason.CONTENT_FILTER),
        ("something_new", "hello", FinishReason.OTHER),
        ("guardrail_intervened", "", ContentFilterError),
        ("content_filtered", "", ContentFilterError),
        ("malformed_tool_use", "hello", InvalidResponseError),
        ("malformed_model_output", "hello", InvalidResponseError),
    ],
)
async def test_why_a_model_stopped(ask: Any, streamed: Any, word: str, answer: str, reason: Any) -> None:
    """Whole and streamed alike."""
    whole = {**converse_whole(answer), "stopReason": word}
    pieces = converse_pieces(answer)[:-2]
    content = as_frames([*pieces, {"messageStop": {"stopReason": word}}, {"metadata": {"usage": USAGE}}])
    if isinstance(reason, type):
        with pytest.raises(reason):
            await answered(ask, whole)
        with pytest.raises(reason):
            await streamed_in(ask, streamed, content)
        return
    assert (await answered(ask, whole)).finish_reason is reason
    response = collected(await streamed_in(ask, streamed, content))
    assert (response.finish_reason, response.raw_finish_reason) == (reason, word)


async def test_a_stream_without_its_last_event_is_whole_but_its_usage_is_not(ask: Any, streamed: Any) -> None:
    """Nothing of the answer is missing."""
    pieces = converse_pieces("hello", usage=USAGE)
    response = collected(await streamed_in(ask, streamed, as_frames(pieces[:-1])))
    assert (response.text, response.finish_reason) == ("hello", FinishReason.STOP)
    assert not response.usage.complete
    response = collected(await streamed_in(ask, streamed, as_frames(pieces)))
    assert (response.usage.input, response.usage.output, response.usage.complete) == (11, 3, True)


# --- frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["answer", "tools"])
async def test_a_stream_cut_at_every_byte_is_the_same_answer(ask: Any, streamed: Any, which: str) -> None:
    """In chunks of every size, down to one byte."""
    content = body("converse", f"{which}.stream")
    expected = collected(await streamed_in(ask, streamed, content))
    for size in (1, 2, 3, 5, 11, 12, 13, 100):
        chunks = (content[at : at + size] for at in range(0, len(content), size))
        assert collected(await streamed_in(ask, streamed, *chunks)) == expected
    for place in range(1, len(content)):
        decoder = decoding.FrameDecoder()
        events = [*decoder.feed(content[:place]), *decoder.feed(content[place:]), *decoder.finish()]
        assert len(events) == len(split(content))


async def test_a_stream_that_is_cut_off_is_never_an_answer(ask: Any, streamed: Any) -> None:
    """At any byte before the end of its stop reason."""
    content = body("converse", "answer.stream")
    whole = sum(map(len, split(content)[:-1]))
    for place in range(0, whole, 7):
        with pytest.raises(ProviderError):
            await streamed_in(ask, streamed, content[:place])


async def test_a_damaged_frame_is_never_read(ask: Any, streamed: Any) -> None:
    """Each byte of it is covered by a checksum."""
    first, second, *rest = split(as_frames(converse_pieces("hello", usage=USAGE)))
    for place in range(len(second)):
        damaged = second[:place] + bytes([second[place] ^ 0x41]) + second[place + 1 :]
        with pytest.raises(InvalidResponseError, match=r"damaged|cut off|longer") as caught:
            await streamed_in(ask, streamed, first, damaged, *rest)
        assert caught.value.retryable


async def test_frames_without_a_meaning_are_passed_over(ask: Any, streamed: Any) -> None:
    """Events of other names, and members of them that are new."""
    pieces = split(as_frames(converse_pieces("hello", usage=USAGE)))
    new = [
        event("initial-response", b"{}"),
        event("somethingNew", b'{"a": [1]}'),
        event("keepAlive", b""),
        as_frame({"contentBlockDelta": {"contentBlockIndex": 7, "delta": {"newKind": {"x": 1}}}}),
    ]
    chunks = [each for piece in pieces[:-1] for each in (*new, piece)]
    response = collected(await streamed_in(ask, streamed, *chunks, pieces[-1]))
    assert (response.text, response.finish_reason) == ("hello", FinishReason.STOP)


async def test_a_frame_that_is_too_long_is_not_waited_for() -> None:
    """Neither where botocore's limit ends, nor ours."""
    begun = (20_000_000).to_bytes(4) + (0).to_bytes(4)
    begun += zlib.crc32(begun).to_bytes(4)
    decoding.FrameDecoder().feed(begun)
    with pytest.raises(ValueError, match="longer than 1000 bytes"):
        decoding.FrameDecoder(limit=1_000).feed(begun)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("internalServerException", ServerError),
        ("modelStreamErrorException", ServerError),
        ("validationException", InvalidRequestError),
        ("throttlingException", RateLimitError),
        ("serviceUnavailableException", OverloadedError),
        ("modelTimeoutException", AttemptTimeoutError),
        ("somethingNewException", ServerError),
    ],
)
async def test_an_exception_in_the_stream_is_an_error(
    ask: Any, streamed: Any, kind: str, error: type[Exception]
) -> None:
    """With the words of its payload."""
    begun = as_frames(converse_pieces("hello")[:2])
    content = begun + exception(kind, b'{"message": "Out of order", "originalStatusCode": 500}')
    with pytest.raises(error, match="Out of order") as caught:
        await streamed_in(ask, streamed, content)
    assert caught.value.in_stream  # type: ignore[attr-defined]


@pytest.mark.parametrize("payload", [b"", b"no JSON", b"[1]", b'{"message": null}'])
async def test_an_exception_that_says_nothing_is_an_error_too(
    ask: Any, streamed: Any, payload: bytes
) -> None:
    """And so is an error, which only its headers describe."""
    for last in (
        exception("throttlingException", payload),
        frame(payload, message_type="error", error_code="throttlingException", error_message="Slow down"),
    ):
        with pytest.raises(RateLimitError):
            await streamed_in(ask, streamed, last)


async def test_without_botocore_a_stream_is_refused_before_it_is_requested(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install; whole answers need nothing."""
    for name in ("botocore", "botocore.eventstream"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    async with ask(Converse, httpx.Response(200, json=converse_whole("hello"))) as server:
        with pytest.raises(ConfigurationError, match=r"pip install .ranvier\[bedrock\]"):
            await server.stream()
        assert not server.requests
        assert (await server.complete()).text == "hello"
    for broken in (b"{", b"", b"\x00" * 20, b"<html>Busy</html>", b"Busy, try again later"):
        async with ask(Converse, httpx.Response(200, content=broken)) as server:
            with pytest.raises(InvalidResponseError):
                await server.complete()


# --- errors --------------------------------------------------------------------------------------

ERRORS: list[tuple[int, str, str, type[Exception]]] = [
    (400, "ValidationException", "Malformed input request", InvalidRequestError),
    (400, "ValidationException", "Input is too long for requested model.", ContextLengthError),
    (400, "ValidationException", "This model doesn't support tool use.", UnsupportedRequestError),
    (400, "ServiceQuotaExceededException", "Too many", QuotaExceededError),
    (403, "AccessDeniedException", "You don't have access to the model", PermissionDeniedError),
    (403, "UnrecognizedClientException", "The security token is invalid.", AuthenticationError),
    (403, "ExpiredTokenException", "The security token is expired", AuthenticationError),
    (403, "InvalidSignatureException", "does not match", AuthenticationError),
    (408, "ModelTimeoutException", "Timed out", AttemptTimeoutError),
    (424, "ModelErrorException", "The model failed", ServerError),
    (429, "ThrottlingException", "Too many tokens, please wait before trying again.", RateLimitError),
    (429, "ThrottlingException", "Too many tokens per day, please wait.", QuotaExceededError),
    (429, "ModelNotReadyException", "Not ready", OverloadedError),
    (500, "InternalServerException", "Unexpected", ServerError),
    (529, "InternalServerException", "Unexpected", OverloadedError),
    (503, "ServiceUnavailableException", "Unable", OverloadedError),
]


@pytest.mark.parametrize(("status", "kind", "message", "error"), ERRORS)
async def test_the_class_of_an_error_is_in_a_header(
    ask: Any, status: int, kind: str, message: str, error: type[Exception]
) -> None:
    """The body has only its message."""
    headers = {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/", "x-amzn-requestid": "r-1"}
    async with ask(Converse, httpx.Response(status, headers=headers, json={"message": message})) as server:
        with pytest.raises(error) as caught:
            await server.complete()
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.request_id) == (kind, "r-1")  # type: ignore[attr-defined]


async def test_a_key_that_is_not_valid_is_no_missing_permission(ask: Any) -> None:
    """Bedrock answers with a 403 and a body of its own."""
    told = {"Message": "Authentication failed: Please make sure your API Key is valid."}
    async with ask(Converse, httpx.Response(403, json=told)) as server:
        with pytest.raises(AuthenticationError, match="make sure your API Key is valid"):
            await server.complete()


async def test_a_rejected_signature_is_left_out_once(ask: Any) -> None:
    """The request is sent again without the thoughts, and the next one is right at once."""
    thought = Native("converse", {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "SIG"}}})
    history = Request((Message.user("q"), Message("assistant", (thought, Text("a"))), Message.user("q")))
    words = "messages.1.content.0: Invalid `signature` in `thinking` block"

    def serve(request: httpx.Request) -> httpx.Response:
        if b"SIG" in request.content:
            return httpx.Response(400, json={"message": words})
        return httpx.Response(200, json=converse_whole("hello"))

    async with ask(Converse, serve) as server:
        for requests in (2, 3):
            assert (await server.complete(history, model=CLAUDE)).text == "hello"
            assert len(server.requests) == requests


# --- botocore's word -----------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["answer", "tools"])
async def test_answers_are_what_botocore_reads(ask: Any, streamed: Any, which: str) -> None:
    """The bodies of the tests are true ones, and whole and streamed mean the same."""
    whole = botocore_model.read_answer(body("converse", f"{which}.json"))
    events = botocore_model.read_stream(body("converse", f"{which}.stream"))
    deltas = [each["contentBlockDelta"]["delta"] for each in events if "contentBlockDelta" in each]
    text = "".join(delta.get("text", "") for delta in deltas)
    assert text == "".join(block.get("text", "") for block in whole["output"]["message"]["content"])
    response = collected(await streamed_in(ask, streamed, body("converse", f"{which}.stream")))
    usage = events[-1]["metadata"]["usage"]
    assert (response.text, response.raw_finish_reason) == (text, whole["stopReason"])
    assert response.usage.total == usage["totalTokens"] == whole["usage"]["totalTokens"]
