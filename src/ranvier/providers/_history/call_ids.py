"""Ids of tool calls: as they were for whoever made them, valid for everybody else, and no two alike."""

from __future__ import annotations

import hashlib
import re
import string
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Final, NamedTuple

from ranvier.messages.native import Native
from ranvier.messages.request import Message, Part, ToolCall, ToolResult

ALPHANUMERIC: Final = string.digits + string.ascii_letters


def new_call_id() -> str:
    """An id for a tool call that came without one."""
    return f"call_{uuid.uuid4().hex[:24]}"


def _made(given: str) -> str:
    return f"call_{_digest(given).hex()[:24]}"


def _nine(given: str) -> str:
    return "".join(ALPHANUMERIC[byte % len(ALPHANUMERIC)] for byte in _digest(given)[:9])


def _digest(given: str) -> bytes:
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()


class IdRule(NamedTuple):
    """The ids that a wire takes.

    Attributes:
        allowed: Matches all of such an id.
        made: Makes one from any other text, always the same.
        tolerated: Matches further ones, which stay unless another target is known to have made them.
    """

    allowed: re.Pattern[str]
    made: Callable[[str], str] = _made
    tolerated: re.Pattern[str] | None = None


ANY_ID: Final = IdRule(re.compile(r"(?s).+"))
"""Of a wire that takes them all."""

OPENAI_IDS: Final = IdRule(re.compile(r"[!-~]{1,40}"))
"""OpenAI refuses longer ones."""

CHAT_IDS: Final = OPENAI_IDS._replace(tolerated=re.compile(r"[!-~]*__thought__[!-~]*"))
"""Of any other server of its dialect: LiteLLM's proxy keeps a signature of Gemini's in its ids."""

MISTRAL_IDS: Final = IdRule(re.compile(r"[a-zA-Z0-9]{9}"), _nine)

ANTHROPIC_IDS: Final = IdRule(re.compile(r"[a-zA-Z0-9_-]+"))


def with_valid_ids(
    messages: Sequence[Message], rule: IdRule, owns: Callable[[Native], bool]
) -> Sequence[Message]:
    """`messages` with ids of calls that the wire takes, no two of them alike; results keep to their calls.

    An id that the target made itself (`owns` says so of the call's `native`) stays as it was. Servers that
    count their calls anew in each turn give the same id again, which Anthropic refuses, and of which nobody
    could say whose result it is.
    """
    calls = [call for message in messages if type(message.content) is not str for call in message.tool_calls]
    stay = {call.id for call in calls if _stays(call, rule, owns)}
    if len(stay) == len(calls):
        return messages
    renaming = _Renaming(rule, stay, owns)
    return [renaming.of_message(message) for message in messages]


def _stays(call: ToolCall, rule: IdRule, owns: Callable[[Native], bool]) -> bool:
    if call.native is not None and call.native.data.get("id") == call.id and owns(call.native):
        return True
    if rule.allowed.fullmatch(call.id):
        return True
    return call.native is None and rule.tolerated is not None and bool(rule.tolerated.fullmatch(call.id))


class _Renaming:
    """Ids as the wire takes them: the given one where it may stay, else one made from it, always the same."""

    def __init__(self, rule: IdRule, stay: set[str], owns: Callable[[Native], bool]) -> None:
        self._rule = rule
        self._owns = owns
        self._taken = stay  # ids that no other call may get
        self._given: Counter[str] = Counter()  # how often each id has been that of a call
        self._waiting: dict[str, list[str]] = {}  # calls without a result so far, as they are sent

    def of_message(self, message: Message) -> Message:
        """The same message with other ids."""
        if type(message.content) is str:
            return message
        return replace(message, content=tuple(map(self._of_part, message.parts)))

    def _of_part(self, part: Part) -> Part:
        if isinstance(part, ToolCall):
            self._given[part.id] += 1
            sent = self._sent(part)
            self._waiting.setdefault(part.id, []).append(sent)
            return replace(part, id=sent)
        if isinstance(part, ToolResult):
            waiting = self._waiting.get(part.call_id)
            return replace(part, call_id=waiting.pop(0) if waiting else self._of_nobody(part.call_id))
        return part

    def _sent(self, call: ToolCall) -> str:
        time = self._given[call.id]
        if time == 1 and _stays(call, self._rule, self._owns):
            return call.id
        told_apart = (call.id if again == 1 else f"{call.id} {again}" for again in count(time))
        sent = next(each for each in map(self._rule.made, told_apart) if each not in self._taken)
        self._taken.add(sent)
        return sent

    def _of_nobody(self, given: str) -> str:
        """The id of a result whose call is missing."""
        return given if self._rule.allowed.fullmatch(given) else self._rule.made(given)
