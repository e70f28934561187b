"""What holds for each of the seven providers, whatever its wire looks like."""

import base64
import dataclasses
import json
import random
from typing import Any

import httpx
import pytest

from ranvier.errors import InvalidResponseError, ProviderError, UnsupportedRequestError
from ranvier.messages import FinishReason, Image, Message, Request, Response, Schema, Text
from ranvier.pipeline.registry import provider_named
from support.providers.bedrock_apis import reworded
from support.providers.seven import APIS, CITY, PNG, WEATHER, body, collected

NOTHING = httpx.Response(200, json={})

ANSWERED = {
    # model, id, the provider's own word for why it stopped
    "anthropic": ("claude-sonnet-5", "msg_01", "end_turn"),
    "openai": ("gpt-5.2-2026-08-01", "chatcmpl-1", "stop"),
    "responses": ("gpt-5.2-2026-08-01", "resp_01", "completed"),
    "gemini": ("gemini-3.6-flash", "be01", "STOP"),
    "kimi": ("kimi-k2.6", "chatcmpl-k1", "stop"),
    "glm": ("glm-5.2", "2026112400010001", "stop"),
    "openrouter": ("anthropic/claude-sonnet-5", "gen-1790000000-a", "stop"),
    "ollama": ("qwen3", None, "stop"),
    "converse": ("m", None, "end_turn"),  # it names no model, and its id is in a header
}

THINKS_SILENTLY = {"openai"}
NAMES_NO_MODEL = {"ollama", "converse"}
SHARES = {"ollama": (0, 0), "converse": (5, 0)}
"""Tokens read from the cache, and of reasoning, where not both are counted."""
SAYS_NOTHING_BESIDE_CALLS = {"openai", "glm"}

