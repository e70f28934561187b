"""The parts of our messages, as a chat model of LangChain gets them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from ranvier import (
    Audio,
    Document,
    Image,
    Message,
    Native,
    Pipeline,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    UnsupportedRequestError,
    WirePart,
    WireTool,
    providers,
)
from ranvier.events import ParameterDropped
from ranvier.layers import Fallback
from ranvier.providers import Stub
from support.langchain.scripted import Scripted

PIXEL = b"\x89PNG\r\n\x1a\n and the rest"
PDF = b"%PDF-1.7 and the rest"
SOUND = b"ID3 and the rest"
MARK = {"cache_control": {"type": "ephemeral"}}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def sent(
    conversation: Sequence[Message], vendor: str = "scripted", **options: Any
) -> tuple[Any, dict[str, Any], list[str]]:
    """The messages and arguments that the chat model gets, and what was left out."""
    model = Scripted(replies=[AIMessage("fine")], vendor=vendor)
    left_out: list[str] = []

    def hear(event: object) -> None:
        if isinstance(event, ParameterDropped):
            left_out.append(event.parameter)

    pipeline = Pipeline(Fallback(providers.from_langchain(model, name="theirs")), listeners=[hear])
    await pipeline.complete(conversation, **options)
    await pipeline.aclose()
    ((messages, arguments),) = model.asked
    return messages, arguments, left_out


async def rejection_of(message: Message, vendor: str = "scripted", **options: Any) -> UnsupportedRequestError:
    """The error of the chat model, after which the next target is asked."""
    model = Scripted(replies=[], vendor=vendor)
    provider = providers.from_langchain(model, name="theirs")
    conversation = [Message.user("Look."), message, *_results(message)]
    async with Pipeline(Fallback(provider), listeners=()) as alone:
        with pytest.raises(UnsupportedRequestError, match="theirs") as caught:
            await alone.complete(conversation, **options)
    async with Pipeline(Fallback(provider, Stub("fine")), listeners=()) as pipeline:
        assert (await pipeline.complete(conversation, **options)).provider == "stub"
    assert not model.asked
    return caught.value


def _results(message: Message) -> list[Message]:
    return [Message.tool(call.id, "1") for call in message.tool_calls]


BLOCKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "picture": (Image(data=PIXEL), {"type": "image", "base64": encoded(PIXEL), "mime_type": "image/png"}),
    "picture by URL": (Image("https://a/b.png"), {"type": "image", "url": "https://a/b.png"}),
    "picture with a detail": (
        Image("https://a/b.png", detail="low"),
        {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
    ),
    "PDF": (
        Document(data=PDF, name="a.pdf", extra=MARK),
        {
            "type": "file",
            "base64": encoded(PDF),
            "mime_type": "application/pdf",
            "extras": {"filename": "a.pdf", "title": "a.pdf"},
            **MARK,
        },
    ),
    "PDF by URL": (
        Document("https://a/b.pdf"),
        {
            "type": "file",
            "url": "https://a/b.pdf",
            "mime_type": "application/pdf",
            "extras": {"filename": "b.pdf", "title": "b.pdf"},
        },
    ),
    "text": (
        Document.from_text("All of it.", name="a.txt"),
        {"type": "text", "text": '\n<document name="a.txt">\nAll of it.\n</document>\n'},
    ),
    "sound": (Audio(data=SOUND), {"type": "audio", "base64": encoded(SOUND), "mime_type": "audio/mp3"}),
    "sound by URL": (
        Audio("https://a/b.mp3"),
        {"type": "audio", "url": "https://a/b.mp3", "mime_type": "audio/mp3"},
    ),
    "words with a mark": (Text("Look.", MARK), {"type": "text", "text": "Look.", **MARK}),
    "part of an API": (WirePart("gemini", {"type": "media", "x": 1}), {"type": "media", "x": 1}),
}


@pytest.mark.parametrize("part", BLOCKS)
async def test_a_part_arrives_as_a_block(part: str) -> None:
    """Each in the form that most chat models take."""
    given, block = BLOCKS[part]
    messages, _, left_out = await sent([Message("user", ("What?", given))])
    assert messages[0].content == [{"type": "text", "text": "What?"}, block]
    assert not left_out


async def test_a_result_of_a_tool_holds_media_too() -> None:
    """In a message of LangChain for results."""
    result = ToolResult("c1", (Text("Here."), Image(data=PIXEL)), "look")
    call = Message.assistant(tool_calls=[ToolCall("c1", "look")])
    messages, _, _ = await sent([Message.user("Look."), call, Message("tool", (result,))])
    assert [block["type"] for block in messages[2].content] == ["text", "image"]


async def test_fields_that_the_api_lacks_are_left_out_with_an_event() -> None:
    """Those that only tune; marks for a cache at OpenAI, and what LangChain has no place for."""
    conversation = [
        Message("user", (Text("Look.", MARK), Document.from_text("x", name="a"))),
        Message("assistant", (ToolCall("c1", "look", extra=MARK),), {"name": "ann"}),
        Message("tool", (ToolResult("c1", "1", extra={"cache_control": 1}),)),
    ]
    messages, _, left_out = await sent(conversation, "openai")
    assert "cache_control" not in str(messages)
    assert messages[1].name == "ann"
    assert set(left_out) == {"cache_control"}
    messages, _, left_out = await sent(conversation, "anthropic")
    assert messages[0].content[0] == {"type": "text", "text": "Look.", **MARK}


UNSENT: dict[str, tuple[Message, str, dict[str, Any]]] = {
    "field of a message": (Message("assistant", "I", {"partial": True}), "scripted", {}),
    "field of a call": (Message("assistant", (ToolCall("c1", "look", extra={"x": 1}),)), "scripted", {}),
    "field of a text as a document": (
        Message("user", (Document(data=b"x", name="a", extra={"context": "old"}),)),
        "anthropic",
        {},
    ),
    "part of another API": (Message("user", (WirePart("gemini", {"fileData": {}}),)), "openai", {}),
    "part of an API that LangChain words otherwise": (
        Message("user", (WirePart("gemini", {"fileData": {}}),)),
        "google_genai",
        {},
    ),
    "tool of another API": (
        Message.assistant("I"),
        "openai",
        {"tools": [WireTool("anthropic", {"type": "web_search_20250305", "name": "web_search"})]},
    ),
    "picture of the assistant": (Message("assistant", (Image(data=PIXEL),)), "openai", {}),
}


@pytest.mark.parametrize("what", UNSENT)
async def test_the_next_target_is_asked_what_a_chat_model_cannot_be_sent(what: str) -> None:
    """Nothing is left out silently."""
    message, vendor, options = UNSENT[what]
    await rejection_of(message, vendor, **options)


async def test_a_tool_keeps_its_further_fields() -> None:
    """At Claude's chat model they only count in the words of its API."""
    tool = Tool("look", "Looks.", {"type": "object"}, extra={"strict": True, **MARK})
    _, arguments, left_out = await sent([Message.user("Hi")], "openai", tools=[tool])
    assert arguments["tools"][0]["function"]["strict"] is True
    assert left_out == ["cache_control"]
    _, arguments, left_out = await sent([Message.user("Hi")], "anthropic", tools=[tool], tool_choice="none")
    told = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
    assert arguments["tools"] == [{**told, "strict": True, **MARK}]
    assert arguments["tool_choice"] == {"type": "none"}
    assert not left_out


async def test_a_chat_model_that_raises_for_a_block_is_passed_over() -> None:
    """LangChain's chat models reject blocks that they do not know with a ValueError."""
    model = Scripted(replies=[ValueError("Block of type audio is not supported.")])
    pipeline = Pipeline(Fallback(providers.from_langchain(model), Stub("fine")), listeners=())
    heard = [Message("user", (Audio(data=SOUND),))]
    assert (await pipeline.complete(heard)).provider == "stub"
    model.replies.append(ValueError("a mistake"))
    with pytest.raises(ValueError, match="a mistake"):
        await pipeline.complete("Hi")
    await pipeline.aclose()


async def test_opaque_parts_of_others_are_left_out() -> None:
    """As at every provider; those of another model of the same name, too."""
    own = Native("langchain:theirs", {"content": [{"type": "text", "text": "ours"}]}, model="another")
    answer = Message("assistant", (Native("anthropic", {"type": "thinking"}), own, Text("Because.")))
    messages, _, _ = await sent([Message.user("Why?"), answer])
    assert messages[1] == AIMessage("Because.")
