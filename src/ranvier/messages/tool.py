"""Tools: what a model may call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import InvalidResponseError
from ranvier.messages.schema.schema import Schema

if TYPE_CHECKING:
    from ranvier.messages.request import ToolCall


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may ask for.

    Attributes:
        name: Its name, as the model will use it.
        description: What it does and when to use it.
        parameters: A JSON schema of type `object` for its arguments.
        declared: The function or the type that it was made of; `None` where it was written out.
        extra: Further fields on the wire, such as `strict`. They go to providers that know them. Elsewhere
            those that only tune are left out, with a `ParameterDropped` event; for others the target
            raises `UnsupportedRequestError`.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    declared: Any = field(default=None, repr=False, compare=False)
    extra: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigurationError(f"Tool(name={self.name!r:.60}): give the tool a name")
        if not isinstance(self.parameters, Mapping):
            raise ConfigurationError(f"Tool({self.name!r:.80}, parameters=...): give a JSON schema as a dict")

    @classmethod
    def of(cls, declared: Any, *, name: str | None = None, description: str | None = None) -> Tool:
        """The tool that a plain or async function, a pydantic model, a dataclass or a TypedDict declares.

        Its name and the first paragraph of its docstring are the tool's, unless they are given;
        parameters are described by `Annotated[..., Field(description=...)]`, or under `Args:`.

        Raises:
            ConfigurationError: a signature that no model could fill in: a parameter without a type,
                `*args`, `**kwargs`.
        """
        from ranvier.messages.declared_tool import tool_of

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
        arguments, mismatches = Schema(self.parameters, self.name, self.declared).fit(text)
        if mismatches:
            error = InvalidResponseError(
                f"the arguments of {self.name} do not fit: {'; '.join(map(str, mismatches))}", provider=""
            )
            error.retryable = error.counts_against_provider = error.fails_over = False
            raise error
        return arguments
