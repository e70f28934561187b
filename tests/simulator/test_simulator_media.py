"""What each API refuses of documents and sound, in its own words."""

import base64
from typing import Any

import pytest

from support.messages.saving import PDF, WAV

pytestmark = pytest.mark.once

PDF_64, WAV_64 = base64.b64encode(PDF).decode(), base64.b64encode(WAV).decode()
PDF_URL = f"data:application/pdf;base64,{PDF_64}"
CALL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def file(**fields: Any) -> dict[str, Any]:
    """A file of chat completions."""
    return {"type": "file", "file": fields}


def sound(**fields: Any) -> dict[str, Any]:
    """Sound of chat completions."""
    return {"type": "input_audio", "input_audio": {"data": WAV_64, "format": "wav", **fields}}


def document(**source: Any) -> dict[str, Any]:
    """A document of Anthropic's."""
    return {"type": "document", "source": source}


def blob(kind: str, data: str = PDF_64) -> dict[str, Any]:
    """Bytes for Gemini."""
    return {"inlineData": {"mimeType": kind, "data": data}}


GOOD = {
    "openai": [file(filename="a.pdf", file_data=PDF_URL), file(file_id="file-1"), sound()],
    "openrouter": [
        file(filename="a.pdf", file_data=PDF_URL),
        file(filename="a.pdf", file_data="https://x.test/a.pdf"),
        sound(format="ogg"),
    ],
    "anthropic": [
        document(type="base64", media_type="application/pdf", data=PDF_64),
        document(type="text", media_type="text/plain", data="Hi"),
        document(type="url", url="https://x.test/a.pdf"),
        document(type="file", file_id="f1"),
    ],
    "gemini": [blob("application/pdf"), blob("audio/mp3", WAV_64), blob("text/csv")],
}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("openai", {"type": "document"}, "Supported values are: 'text', 'image_url', 'input_audio'"),
    ("openai", {"type": "input_file"}, "Invalid value: 'input_file'."),
    ("openai", file(), "Missing required parameter: 'messages[0].content[0].file.file_data'."),
    (
        "openai",
        file(file_data=PDF_URL),
        "Missing required parameter: 'messages[0].content[0].file.filename'.",
    ),
    ("openai", file(filename="a", file_data="https://x.test/a.pdf"), "an invalid base64-encoded value."),
    ("openai", file(filename="a", file_data=PDF_64), "an invalid base64-encoded value."),
    ("openai", file(filename="a", file_data="data:application/pdf;base64,?"), "an invalid base64-encoded"),
    ("openai", file(filename="a", file_data=f"data:text/plain;base64,{PDF_64}"), "MIME type 'text/plain'"),
    ("openai", file(filename="a", file_data=f"data:application/pdf;base64,{WAV_64}"), "but got"),
    ("openai", sound(format="ogg"), "Invalid value: 'ogg'. Supported values are: 'wav', and 'mp3'."),
    ("openai", sound(format=""), "Missing required parameter: 'messages[0].content[0].input_audio.format'."),
    ("openai", sound(data="?"), "expected base64-encoded audio"),
    ("openrouter", sound(data="https://x.test/a.wav"), "expected base64-encoded audio"),
    ("openrouter", file(filename="a", file_data="ftp://x.test/a.pdf"), "an invalid base64-encoded value."),
    ("kimi", file(filename="a.pdf", file_data=PDF_URL), "unknown variant `file`"),
    ("glm", sound(), "unknown variant `input_audio`"),
    ("anthropic", file(filename="a.pdf", file_data=PDF_URL), "Input tag 'file' found using 'type'"),
    (
        "anthropic",
        document(type="base64", media_type="text/plain", data=PDF_64),
        "document.source.base64.media_type: Input should be 'application/pdf'",
    ),
    ("anthropic", document(type="base64", media_type="application/pdf", data=WAV_64), "was not valid"),
    ("anthropic", document(type="text", media_type="text/csv", data="a"), "Input should be 'text/plain'"),
    ("anthropic", document(type="text", media_type="text/plain", data=" "), "at least 1 character"),
    ("gemini", blob("application/json"), "Unsupported MIME type: application/json"),
    ("gemini", blob(""), "mime_type must not be empty"),
    ("gemini", blob("application/pdf", WAV_64), "The document has no pages."),
    ("gemini", blob("audio/wav", "?"), "Base64 decoding failed"),
]