PLACES = {
    "anthropic": ("https://api.anthropic.com/v1/messages", "x-api-key", ("ANTHROPIC_API_KEY",)),
    "openai": ("https://api.openai.com/v1/chat/completions", "authorization", ("OPENAI_API_KEY",)),
    "responses": ("https://api.openai.com/v1/responses", "authorization", ("OPENAI_API_KEY",)),
    "gemini": (
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
        "x-goog-api-key",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    "kimi": (
        "https://api.moonshot.ai/v1/chat/completions",
        "authorization",
        ("KIMI_API_KEY", "MOONSHOT_API_KEY"),
    ),
    "glm": (
        "https://open.bigmodel.cn/api/paas/v4/chat/completions",
        "authorization",
        ("GLM_API_KEY", "ZAI_API_KEY"),
    ),
    "openrouter": ("https://openrouter.ai/api/v1/chat/completions", "authorization", ("OPENROUTER_API_KEY",)),
    "ollama": ("http://localhost:11434/api/chat", "authorization", ("OLLAMA_API_KEY",)),
    "converse": (
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse",
        "authorization",
        ("AWS_BEARER_TOKEN_BEDROCK",),
    ),
}

each_provider = pytest.mark.parametrize("name", APIS)


def asked(*parts: Any, **settings: Any) -> Request:
    """A request with these parts in its one message."""
    return Request((Message("user", parts or ("Hi",)),), **settings)


async def whole(ask: Any, name: str, which: str) -> Response:
    """The whole answer of that name."""
    async with ask(APIS[name], httpx.Response(200, content=body(name, f"{which}.json"))) as server:
        answer: Response = await server.complete(model="m")
    return answer


async def in_pieces(ask: Any, streamed: Any, name: str, *pieces: bytes) -> Response:
    """What a stream in these pieces adds up to."""
    async with ask(APIS[name], streamed(*pieces)) as server:
        return collected(await server.stream(model="m"), name)


# --- what comes back -----------------------------------------------------------------------------


@each_provider
async def test_an_answer_means_the_same_from_everyone(ask: Any, name: str) -> None:
    """Text, reasoning, reason, tokens, id and model are read from wherever the wire has them."""
    answer = await whole(ask, name, "answer")
    model, given, raw = ANSWERED[name]
    assert (answer.text, answer.finish_reason) == ("Sunny, 21 °C.", FinishReason.STOP)
    assert answer.reasoning == ("" if name in THINKS_SILENTLY else "Let me see.")
    assert (answer.model, answer.id, answer.raw_finish_reason) == (model, given, raw)
    assert (answer.usage.input, answer.usage.output, answer.usage.total) == (20, 9, 29)
    assert (answer.usage.cache_read, answer.usage.reasoning) == SHARES.get(name, (5, 4))
    assert answer.usage.complete
    assert answer.provider == name


@each_provider
async def test_a_tool_call_means_the_same_from_everyone(ask: Any, name: str) -> None:
    """A call has an id, a name and parsed arguments, and it is why the model stopped."""
    answer = await whole(ask, name, "tools")
    (call,) = answer.tool_calls
    assert (call.name, call.arguments, call.invalid) == ("get_weather", {"city": "Zürich"}, None)
    assert call.id
    assert answer.text == ("" if name in SAYS_NOTHING_BESIDE_CALLS else "Let me look.")
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    assert (answer.usage.input, answer.usage.output, answer.usage.total) == (20, 30, 50)


@each_provider
@pytest.mark.parametrize("which", ["answer", "tools"])
async def test_a_stream_adds_up_to_the_whole_answer(
    ask: Any, streamed: Any, cut: Any, name: str, which: str
) -> None:
    """Streamed or whole, and in whatever chunks it arrives, it is the same answer."""
    expected, content = await whole(ask, name, which), body(name, f"{which}.stream")
    dice = random.Random(name)
    for pieces in ([content], *(list(cut(content, dice)) for _ in range(5))):
        answer = await in_pieces(ask, streamed, name, *pieces)
        assert without_ids(answer) == without_ids(expected)


def without_ids(answer: Response) -> Any:
    """An answer without what is made up anew each time: ids that the wire does not give."""
    calls = tuple(dataclasses.replace(call, id="") for call in answer.tool_calls)
    model = "" if answer.provider in NAMES_NO_MODEL else answer.model
    return dataclasses.replace(answer, tool_calls=calls, parts=(), model=model)


@each_provider
@pytest.mark.parametrize("which", ["answer", "tools"])
async def test_a_stream_that_ends_anywhere_before_its_end_is_no_answer(
    ask: Any, streamed: Any, name: str, which: str
) -> None:
    """Only the wire's own terminal event makes an answer whole."""
    content = body(name, f"{which}.stream")
    end = terminal(name, content)
    for place in random.Random(name).sample(range(1, end), 12):
        with pytest.raises(ProviderError):
            await in_pieces(ask, streamed, name, content[:place])


def terminal(name: str, content: bytes) -> int:
    """Where the event begins that ends the answer."""
    word = {"anthropic": b'"message_stop"', "gemini": b'"finishReason"', "ollama": b'"done":true'}
    word |= {"responses": b'"type":"response.completed"', "converse": b"messageStop"}
    return content.index(word.get(name, b'"finish_reason":"'))


BARE = {
    # what comes with status 200 where an answer belongs, and what it is
    "quota_exhausted": {"success": False, "msg": "insufficient balance"},
    "auth": {"code": 401, "msg": "token expired or incorrect"},
    "rate_limit": {"object": "error", "message": "engine queue is full", "type": "x", "code": 429},
    "server_error": {"object": "error", "message": "boom"},
}


@each_provider
@pytest.mark.parametrize("kind", BARE)
async def test_a_bare_error_in_place_of_an_answer_is_that_error(
    ask: Any, streamed: Any, name: str, kind: str
) -> None:
    """Whole and as the first event of a stream, though it is wrapped in nothing and has a good status."""
    content = json.dumps(BARE[kind])
    line = f"{content}\n" if name == "ollama" else f"data: {content}\n\n"
    for reply, way in ((httpx.Response(200, text=content), "complete"), (streamed(line.encode()), "stream")):
        async with ask(APIS[name], reply) as server:
            with pytest.raises(ProviderError) as caught:
                await getattr(server, way)(model="m")
        assert caught.value.kind == kind, way


@each_provider
@pytest.mark.parametrize("word", ["network_error", "error", "abort", "insufficient_system_resource"])
async def test_a_finish_reason_that_says_that_it_broke_off_is_none(
    ask: Any, streamed: Any, name: str, word: str
) -> None:
    """What came until then is no answer, whole or streamed, and may be asked for again."""
    usual, broken = (f'"{each}"'.encode() for each in (ANSWERED[name][2], word))
    content, stream = (body(name, f"answer.{kind}") for kind in ("json", "stream"))
    assert usual in content
    assert usual in stream
    content, stream = (reworded(each, lambda text: text.replace(usual, broken)) for each in (content, stream))
    for reply, way in ((httpx.Response(200, content=content), "complete"), (streamed(stream), "stream")):
        async with ask(APIS[name], reply) as server:
            with pytest.raises(InvalidResponseError, match=f"cut the answer off: {word}") as caught:
                await getattr(server, way)(model="m")
        assert caught.value.retryable


@each_provider
async def test_a_page_in_place_of_an_answer_is_named(ask: Any, streamed: Any, name: str) -> None:
    """A proxy's page with status 200 is told as what it is, whole and streamed, and not as a cut."""
    page = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body>{\n</body></html>\n"
    for ask_for in ("complete", "stream"):
        async with ask(APIS[name], streamed(page)) as server:
            with pytest.raises(InvalidResponseError, match="a page of HTML: Sign in") as caught:
                await getattr(server, ask_for)(model="m")
        assert "<html>" in caught.value.body_preview


@each_provider
async def test_a_page_is_no_stream_whatever_its_lines_look_like(ask: Any, streamed: Any, name: str) -> None:
    """Data in a script of a page is taken for no event, and an endless page is not read to its end."""
    page = b'<html><title>Sign in</title>\n<script>\n{"error": "x"}\n\ndata: {"error": "x"}\n\n'
    ends = ([b"</html>"], [b" " * 4000, ConnectionResetError("read on")])
    for end in ends:
        async with ask(APIS[name], streamed(page, *end)) as server:
            with pytest.raises(InvalidResponseError, match="a page of HTML: Sign in"):
                await server.stream(model="m")


# --- what is sent --------------------------------------------------------------------------------


@each_provider
async def test_everyone_is_asked_where_it_lives(ask: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The address, the header of the key and the variables of the environment are those of its vendor."""
    for variable in ("OLLAMA_HOST", *(each for _, _, variables in PLACES.values() for each in variables)):
        monkeypatch.delenv(variable, raising=False)
    address, header, variables = PLACES[name]
    async with ask(APIS[name], NOTHING) as server:
        await server.sent(model="m", key="sk-1")
    assert str(server.requests[0].url) == address
    assert "sk-1" in server.requests[0].headers[header]
    assert "sk-1" not in str(server.requests[0].url)
    assert server.provider.environment == variables
    if name != "converse":  # whose requests are signed then
        assert server.provider.credential() is None
    for variable in reversed(variables):
        monkeypatch.setenv(variable, f"of {variable}")
        assert APIS[name]().credential() == f"of {variable}"
    assert APIS[name]("mine").credential() == "mine"
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    vendor = APIS[name].family
    assert isinstance(APIS[name]("mine"), type(provider_named(vendor)))


def pictures(name: str, sent: Any) -> Any:
    """The content of the message as it was sent, or the message itself on Ollama."""
    if name == "gemini":
        return sent["contents"][0]["parts"]
    turns = sent["input"] if name == "responses" else sent["messages"]
    return turns[0] if name == "ollama" else turns[0]["content"]


@each_provider
async def test_a_picture_by_its_bytes_goes_to_everyone(ask: Any, name: str) -> None:
    """It stands among the words, in their order, in the way of the wire."""
    encoded = base64.b64encode(PNG).decode()
    async with ask(APIS[name], NOTHING) as server:
        request = asked("What is", Image(data=PNG), "this?")
        sent = pictures(name, await server.sent(request, model="m"))
    url: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}}
    words = [{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"}]
    assert sent == {
        "anthropic": [
            words[0],
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded}},
            words[1],
        ],
        "gemini": [
            {"text": "What is"},
            {"inlineData": {"mimeType": "image/png", "data": encoded}},
            {"text": "this?"},
        ],
        "responses": [
            {"type": "input_text", "text": "What is"},
            {"type": "input_image", "image_url": url["image_url"]["url"], "detail": "auto"},
            {"type": "input_text", "text": "this?"},
        ],
        "ollama": {"role": "user", "content": "What isthis?", "images": [encoded]},
        "converse": [
            {"text": "What is"},
            {"image": {"format": "png", "source": {"bytes": encoded}}},
            {"text": "this?"},
        ],
    }.get(name, [words[0], url, words[1]])


@each_provider
async def test_a_picture_by_its_address_goes_to_those_who_fetch_it(ask: Any, name: str) -> None:
    """Who fetches nothing cannot be asked, so that the next target is."""
    address = "https://x.test/a.webp?size=1"
    async with ask(APIS[name], NOTHING) as server:
        request = asked(Image(address))
        if name in ("kimi", "ollama", "converse"):
            with pytest.raises(UnsupportedRequestError, match="does not fetch images") as caught:
                await server.complete(request, model="m")
            assert caught.value.fails_over
            assert not server.requests
            return
        sent = pictures(name, await server.sent(request, model="m"))
    assert sent == {
        "anthropic": [{"type": "image", "source": {"type": "url", "url": address}}],
        "gemini": [{"fileData": {"fileUri": address, "mimeType": "image/webp"}}],
        "responses": [{"type": "input_image", "image_url": address, "detail": "auto"}],
    }.get(name, [{"type": "image_url", "image_url": {"url": address}}])


@each_provider
async def test_a_picture_of_the_assistants_is_never_lost_silently(ask: Any, name: str) -> None:
    """Gemini takes it; all others cannot be asked."""
    history = (Message.user("Draw"), Message("assistant", (Image(data=PNG),)), Message.user("Again"))
    async with ask(APIS[name], NOTHING) as server:
        if name == "gemini":
            sent = await server.sent(Request(history))
            assert "inlineData" in sent["contents"][1]["parts"][0]
            return
        with pytest.raises(UnsupportedRequestError, match="no images from the assistant"):
            await server.complete(Request(history))


@each_provider
async def test_a_form_is_asked_for_in_the_way_of_the_wire(ask: Any, name: str) -> None:
    """A JSON schema goes where the wire has a place for it, else into the instructions."""
    async with ask(APIS[name], NOTHING) as server:
        request = asked(system="Be terse.", schema=Schema(CITY, "place"))
        sent = await server.sent(request, model="claude-sonnet-5" if name == "anthropic" else "m")
    if name == "anthropic":
        assert sent["output_config"] == {"format": {"type": "json_schema", "schema": CITY}}
    elif name == "gemini":
        assert sent["generationConfig"] == {
            "responseMimeType": "application/json",
            "responseJsonSchema": CITY,
        }
    elif name == "ollama":
        assert sent["format"] == CITY
    elif name == "responses":
        form = {"type": "json_schema", "name": "place", "schema": CITY, "strict": True}
        assert sent["text"] == {"format": form}
        assert sent["instructions"] == "Be terse."
    elif name == "converse":
        form = {"name": "place", "schema": json.dumps(CITY, separators=(",", ":"))}
        assert sent["outputConfig"] == {
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": form}}
        }
    elif name in ("kimi", "glm"):
        assert sent["response_format"] == {"type": "json_object"}
        system = sent["messages"][0]["content"]
        assert system.startswith("Be terse.\n\nAnswer with one JSON object")
        assert json.loads(system.splitlines()[-1]) == CITY
    else:
        form = {"name": "place", "schema": CITY, "strict": True}
        assert sent["response_format"] == {"type": "json_schema", "json_schema": form}


@each_provider
async def test_tools_that_may_not_be_used_are_never_offered_as_usable(ask: Any, name: str) -> None:
    """Where a wire has no word for `none`, the tools are not sent at all."""
    async with ask(APIS[name], NOTHING) as server:
        sent = await server.sent(asked(tools=(WEATHER,), tool_choice="none"), model="m")
    forbidden = sent.get("tool_choice", sent.get("toolConfig"))
    if name in ("glm", "ollama", "converse"):
        assert "tools" not in sent
        assert forbidden is None
    else:
        assert sent["tools"]
        assert "none" in str(forbidden).lower()


@each_provider
async def test_words_stay_in_order_and_an_empty_message_is_no_error(ask: Any, name: str) -> None:
    """Text in several parts is not reordered; nothing of ours breaks on a message without any."""
    async with ask(APIS[name], NOTHING) as server:
        sent = await server.sent(
            Request((Message("user", (Text("a"), Text("b"))), Message("user", ()))), model="m"
        )
    assert json.dumps(sent).index('"a') < json.dumps(sent).index("b")
