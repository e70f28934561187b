"""What goes in: a conversation, tools, and how the answer should be.

All of it is immutable, so that a retry sends what the first attempt sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from ranvier.errors import ConfigurationError, InvalidResponseError
from ranvier.messages.image import Image
from ranvier.messages.native import Native
from ranvier.messages.schema import Schema, finite, no_json

_DECODER = json.JSONDecoder(parse_constant=no_json, parse_float=finite)
"""What could not be sent back as JSON is none: NaN, and numbers that no float can hold."""

Role = Literal["system", "user", "assistant", "tool"]
"""Who speaks in a message."""

ROLES = get_args(Role)


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool.

    Attributes:
        id: Ties the result to the call. An adapter makes it valid for its own provider.
        name: The tool's name.
        arguments: The tool's arguments; empty where `invalid` is set.
        invalid: What the model wrote instead of a JSON object (cut off by a limit, say), else `None`.
        native: What only its issuer understands of it (`extra_content`, an id that other wires refuse).
    """

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    invalid: str | None = None
    native: Native | None = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, id: str, name: str, arguments: str) -> Self:
        """A call from the text of its arguments; none at all means a tool without arguments."""
        try:
            parsed = _DECODER.decode(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            return cls(id, name, parsed)
        return cls(id, name, {}, arguments)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the tool answered.

    Attributes:
        call_id: The `id` of the `ToolCall`.
        content: The result, as text.
        name: The tool's name; looked up from the call where it is left out.
        is_error: The tool failed, and `content` says how.
    """

    call_id: str
    content: str
    name: str = ""
    is_error: bool = False


Part = Text | Image | ToolCall | ToolResult | Native
"""One piece of a message; order matters."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: `Message("user", "Hi")`, or built by `user`, `assistant` and `tool`.

    Attributes:
        role: `system`, `user`, `assistant` or `tool`.
        content: The text, or the parts in their order.

    Raises:
        ConfigurationError: an unknown role, or content that is neither text nor parts.
    """

    role: Role
    content: str | tuple[Part, ...]

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ConfigurationError(f"role={self.role!r}: choose one of {', '.join(ROLES)}")
        if isinstance(self.content, str):
            return
        if not isinstance(self.content, Iterable):
            raise ConfigurationError(f"content is a {type(self.content).__name__}: give a str, or parts")
        parts = tuple(Text(part) if isinstance(part, str) else part for part in self.content)
        for part in parts:
            if not isinstance(part, (Text, Image, ToolCall, ToolResult, Native)):
                raise ConfigurationError(
                    f"content holds a {type(part).__name__}: give str, or parts such as Text and Image"
                )
        object.__setattr__(self, "content", parts)

    @classmethod
    def user(cls, text: str) -> Self:
        """What the user said."""
        return cls("user", text)

    @classmethod
    def system(cls, text: str) -> Self:
        """A standing instruction."""
        return cls("system", text)

    @classmethod
    def assistant(cls, text: str = "", *, tool_calls: Iterable[ToolCall] = ()) -> Self:
        """What the model said, and the tools it asked for."""
        calls = tuple(tool_calls)
        return cls("assistant", (*([Text(text)] if text else []), *calls) if calls else text)

    @classmethod
    def tool(cls, call_id: str, content: str, *, name: str = "", is_error: bool = False) -> Self:
        """What a tool answered to the call with that id."""
        return cls("tool", (ToolResult(call_id, content, name, is_error),))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content as parts, also where it is plain text."""
        if isinstance(self.content, str):
            return (Text(self.content),) if self.content else ()
        return self.content

    @property
    def text(self) -> str:
        """The words of the message, without the rest."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools asked for in this message."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, ToolCall))


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may ask for.

    Attributes:
        name: Its name, as the model will use it.
        description: What it does and when to use it.
        parameters: A JSON schema of type `object` for its arguments.
        declared: The function or the type that it was made of; `None` where it was written out.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    declared: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigurationError(f"Tool(name={self.name!r}): give the tool a name")
        if not isinstance(self.parameters, Mapping):
            raise ConfigurationError(f"Tool({self.name!r}, parameters=...): give a JSON schema as a dict")

    @classmethod
    def of(cls, declared: Any, *, name: str | None = None, description: str | None = None) -> Tool:
        """The tool that a plain or async function, a pydantic model, a dataclass or a TypedDict declares.

        Its name and the first paragraph of its docstring are the tool's, unless they are given;
        parameters are described by `Annotated[..., Field(description=...)]`, or under `Args:`.

        Raises:
            ConfigurationError: a signature that no model could fill in: a parameter without a type,
                `*args`, `**kwargs`.
        """
        from ranvier.messages.signature import tool_of

        return tool_of(declared, name, description)

    def arguments(self, call: ToolCall) -> Any:
        """What a model gave this tool, checked: `get_weather(**tool.arguments(call))`.

        Returns:
            For a function its keyword arguments, for a type an instance of it, each value of its
            declared type; for a tool that was written out a dict that fits its `parameters`.

        Raises:
            InvalidResponseError: they do not fit. Its words quote nothing of them, and may go back to
                the model: `Message.tool(call.id, str(error), is_error=True)`.
            ConfigurationError: it is the call of another tool.
        """
        if call.name != self.name:
            raise ConfigurationError(f"a call of the tool {call.name!r:.80} was given to {self.name!r:.80}")
        try:
            text = json.dumps(dict(call.arguments)) if call.invalid is None else call.invalid
        except (TypeError, ValueError, RecursionError):  # made by hand, or as deep as a well
            text = ""
        arguments, misfits = Schema(self.parameters, self.name, self.declared).fit(text)
        if misfits:
            error = InvalidResponseError(
                f"the arguments of {self.name} do not fit: {'; '.join(map(str, misfits))}", provider=""
            )
            error.retryable = error.counts_against_provider = error.falls_over = False
            raise error
        return arguments


@dataclass(slots=True)
class Request:
    """What is asked, the same for every target.

    Nobody changes one that was passed on; a layer that asks for something else derives its own with
    `dataclasses.replace`. (It is not frozen, which would cost as much as three layers do.)

    Attributes:
        messages: The conversation, oldest first.
        system: Standing instructions.
        max_tokens: The most tokens the answer may have; `None` is the provider's own limit.
        temperature, top_p: Sampling; left out for models that refuse them.
        stop: Texts that end the answer.
        tools: What the model may call.
        tool_choice: `auto`, `none`, `required`, or the name of the tool that must be called.
        schema: The form that the answer must have; `Response.parsed` is the answer in it.
        extra: Fields of the wire. Those under the name of a provider go to that provider alone,
            as in `{"openai": {"reasoning_effort": "low"}}`; all others go to every provider.
    """

    messages: tuple[Message, ...]
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    schema: Schema | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
