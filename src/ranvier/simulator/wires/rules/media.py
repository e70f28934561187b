"""What the APIs reject of documents and sound in a conversation, with their own error messages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from ranvier.simulator.wires.reading import Unacceptable, invalid

Json = dict[str, Any]

OF_CHAT: Final = ("text", "image_url", "input_audio", "refusal", "audio", "file")
OF_RESPONSES: Final = (
    *("input_text", "input_image", "output_text", "refusal", "input_file", "computer_screenshot"),
    "summary_text",
)
OF_OTHERS: Final = ("file", "audio", "input_audio", "input_file", "image_url", "input_image")
"""Types of parts that Anthropic's API does not know."""

HEARING: Final = ("gpt-audio", "gpt-4o-audio", "gpt-4o-mini-audio", "gpt-realtime")
"""OpenAI's models that take sound."""

OF_DOCUMENTS: Final = {"base64": "application/pdf", "text": "text/plain"}
"""The media types of Anthropic's documents, by type of source."""

READ: Final = ("image/", "audio/", "video/", "text/", "application/pdf")
"""The beginnings of media types that Gemini reads."""


def parts_of(content: Any) -> Iterator[tuple[int, Json]]:
    """The parts of a content that is a list, with their positions."""
    listed = content if isinstance(content, list) else []
    return ((position, part) for position, part in enumerate(listed) if isinstance(part, dict))


def is_pdf(data: Any) -> bool:
    """True for the bytes of a PDF in base64."""
    return b"%PDF-" in (bytes_of(data) or b"")[:1024]


def bytes_of(data: Any) -> bytes | None:
    """The bytes of a text in base64; `None` if it is none."""
    try:
        return base64.b64decode(data, validate=True) or None
    except (binascii.Error, TypeError, ValueError):
        return None


# --- chat completions ----------------------------------------------------------------------------


def check_chat(where: str, message: Json, *, model: str = "", fetches: bool = False) -> None:
    """Check a message of chat completions; an empty `model` is one that may hear, or not."""
    for position, part in parts_of(message.get("content")):
        place, kind = f"{where}.content[{position}]", part.get("type")
        if kind not in OF_CHAT:
            raise _unknown(kind, OF_CHAT, f"{place}.type")
        if kind in ("image_url", "input_audio", "file") and message["role"] != "user":
            raise invalid(
                f"Invalid '{place}': '{kind}' is only allowed for messages with role 'user', but this "
                f"message with role '{message['role']}' contains it.",
                **_at(place),
            )
        if kind == "file":
            _check_file(f"{place}.file", part.get("file") or {}, fetches=fetches)
        if kind == "input_audio":
            _check_sound(f"{place}.input_audio", part.get("input_audio") or {}, any_format=fetches)
            if model and not model.startswith(HEARING):
                words = "Invalid content type. input_audio is only supported by certain models."
                raise invalid(words, param=place.replace("[", ".["), code=None)


def _check_file(place: str, file: Json, *, fetches: bool) -> None:
    if "file_id" in file:
        return
    for name in ("file_data", "filename"):
        if not file.get(name):
            raise _missing(f"{place}.{name}")
    data = str(file["file_data"])
    if fetches and data.startswith(("http://", "https://")):
        return
    head, _, content = data.partition(",")
    kind = head.removeprefix("data:").removesuffix(";base64")
    if head.endswith(";base64") and kind == "application/pdf" and is_pdf(content):
        return
    wrong = f"unsupported MIME type '{kind}'" if bytes_of(content) else "an invalid base64-encoded value"
    raise invalid(
        f"Invalid file data: '{place}.file_data'. Expected a base64-encoded data URL with an application/pdf "
        f"MIME type (e.g. 'data:application/pdf;base64,SGVsbG8sIFdvcmxkIQ=='), but got {wrong}.",
        **_at(f"{place}.file_data"),
    )


def _check_sound(place: str, sound: Json, *, any_format: bool) -> None:
    for name in ("data", "format"):
        if not sound.get(name):
            raise _missing(f"{place}.{name}")
    if sound["format"] not in ("wav", "mp3") and not any_format:
        raise _unknown(sound["format"], ("wav", "mp3"), f"{place}.format")
    if bytes_of(sound["data"]) is None:
        raise invalid(f"Invalid '{place}.data': expected base64-encoded audio.", **_at(f"{place}.data"))


