"""The blocks of LangChain's messages, as a provider gets them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, FunctionMessage, HumanMessage, ToolMessage

from ranvier import (
    Audio,
    ConfigurationError,
    Document,
    Image,
    Message,
    Native,
    Request,
    Text,
    ToolCall,
    WirePart,
)
from ranvier.integrations.langchain import ChatRanvier
from support.langchain.asking import asked, pipeline_of

PIXEL = b"\x89PNG\r\n\x1a\n and the rest"
PDF = b"%PDF-1.7 and the rest"
SOUND = b"RIFF    WAVE and the rest"
MARK = {"cache_control": {"type": "ephemeral"}}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{encoded(data)}"


PICTURE = Image(data=PIXEL, media_type="image/png")
REPORT = Document(data=PDF, name="a.pdf")
VOICE = Audio(data=SOUND)
PAPER = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": encoded(PDF)},
}

READ: dict[str, tuple[dict[str, Any], Any]] = {
    "picture": ({"type": "image", "base64": encoded(PIXEL), "mime_type": "image/png"}, PICTURE),
    "picture, before 1.0": (
        {"type": "image", "source_type": "base64", "data": encoded(PIXEL), "mime_type": "image/png"},
        PICTURE,
    ),
    "picture by URL": (
        {"type": "image", "url": "https://example.com/a.png"},
        Image("https://example.com/a.png"),
    ),
    "picture with a detail": (
        {"type": "image", "url": "https://example.com/a.png", "extras": {"detail": "high", **MARK}},
        Image("https://example.com/a.png", detail="high", extra=MARK),
    ),
    "picture of chat completions": (
        {"type": "image_url", "image_url": {"url": data_url(PIXEL, "image/png"), "detail": "low"}},
        Image(data=PIXEL, media_type="image/png", detail="low"),
    ),
    "picture of Anthropic": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded(PIXEL)}},
        PICTURE,
    ),
    "file": (
        {
            "type": "file",
            "base64": encoded(PDF),
            "mime_type": "application/pdf",
            "extras": {"filename": "a.pdf", **MARK},
        },
        Document(data=PDF, name="a.pdf", extra=MARK),
    ),
    "file of chat completions": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url(PDF, "application/pdf")}},
        REPORT,
    ),
    "file of chat completions with a text": (  # LangChain says that it is a PDF
        {"type": "file", "file": {"filename": "a.csv", "file_data": data_url(b"a,b", "text/csv")}},
        Document(data=b"a,b", media_type="text/csv", name="a.csv"),
    ),
    "file of the Responses API": (
        {"type": "input_file", "filename": "a.pdf", "file_data": data_url(PDF, "application/pdf")},
        REPORT,
    ),
    "file without a type": ({"type": "file", "base64": encoded(PDF)}, Document(data=PDF)),
    "file by URL": (
        {"type": "file", "url": "https://example.com/a.pdf"},
        Document("https://example.com/a.pdf"),
    ),
    "text by URL": (
        {"type": "file", "url": "https://example.com/a", "mime_type": "text/csv"},
        Document("https://example.com/a", media_type="text/csv"),
    ),
    "document of Anthropic": ({**PAPER, "title": "a.pdf"}, REPORT),
    "text": (
        {
            "type": "text-plain",
            "text": "All of it.",
            "title": "a",
            "context": "old",
            "mime_type": "text/plain",
        },
        Document(data=b"All of it.", media_type="text/plain", name="a", extra={"context": "old"}),
    ),
    "text as base64": (
        {"type": "text-plain", "base64": encoded(b"All of it."), "mime_type": "text/plain"},
        Document(data=b"All of it.", media_type="text/plain"),
    ),
    "sound": ({"type": "audio", "base64": encoded(SOUND), "mime_type": "audio/x-wav"}, VOICE),
    "sound by URL": (
        {"type": "audio", "url": "https://example.com/a.mp3"},
        Audio("https://example.com/a.mp3"),
    ),
    "sound of chat completions": (
        {"type": "input_audio", "input_audio": {"data": encoded(SOUND), "format": "wav"}},
        VOICE,
    ),
    "words with a mark": ({"type": "text", "text": "Look.", **MARK}, Text("Look.", MARK)),
    "words with extras": (
        {"type": "text", "text": "Look.", "extras": MARK, "id": "lc_1"},
        Text("Look.", MARK),
    ),
    "wrapped": ({"type": "non_standard", "value": PAPER}, Document(data=PDF)),
}


@pytest.mark.parametrize("form", READ)
async def test_a_block_arrives_as_a_part(form: str) -> None:
    """In LangChain's forms, and in those of the APIs that it takes as well."""
    block, part = READ[form]
    request = await asked([HumanMessage([{"type": "text", "text": "What?"}, block])])
    assert request.messages[0].content == (Text("What?"), part)


