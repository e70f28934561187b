"""Writes the parts of our messages as blocks of LangChain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import Media, Part, Text, ToolCall, ToolResult
from ranvier.messages.native import CHAT_COMPLETIONS, RESPONSES, Native
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WirePart, WireTool
from ranvier.providers._history.part_fields import KNOWN, PartFields

if TYPE_CHECKING:
    from ranvier.integrations.langchain.behind.asker import Asker
    from ranvier.pipeline.call import Call

Block = dict[str, Any]

ROWS: Final[Mapping[str, str]] = {"openai": "openai", "azure": "openai", "anthropic": "anthropic"}
"""The row of `KNOWN` for a chat model, by its vendor's name in traces; other chat models get every field."""

WIRES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("openai", "azure"), (CHAT_COMPLETIONS, RESPONSES)),
    "anthropic": ("anthropic",),
    **dict.fromkeys(("google_genai", "google_vertexai", "amazon_bedrock", "ollama"), ()),
}
"""The wires whose parts and tools a chat model passes on; unlisted chat models get those of all wires."""


class Blocks:
    """Writes the blocks of one request.

    Args:
        provider: The provider, for errors.
        call: The call.
    """

    def __init__(self, provider: Asker, call: Call) -> None:
        self._vendor = provider.vendor
        self._fields = _Fields(provider, call, KNOWN.get(ROWS.get(provider.vendor, "")))
        self._no_fields = _Fields(provider, call, {})

    def no_fields(self, kind: str, extra: Mapping[str, Any] | None) -> None:
        """Leave out fields that LangChain cannot represent, each with an event.

        Raises:
            UnsupportedRequestError: one of them carries meaning.
        """
        self._no_fields.accepted(kind, extra)

    def of_wire(self, part: WirePart | WireTool) -> Block:
        """A part or tool in the format of one API.

        Raises:
            UnsupportedRequestError: the chat model uses another API.
        """
        return self._fields.of_wire(part, *WIRES.get(self._vendor, (part.wire,)))

    def tool(self, tool: Tool | WireTool) -> Block:
        """A tool, with those of its further fields that the chat model passes on.

        Raises:
            UnsupportedRequestError: the tool belongs to another API, or an unsupported field carries meaning.
        """
        if isinstance(tool, WireTool):
            return self.of_wire(tool)
        description = {"name": tool.name, "description": tool.description}
        more = self._fields.accepted("tool", tool.extra)
        if self._vendor == "anthropic":  # whose chat model finds the further fields only there
            return {**description, "input_schema": dict(tool.parameters), **more}
        return {"type": "function", "function": {**description, "parameters": dict(tool.parameters), **more}}

    def choice(self, choice: str) -> Any:
        """The choice of a tool."""
        if choice == "none" and self._vendor == "anthropic":
            return {"type": "none"}  # this chat model would take "none" for the name of a tool
        return "any" if choice == "required" else choice

    def content(self, parts: Iterable[Part]) -> Any:
        """A text, or blocks if there is more than text."""
        shown = [part for part in parts if not isinstance(part, (ToolCall, ToolResult, Native))]
        if all(isinstance(part, Text) and not part.extra for part in shown):
            return "".join(part.text for part in shown if isinstance(part, Text))
        return [self._block(part) for part in shown]

    def _block(self, part: Text | Media | WirePart) -> Block:
        if isinstance(part, WirePart):
            return self.of_wire(part)
        if isinstance(part, Text):
            return {"type": "text", "text": part.text, **self._fields.accepted("text", part.extra)}
        if isinstance(part, Image):
            return {**_image(part), **self._fields.accepted("image", part.extra)}
        if isinstance(part, Audio):
            return {**_audio(part), **self._fields.accepted("audio", part.extra)}
        if part.is_text:  # few chat models take a text as a document
            self.no_fields("document", part.extra)
            return {"type": "text", "text": part.marked}
        return {**_file(part), **self._fields.accepted("document", part.extra)}


class _Fields(PartFields):
    """The extra fields of parts that a chat model passes on; those of every part if `known` is `None`."""

    def __init__(self, provider: Any, call: Call, known: Mapping[str, str] | None) -> None:
        self._adapter = provider
        self._call = call
        self._known = known
        self._left_out: set[str] = set()


def _image(image: Image) -> Block:
    if image.detail is not None:  # which only this form has
        return {"type": "image_url", "image_url": {"url": image.data_url, "detail": image.detail}}
    if image.url is not None:
        return {"type": "image", "url": image.url}
    return {"type": "image", "base64": image.base64, "mime_type": image.media_type}


def _audio(audio: Audio) -> Block:
    media_type = f"audio/{audio.format}"  # the end of which is OpenAI's name of the format
    if audio.url is not None:
        return {"type": "audio", "url": audio.url, "mime_type": media_type}
    return {"type": "audio", "base64": audio.base64, "mime_type": media_type}


def _file(document: Document) -> Block:
    names = {"filename": document.file_name, **({"title": document.name} if document.name else {})}
    source = {"base64": document.base64} if document.url is None else {"url": document.url}
    return {"type": "file", **source, "mime_type": document.media_type, "extras": names}