async def answer(talk: Any, provider: str, part: dict[str, Any], **more: Any) -> Any:
    """The reply to a message with that part."""
    if provider == "gemini":
        return await talk(provider, contents=[{"role": "user", "parts": [part, {"text": "?"}]}])
    model = "gpt-audio" if provider == "openai" else "m"
    words = {"type": "text", "text": "?"}
    return await talk(provider, model=model, messages=[{"role": "user", "content": [part, words]}], **more)


@pytest.mark.parametrize("provider", GOOD)
async def test_what_the_api_has_is_taken(talk: Any, provider: str) -> None:
    """Bytes, and what the provider fetches or keeps."""
    for part in GOOD[provider]:
        reply = await answer(talk, provider, part)
        assert reply.status == 200, reply.response.text


@pytest.mark.parametrize(
    ("provider", "part", "says"), REFUSED, ids=[f"{provider}-{says[:40]}" for provider, _, says in REFUSED]
)
async def test_what_the_api_has_not_is_refused(
    talk: Any, provider: str, part: dict[str, Any], says: str
) -> None:
    """With a 400 that names the place."""
    reply = await answer(talk, provider, part)
    assert reply.status == 400
    assert says in reply.response.text.replace('\\"', '"')


async def test_sound_needs_a_model_that_hears(talk: Any) -> None:
    """OpenAI's others refuse it; a server of your own does not."""
    message = {"role": "user", "content": [sound()]}
    reply = await talk("openai", model="gpt-5.2", messages=[message])
    assert "input_audio is only supported by certain models" in reply.response.text
    assert (await talk("openai-eu", model="gpt-5.2", messages=[message])).status == 200


@pytest.mark.parametrize("part", [file(filename="a.pdf", file_data=PDF_URL), sound()])
async def test_a_tool_message_of_chat_completions_holds_text_only(talk: Any, part: Any) -> None:
    """So that what a tool shows has to follow in a message of the user."""
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": [part]}
    reply = await talk(
        "openai", model="gpt-audio", messages=[{"role": "user", "content": "Hi"}, called, result]
    )
    assert "only allowed for messages with role 'user'" in reply.response.text


async def test_results_of_tools_are_looked_into(talk: Any) -> None:
    """By Anthropic's API and by Gemini's."""
    uses = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
    bad = document(type="text", media_type="text/plain", data="")
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [bad]}]}
    reply = await talk("anthropic", messages=[{"role": "user", "content": "Hi"}, uses, result])
    assert "tool_result.content.0.document.source.text.data" in reply.response.text
    call = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
    response = {"name": "f", "response": {}, "parts": [blob("audio/wav", WAV_64)]}
    contents = [
        {"role": "user", "parts": [{"text": "Hi"}]},
        call,
        {"role": "user", "parts": [{"functionResponse": response}]},
    ]
    reply = await talk("gemini", contents=contents)
    assert "Unsupported MIME type: audio/wav" in reply.response.text


OF_RESPONSES: list[tuple[dict[str, Any], str]] = [
    ({"type": "input_audio"}, "Invalid value: 'input_audio'."),
    ({"type": "input_file"}, "Ensure you are only providing one of"),
    ({"type": "input_file", "file_url": "https://x.test", "file_id": "f"}, "Mutually exclusive parameters"),
    ({"type": "input_file", "file_data": PDF_URL}, "[0].filename'."),
    ({"type": "input_file", "file_data": PDF_64, "filename": "a.pdf"}, "[0].file_data'."),
    ({"type": "input_file", "file_data": PDF_URL, "filename": "a.pdf"}, ""),
    ({"type": "input_file", "file_url": "https://x.test/a.pdf"}, ""),
]


@pytest.mark.parametrize(("part", "says"), OF_RESPONSES)
async def test_the_responses_api_looks_into_files(sim: Any, client: Any, part: Any, says: str) -> None:
    """In messages and in the output of tools."""
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    for items in (
        [{"role": "user", "content": [part]}],
        [
            {"role": "user", "content": "Hi"},
            call,
            {"type": "function_call_output", "call_id": "c1", "output": [part]},
        ],
    ):
        reply = await client.post(
            f"{sim.url('openai')}/responses",
            json={"model": "gpt-4.1", "input": items},
            headers={"authorization": "Bearer sk-good"},
        )
        assert (reply.status_code == 200) == (not says)
        assert says in reply.text
