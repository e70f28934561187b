"""Tool names as a wire accepts them: mapped in the request, and mapped back in the answer.

`devserver.stop` is sent as `devserver_stop` to a server that rejects dots. The mapping follows from the
request alone, so no state is kept; a name that the wire accepts is never changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Final, NamedTuple

from ranvier.messages.message import Part, ToolCall, ToolResult
from ranvier.messages.request import Request
from ranvier.messages.tool import Tool

UNKNOWN: Final = "tool"
"""Sent instead of an empty name."""

DIGEST: Final = 8
"""Characters of the digest that distinguishes two names that would otherwise be sent as the same."""


NAMING: Final = (ToolCall, ToolResult)
"""The parts that hold a tool name."""


class NameRule(NamedTuple):
    """The tool names that a wire accepts.

    Attributes:
        allowed: Matches a valid name.
        invalid: Matches an invalid character.
        max_length: Maximum number of characters.
    """

    allowed: re.Pattern[str]
    invalid: re.Pattern[str]
    max_length: int

    def valid(self, name: str, suffix: str = "") -> str:
        """The valid name closest to `name`, with `suffix` at its end."""
        near = self.invalid.sub("_", name) or UNKNOWN
        if not self.allowed.fullmatch(near[0]):
            near = f"_{near}"
        return near[: self.max_length - len(suffix)] + suffix


def name_rule(characters: str, max_length: int, first: str = "") -> NameRule:
    """The rule for names of `characters` (a regex character class), the first one from `first`."""
    allowed = f"[{first or characters}][{characters}]{{0,{max_length - 1}}}"
    return NameRule(re.compile(allowed), re.compile(f"[^{characters}]"), max_length)


COMMON: Final = name_rule("a-zA-Z0-9_-", 64)
"""OpenAI's rule, which chat completions servers share."""


def sent_names(request: Request, rule: NameRule) -> dict[str, str]:
    """The names to send instead of those that the wire rejects; no two tools get the same one."""
    allowed = rule.allowed.fullmatch
    names = _names(request)
    if all(map(allowed, names)):
        return {}
    odd = [name for name in dict.fromkeys(names) if not allowed(name)]
    taken = {tool.name for tool in request.tools}.union(names).difference(odd)
    sent: dict[str, str] = {}
    for name in odd:
        sent[name] = next(each for each in _candidates(name, rule) if each not in taken)
        taken.add(sent[name])
    return sent


def _names(request: Request) -> list[str]:
    """All tool names in `request`, offered tools first."""
    names = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    for message in request.messages:
        if type(message.content) is not str:
            names += [part.name for part in message.parts if isinstance(part, NAMING) and part.name]
    return names


def _candidates(name: str, rule: NameRule) -> Iterator[str]:
    yield rule.valid(name)
    for time in count(1):
        digest = hashlib.sha256(f"{name} {time}".encode("utf-8", "surrogatepass")).hexdigest()
        yield rule.valid(name, f"_{digest[:DIGEST]}")


def with_sent_names(request: Request, names: Mapping[str, str]) -> Request:
    """`request` with the sent names everywhere: in tools, tool choice, calls and results."""
    tools = tuple(
        replace(tool, name=names[tool.name]) if isinstance(tool, Tool) and tool.name in names else tool
        for tool in request.tools
    )
    messages = tuple(
        replace(message, content=tuple(_renamed(part, names) for part in message.parts))
        if any(_is_renamed(part, names) for part in message.parts)
        else message
        for message in request.messages
    )
    choice = names.get(request.tool_choice or "", request.tool_choice)
    return replace(request, tools=tools, messages=messages, tool_choice=choice)


def _is_renamed(part: Part, names: Mapping[str, str]) -> bool:
    return isinstance(part, NAMING) and part.name in names


def _renamed(part: Part, names: Mapping[str, str]) -> Part:
    if isinstance(part, NAMING) and part.name in names:
        return replace(part, name=names[part.name])
    return part