OF_ONE_API: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "file on a server": (
        {"type": "file", "file": {"file_id": "file-1"}},
        "chat_completions",
        {"type": "file", "file": {"file_id": "file-1"}},
    ),
    "picture on a server": (
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        "anthropic",
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ),
    "file that is no document": (
        {"type": "file", "base64": encoded(b"PK"), "mime_type": "application/zip", "filename": "a.zip"},
        "chat_completions",
        {"type": "file", "file": {"filename": "a.zip", "file_data": data_url(b"PK", "application/zip")}},
    ),
    "another sound": (
        {"type": "audio", "base64": encoded(b"webm"), "mime_type": "audio/webm", **MARK},
        "chat_completions",
        {"type": "input_audio", "input_audio": {"data": encoded(b"webm"), "format": "webm"}, **MARK},
    ),
    "file by URL that is no document": (
        {"type": "file", "url": "https://example.com/a.docx"},
        "responses",
        {"type": "input_file", "file_url": "https://example.com/a.docx"},
    ),
    "video": (
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
        "chat_completions",
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    ),
}


@pytest.mark.parametrize("form", OF_ONE_API)
async def test_what_only_one_api_has_goes_to_targets_with_it(form: str) -> None:
    """In its own words; other targets are skipped."""
    block, wire, data = OF_ONE_API[form]
    request = await asked([HumanMessage([block])])
    assert request.messages[0].parts == (WirePart(wire, data),)


async def test_media_in_the_result_of_a_tool_arrive() -> None:
    """All kinds that a tool may return."""
    blocks = [READ[form][0] for form in ("picture", "file", "sound")]
    call = {"id": "c1", "name": "look", "args": {}, "type": "tool_call"}
    request = await asked(["Look.", AIMessage("", tool_calls=[call]), ToolMessage(blocks, tool_call_id="c1")])
    (result,) = request.messages[2].parts
    assert [type(part) for part in getattr(result, "parts", ())] == [Image, Document, Audio]


REJECTED: dict[str, Any] = {
    "unknown block": HumanMessage([{"type": "hologram"}]),
    "picture without content": HumanMessage([{"type": "image"}]),
    "picture with two contents": HumanMessage(
        [{"type": "image", "url": "https://a/b.png", "base64": "AA=="}]
    ),
    "picture on an unknown server": HumanMessage([{"type": "image", "file_id": "file-1"}]),
    "video": HumanMessage([{"type": "video", "url": "https://example.com/a.mp4"}]),
    "unknown key": HumanMessage([{"type": "image", "url": "https://a/b.png", "caption": "secret words"}]),
    "unknown extra": HumanMessage([{"type": "text", "text": "x", "extras": {"tone": "secret words"}}]),
    "broken base64": HumanMessage([{"type": "file", "base64": "secret words"}]),
    "message of a function": FunctionMessage("3", name="add"),
    "role without a call": ChatMessage("x", role="tool"),
    "call of another message": AIMessage([{"type": "tool_call", "id": "c9", "name": "add", "args": {}}]),
}


@pytest.mark.parametrize("what", REJECTED)
async def test_what_has_no_equivalent_is_rejected(what: str) -> None:
    """Nothing is left out silently, and nothing is quoted."""
    pipeline, provider = pipeline_of("fine")
    with pytest.raises(ConfigurationError, match=r"messages\[0\]") as caught:
        await ChatRanvier(pipeline).ainvoke([REJECTED[what]])
    assert "secret words" not in str(caught.value)
    assert not provider.calls


# --- answers of others ---------------------------------------------------------------------------


async def answer_of(message: AIMessage) -> Message:
    request: Request = await asked([HumanMessage("Why?"), message, HumanMessage("Really?")])
    return request.messages[1]


async def test_an_answer_of_another_chat_model_goes_on_here() -> None:
    """Without what is only for its issuer or says something about the answer, and with each call once."""
    message = AIMessage(
        [
            {"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": "c2ln"}, "index": 0},
            {"type": "text", "text": "Because.", "annotations": [{"type": "citation"}], "extras": {"x": 1}},
            {"type": "tool_call", "id": "c1", "name": "add", "args": {"a": 1}, "index": 2},
            {"type": "function_call", "id": "fc_1", "call_id": "c2", "name": "add", "arguments": "{}"},
        ],
        tool_calls=[
            {"id": "c1", "name": "add", "args": {"a": 1}, "type": "tool_call"},
            {"id": "c2", "name": "add", "args": {}, "type": "tool_call"},
        ],
        additional_kwargs={"reasoning_content": "Hm."},
    )
    assert (await answer_of(message)).parts == (
        Native("chat_completions", {"reasoning_content": "Hm."}),
        Text("Because."),
        ToolCall("c1", "add", {"a": 1}),
        ToolCall("c2", "add", {}),
    )


async def test_claudes_signed_thoughts_and_calls_keep_their_place() -> None:
    """A call that stands in no `tool_calls` is a call."""
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    message = AIMessage([thought, {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}])
    assert (await answer_of(message)).parts == (Native("anthropic", thought), ToolCall("c1", "add", {"a": 1}))


async def test_a_refusal_is_part_of_the_conversation() -> None:
    """Also where it stands beside the content."""
    message = AIMessage("", additional_kwargs={"refusal": "I cannot."})
    assert (await answer_of(message)).text == "I cannot."