def check_only(kinds: tuple[str, ...], message: Json, **fields: Any) -> None:
    """Check that a message has no parts of other types than `kinds`."""
    for _, part in parts_of(message.get("content")):
        if part.get("type") not in kinds:
            known = ", ".join(f"`{kind}`" for kind in kinds)
            raise invalid(f"unknown variant `{part.get('type')}`, expected one of {known}", **fields)


# --- Responses -----------------------------------------------------------------------------------


def check_responses(place: str, content: Any) -> None:
    """Check the content of a message, or the output of a tool, of the Responses API."""
    for position, part in parts_of(content):
        where, kind = f"{place}[{position}]", part.get("type")
        if kind not in OF_RESPONSES:
            raise _unknown(kind, OF_RESPONSES, f"{where}.type")
        if kind != "input_file":
            continue
        sources = [name for name in ("file_id", "file_data", "file_url") if part.get(name)]
        if len(sources) != 1:
            raise invalid(
                f"Mutually exclusive parameters: '{where}'. Ensure you are only providing one of: 'file_id' "
                "or 'file_data' or 'file_url'.",
                param=where,
                code="mutually_exclusive_parameters",
            )
        if sources == ["file_data"]:
            if not part.get("filename"):
                raise _missing(f"{where}.filename")
            head, _, data = str(part["file_data"]).partition(",")
            if not head.startswith("data:") or not head.endswith(";base64") or bytes_of(data) is None:
                raise invalid(f"Invalid '{where}.file_data'.", **_at(f"{where}.file_data"))


# --- Anthropic and Gemini ------------------------------------------------------------------------


def check_anthropic(where: str, block: Json) -> None:
    """Check a block of Anthropic's API."""
    kind = block["type"]
    if kind in OF_OTHERS:
        raise invalid(
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags: "
            "'document', 'image', 'search_result', 'text', 'thinking', 'tool_result', 'tool_use'"
        )
    for index, part in parts_of(block.get("content") if kind == "tool_result" else None):
        check_anthropic(f"{where}.tool_result.content.{index}", part)
    if kind != "document":
        return
    source = block.get("source") or {}
    place, wanted = f"{where}.document.source.{source.get('type')}", OF_DOCUMENTS.get(source.get("type", ""))
    if wanted is not None and source.get("media_type") != wanted:
        raise invalid(f"{place}.media_type: Input should be '{wanted}'")
    if source.get("type") == "text" and not str(source.get("data") or "").strip():
        raise invalid(f"{place}.data: String should have at least 1 character")
    if source.get("type") == "base64" and not is_pdf(source.get("data")):
        raise invalid(f"{place}.data: The PDF specified was not valid.")


def check_gemini(where: str, part: Json) -> None:
    """Check a part of Gemini's API, and those within the response of a function."""
    for index, inner in parts_of((part.get("functionResponse") or {}).get("parts")):
        check_gemini(f"{where}.function_response.parts[{index}]", inner)
        if "audio/" in str(inner.get("inlineData")):
            raise invalid(f"Unsupported MIME type: {inner['inlineData']['mimeType']}")
    blob = part.get("inlineData") or part.get("fileData")
    if blob is None:
        return
    kind = blob.get("mimeType")
    if not kind:
        raise invalid(f"{where}.inline_data.mime_type: mime_type must not be empty\n")
    if not kind.startswith(READ):
        raise invalid(f"Unsupported MIME type: {kind}")
    if "data" in blob and bytes_of(blob["data"]) is None:
        raise invalid(f"Invalid value at '{where}.inline_data.data' (TYPE_BYTES), Base64 decoding failed")
    if "data" in blob and kind == "application/pdf" and not is_pdf(blob["data"]):
        raise invalid("The document has no pages.")


def _unknown(value: Any, known: tuple[str, ...], where: str) -> Unacceptable:
    listed = ", ".join(f"'{each}'" for each in known[:-1])
    words = f"Invalid value: '{value}'. Supported values are: {listed}, and '{known[-1]}'."
    return invalid(words, **_at(where))


def _missing(where: str) -> Unacceptable:
    return invalid(f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")


def _at(where: str) -> dict[str, Any]:
    return {"param": where, "code": "invalid_value"}
