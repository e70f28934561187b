"""Names of tools as a wire takes them: mapped in the request, and mapped back in the answer.

`devserver.stop` is sent as `devserver_stop` to whoever refuses dots. The map is made from the request alone,
so that nothing has to be kept; a name that the wire takes is never changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Final, NamedTuple

from ranvier.messages.request import Part, Request, ToolCall, ToolResult
from ranvier.messages.tool import Tool

UNKNOWN: Final = "tool"
"""The start of a name that is sent for one without a single character."""

DIGEST: Final = 8
"""Characters that tell apart two names that would be sent as the same one."""


NAMING: Final = (ToolCall, ToolResult)
"""Parts that name a tool."""


class NameRule(NamedTuple):
    """The names of tools that a wire takes.

    Attributes:
        allowed: Matches all of such a name.
        refused: Matches a character that no name has.
        longest: Characters of the longest name.
    """

    allowed: re.Pattern[str]
    refused: re.Pattern[str]
    longest: int

    def valid(self, name: str, suffix: str = "") -> str:
        """The name closest to `name` that is allowed, with `suffix` at its end."""
        near = self.refused.sub("_", name) or UNKNOWN
        if not self.allowed.fullmatch(near[0]):
            near = f"_{near}"
        return near[: self.longest - len(suffix)] + suffix


def name_rule(characters: str, longest: int, first: str = "") -> NameRule:
    """The rule for names of these characters (as in brackets of a pattern), the first of `first`."""
    allowed = f"[{first or characters}][{characters}]{{0,{longest - 1}}}"
    return NameRule(re.compile(allowed), re.compile(f"[^{characters}]"), longest)


COMMON: Final = name_rule("a-zA-Z0-9_-", 64)
"""OpenAI's, which its dialect shares."""


def sent_names(request: Request, rule: NameRule) -> dict[str, str]:
    """The names that are sent for those which the wire refuses; no two tools get the same one."""
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
    """All names of tools in `request`, those that are offered first."""
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
    """`request` with the tools under the names that are sent: offered, chosen, called and answered."""
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
