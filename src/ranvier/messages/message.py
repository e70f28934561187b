"""Messages and their parts.

They are immutable, so that a retry sends what the first attempt sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, get_args

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.characters import mended
from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.native import Native
from ranvier.messages.schema.lenient import STRICT, arguments_in
from ranvier.messages.wire import WirePart

Role = Literal["system", "user", "assistant", "tool"]
"""The author of a message."""

ROLES = get_args(Role)

Media = Image | Document | Audio
"""A part that is a picture, a document or sound."""

MEDIA: Final = (Image, Document, Audio)

NO_PARTS: Final = (Mapping, Set, bytes, bytearray)
"""Iterables whose items are not the parts of a message: of a dict they would be the keys alone."""

_PartT = TypeVar("_PartT")


@dataclass(frozen=True, slots=True)
class Text:
    """Text in a message.

    Attributes:
        text: The text.
        extra: Further fields on the wire, such as `{"cache_control": {"type": "ephemeral"}}`. They go to
            providers that support them. For other providers, optional ones are left out with a
            `ParameterDropped` event; for all others the target raises `UnsupportedRequestError`.
    """

    text: str
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that the model requests.

    Attributes:
        id: Links the result to the call. An adapter makes it valid for its own provider.
        name: The tool's name.
        arguments: The tool's arguments; empty if `invalid` is set.
        invalid: What the model wrote instead of a JSON object (for example truncated JSON), else `None`.
        native: Opaque data that only its issuer can use (`extra_content`, an id that other wires reject).
        extra: Further fields on the wire, as for `Text`.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    invalid: str | None = None
    native: Native | None = field(default=None, repr=False, compare=False)
    extra: Mapping[str, Any] | None = None

    @classmethod
    def parse(cls, id: str, name: str, arguments: str) -> Self:
        """A call from its arguments as text, even if slightly malformed; an empty text means no arguments."""
        try:
            parsed: Any = mended(STRICT.decode(arguments))
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            parsed = mended(arguments_in(arguments))
        return cls(id, name, parsed or {}, mended(arguments) if parsed is None else None)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call.

    Attributes:
        call_id: The `id` of the `ToolCall`.
        content: The result as text, or as parts (`Text`, `Image`, `Document`, `Audio`, `WirePart`).
        name: The tool's name; taken from the call if omitted.
        is_error: The tool failed, and `content` describes the error.
        extra: Further fields on the wire, as for `Text`.

    Raises:
        ConfigurationError: the content is neither text nor such parts.
    """

    call_id: str
    content: str | tuple[Text | Media | WirePart, ...]
    name: str = ""
    is_error: bool = False
    extra: Mapping[str, Any] | None = None

    if TYPE_CHECKING:  # because texts and parts may come in any iterable, and are kept as a tuple of parts

        def __init__(
            self,
            call_id: str,
            content: str | Iterable[str | Text | Media | WirePart],
            name: str = "",
            is_error: bool = False,
            extra: Mapping[str, Any] | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.content, str):
            parts = _parts(self.content, "ToolResult(content=...)", (Text, Image, Document, Audio, WirePart))
            object.__setattr__(self, "content", parts)

    @property
    def parts(self) -> tuple[Text | Media | WirePart, ...]:
        """The content as parts, also where it is plain text."""
        return _as_parts(self.content)

    @property
    def text(self) -> str:
        """The text of the result, without other parts."""
        return _text_in(self.content)


Part = Text | Media | ToolCall | ToolResult | Native | WirePart
"""One part of a message; the order matters."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation: `Message("user", "Hi")`, or built by `user`, `assistant` and `tool`.

    Attributes:
        role: `system`, `user`, `assistant` or `tool`.
        content: The text, or the parts in order.
        extra: Further fields of the message on the wire, such as `name`; as for `Text`.

    Raises:
        ConfigurationError: an unknown role, or content that is neither text nor parts.
    """

    role: Role
    content: str | tuple[Part, ...]
    extra: Mapping[str, Any] | None = None

    if TYPE_CHECKING:  # because texts and parts may come in any iterable, and are kept as a tuple of parts

        def __init__(
            self, role: Role, content: str | Iterable[str | Part], extra: Mapping[str, Any] | None = None
        ) -> None: ...

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ConfigurationError(f"role={self.role!r:.60}: choose one of {', '.join(ROLES)}")
        if not isinstance(self.content, str):
            object.__setattr__(self, "content", _parts(self.content, "content", get_args(Part)))

    @classmethod
    def user(cls, text: str) -> Self:
        """A message of the user."""
        return cls("user", text)

    @classmethod
    def system(cls, text: str) -> Self:
        """A system message with instructions."""
        return cls("system", text)

    @classmethod
    def assistant(cls, text: str = "", *, tool_calls: Iterable[ToolCall] = ()) -> Self:
        """A message of the model, with the tool calls it requests."""
        calls = tuple(tool_calls)
        return cls("assistant", (*([Text(text)] if text else []), *calls) if calls else text)

    @classmethod
    def tool(
        cls,
        call_id: str,
        content: str | Iterable[str | Text | Media | WirePart],
        *,
        name: str = "",
        is_error: bool = False,
    ) -> Self:
        """The result of the tool call with that id: a text, or parts such as `Text` and `Image`."""
        return cls("tool", (ToolResult(call_id, content, name, is_error),))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content as parts, also where it is plain text."""
        return _as_parts(self.content)

    @property
    def text(self) -> str:
        """The text of the message, without other parts."""
        return _text_in(self.content)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls in this message."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, ToolCall))


def _as_parts(content: str | tuple[_PartT, ...]) -> tuple[_PartT | Text, ...]:
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return content


def _text_in(content: str | tuple[object, ...]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, Text))


def _parts(content: Any, what: str, kinds: tuple[type, ...]) -> tuple[Any, ...]:
    """`content` as a tuple of parts of these kinds; an error for other parts quotes no content."""
    if not isinstance(content, Iterable) or isinstance(content, NO_PARTS):
        kind = type(content).__name__
        raise ConfigurationError(f"{what} is a {kind}: give a str, such as json.dumps(result), or parts")
    parts = tuple(Text(part) if isinstance(part, str) else part for part in content)
    for part in parts:
        if not isinstance(part, kinds):
            raise ConfigurationError(
                f"{what} holds a {type(part).__name__}: give str, or parts such as Text and Image"
            )
    return parts
