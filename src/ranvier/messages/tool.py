"""Tools that a model may call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import InvalidResponseError
from ranvier.messages.message import ToolCall
from ranvier.messages.schema.schema import Schema


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call.

    Attributes:
        name: Its name, as the model will use it.
        description: What it does and when to use it.
        parameters: A JSON schema of type `object` for its arguments.
        declared: The function or type that it was built from by `Tool.of`, else `None`.
        extra: Further fields on the wire, such as `strict`. They go to providers that support them. For other
            providers, optional ones are left out with a `ParameterDropped` event; for all others the target
            raises `UnsupportedRequestError`.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    declared: Any = field(default=None, repr=False, compare=False)
    extra: Mapping[str, Any] | None = None
    _length: int = field(default=0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigurationError(f"Tool(name={self.name!r:.60}): give the tool a name")
        if not isinstance(self.description, str):
            kind = type(self.description).__name__
            raise ConfigurationError(f"Tool({self.name!r:.80}, description=...) is a {kind}: give a str")
        if not isinstance(self.parameters, Mapping):
            raise ConfigurationError(f"Tool({self.name!r:.80}, parameters=...): give a JSON schema as a dict")

    @property
    def length(self) -> int:
        """The characters of it that a model reads. Counted once: a call asks for each of its targets."""
        if not self._length:
            length = len(self.name) + len(self.description) + len(str(self.parameters))
            object.__setattr__(self, "_length", length)
        return self._length

    @classmethod
    def of(cls, declared: Any, *, name: str | None = None, description: str | None = None) -> Tool:
        """The tool that a plain or async function, a pydantic model, a dataclass or a TypedDict declares.

        The name and description default to its name and the first paragraph of its docstring. Describe
        parameters by `Annotated[..., Field(description=...)]`, or under `Args:`.

        Raises:
            ConfigurationError: a model cannot fill in the parameters: one has no type, or the signature has
                `*args` or `**kwargs`.
        """
        from ranvier.messages.declared_tool import tool_of

        return tool_of(declared, name, description)

    def arguments(self, call: ToolCall) -> Any:
        """The validated arguments of a call of this tool: `get_weather(**tool.arguments(call))`.

        Returns:
            For a function its keyword arguments, for a type an instance of it, each value of its
            declared type; otherwise a dict that matches `parameters`.

        Raises:
            InvalidResponseError: they do not match. Its message quotes nothing of them and can be sent back
                to the model: `Message.tool(call.id, str(error), is_error=True)`.
            ConfigurationError: the call is of another tool.
        """
        if not isinstance(call, ToolCall):
            kind = type(call).__name__
            raise ConfigurationError(f"call is a {kind}: give a ToolCall, one of response.tool_calls")
        if call.name != self.name:
            raise ConfigurationError(f"tool {self.name!r:.80} was given a call of tool {call.name!r:.80}")
        try:
            text = json.dumps(dict(call.arguments)) if call.invalid is None else call.invalid
        except (TypeError, ValueError, RecursionError):  # made by hand, or nested too deeply
            text = ""
        arguments, mismatches = Schema(self.parameters, self.name, self.declared).fit(text)
        if mismatches:
            found = "; ".join(map(str, mismatches))
            error = InvalidResponseError(
                f"the arguments of {self.name} do not match its parameters: {found}", provider=""
            )
            error.retryable = error.counts_against_provider = error.fails_over = False
            raise error
        return arguments
