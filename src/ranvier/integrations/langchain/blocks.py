"""Reads the blocks of LangChain's messages as our parts.

LangChain has already converted its older blocks, and files and audio of chat completions, to the format that
is read here. Blocks of the APIs are read like our dicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts.keys import Keys
from ranvier.messages.dicts.parts import read_part, thought_of
from ranvier.messages.media.audio import FORMATS, OTHER_NAMES, Audio
from ranvier.messages.media.document import PDF, Document, is_document_type
from ranvier.messages.media.image import Image
from ranvier.messages.message import Part

T = TypeVar("T")

CALLS: Final = frozenset(("tool_call", "tool_call_chunk", "tool_use", "function_call", "invalid_tool_call"))
"""Types of blocks that repeat entries of `tool_calls`."""

OF_AN_API: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset(("source",)),
    "file": frozenset(("file",)),
}
"""The keys of an API's blocks that have one of LangChain's types."""

FOR_ITSELF: Final = ("type", "id", "index", "extras")
"""LangChain's own keys of blocks; `extras` holds the keys of an API."""

OF_ANSWERS: Final = ("annotations", "extras", "id", "index")
"""Keys of a text block that only describe an answer."""

MARKS: Final = ("cache_control", "prompt_cache_breakpoint")


def read_blocks(content: Any, where: str, calls: frozenset[str] | None = None) -> Iterator[Part]:
    """The parts of a message whose content is a list.

    Args:
        content: The list.
        where: Its position, for errors.
        calls: The ids in `tool_calls`, for an answer; `None` for another message. An answer's blocks may
            hold more than any API takes back: such keys are left out.

    Raises:
        ConfigurationError: a block, or one of its keys, has no equivalent; no content is quoted.
    """
    for index, block in enumerate(content):
        part = _part(block, f"{where}[{index}]", calls)
        if part is not None:
            yield part


def _part(block: Any, where: str, calls: frozenset[str] | None) -> Part | None:
    """The part in a block; `None` if the block is empty, or repeats an entry of `tool_calls`."""
    kind = block.get("type") if isinstance(block, Mapping) else None
    if kind is None:
        return read_part(block, where)
    if kind == "non_standard":
        return _part(block.get("value"), where, calls)
    if calls is not None:
        if kind in CALLS and not calls.isdisjoint((block.get("id"), block.get("call_id"))):
            return None
        if kind == "reasoning":  # its other keys are for its issuer
            return thought_of(str(block["reasoning"])) if block.get("reasoning") else None
    if kind in DATA and OF_AN_API.get(kind, frozenset()).isdisjoint(block):
        return _data(kind, block, where, keeps=calls is None)
    if kind in ("text", "image_url"):
        given = _flat(block) if calls is None else {key: block[key] for key in block if key not in OF_ANSWERS}
        return read_part({"type": kind, **given}, where)
    return read_part(block, where)


def _flat(block: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a block and of its `extras`."""
    extras = block.get("extras")
    own = {key: value for key, value in block.items() if key not in FOR_ITSELF}
    return {**extras, **own} if isinstance(extras, Mapping) else own


# --- pictures, documents and sound ---------------------------------------------------------------


def _data(kind: str, block: Mapping[str, Any], where: str, *, keeps: bool) -> Part:
    keys = Keys(_flat(block), where)
    if "file_id" in keys and kind != "file":
        raise ConfigurationError(
            f"{where}.file_id: it says nothing of the API that has the file: give the {kind} as url or "
            'base64, or {"type": "non_standard", "value": ...} in the format of the API'
        )
    try:
        part = DATA[kind](keys, keys.text("mime_type"))
    except ConfigurationError as error:
        raise ConfigurationError(str(error) if where in str(error) else f"{where}: {error}") from None
    if keeps:
        keys.end()
    return part


def _source(keys: Keys, media_type: str) -> str:
    """The URL of the data; inline bytes become a `data:` URL."""
    data, url = keys.text("base64"), keys.text("url")
    if bool(data) == bool(url):
        raise ConfigurationError("give either url or base64")
    return url or f"data:{media_type};base64,{data}"


def _image(keys: Keys, media_type: str) -> Part:
    url, detail = _source(keys, media_type), keys.text("detail") or None
    return Image(url, detail=detail, extra=keys.extra(*MARKS))


def _sound(keys: Keys, media_type: str) -> Part:
    data, extra = keys.text("base64"), keys.extra(*MARKS)
    known = not media_type or OTHER_NAMES.get(media_type, media_type) in FORMATS
    if data and not known:
        sound = {"data": data, "format": media_type.rpartition("/")[2]}
        return read_part({"type": "input_audio", "input_audio": sound, **(extra or {})}, keys.where)
    url = f"data:{media_type};base64,{data}" if data else keys.text("url")
    return Audio(url, media_type=media_type or None, extra=extra)


def _file(keys: Keys, media_type: str) -> Part:
    name = _name(keys)
    named = {"filename": name} if name else {}
    if file_id := keys.text("file_id"):  # what LangChain makes of a file of chat completions
        return read_part({"type": "file", "file": {"file_id": file_id, **named}}, keys.where)
    url = _source(keys, media_type)
    if is_document_type(media_type):
        return _document(keys, url, media_type, name)
    if url.startswith("data:") and media_type:
        file = {"file_data": url, "filename": name or "file"}
        return read_part({"type": "file", "file": file, **_marks(keys)}, keys.where)
    if url.startswith("data:"):
        return _document(keys, url, None, name)
    return read_part({"type": "input_file", "file_url": url, **named, **_marks(keys)}, keys.where)


def _words(keys: Keys, media_type: str) -> Part:
    words, name, media_type = keys.text("text"), _name(keys), media_type or "text/plain"
    if not words:
        return _document(keys, _source(keys, media_type), media_type, name)
    document = Document.from_text(words, media_type, name=name)
    return Document(data=document.data, media_type=media_type, name=name, extra=_of_document(keys))


def _document(keys: Keys, url: str, media_type: str | None, name: str | None) -> Document:
    if url.startswith("data:") and media_type == PDF:  # LangChain calls every file of chat completions so
        url, media_type = url.replace(PDF, "", 1), None
    return Document(url, media_type=media_type, name=name, extra=_of_document(keys))


def _name(keys: Keys) -> str | None:
    names = [keys.text(key) for key in ("filename", "title", "name")]
    return next(filter(None, names), None)


def _of_document(keys: Keys) -> dict[str, Any] | None:
    return keys.extra("citations", "context", "detail", *MARKS)


def _marks(keys: Keys) -> dict[str, Any]:
    return keys.extra(*MARKS) or {}


DATA: Final[Mapping[str, Callable[[Keys, str], Part]]] = {
    "image": _image,
    "audio": _sound,
    "file": _file,
    "text-plain": _words,
}
"""The reader of each type of LangChain; a video is sent in the format of one API only."""
