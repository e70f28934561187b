"""Tool call ids: unchanged for the target that issued them, valid for any other, and unique."""

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

from ranvier.messages.message import Message, Part, ToolCall, ToolResult
from ranvier.messages.native import Native

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
    """The tool call ids that a wire accepts.

    Attributes:
        allowed: Matches a valid id.
        made: Makes a valid id from any other text, deterministically.
        tolerated: Matches further ids, which are kept unless another target is known to have issued them.
    """

    allowed: re.Pattern[str]
    made: Callable[[str], str] = _made
    tolerated: re.Pattern[str] | None = None


ANY_ID: Final = IdRule(re.compile(r"(?s).+"))
"""For a wire that accepts every id."""

OPENAI_IDS: Final = IdRule(re.compile(r"[!-~]{1,40}"))
"""OpenAI rejects longer ones."""

RESPONSES_IDS: Final = IdRule(re.compile(r"[!-~]{1,64}"))

CHAT_IDS: Final = OPENAI_IDS._replace(tolerated=re.compile(r"[!-~]*__thought__[!-~]*"))
"""For any other chat completions server: LiteLLM's proxy keeps Gemini's signatures in its ids."""

MISTRAL_IDS: Final = IdRule(re.compile(r"[a-zA-Z0-9]{9}"), _nine)

ANTHROPIC_IDS: Final = IdRule(re.compile(r"[a-zA-Z0-9_-]+"))

CONVERSE_IDS: Final = IdRule(re.compile(r"[a-zA-Z0-9_-]{1,64}"))
"""Bedrock also accepts dots and colons, which the models of some makers reject."""


def with_valid_ids(
    messages: Sequence[Message], rule: IdRule, owns: Callable[[Native], bool]
) -> Sequence[Message]:
    """`messages` with valid, unique call ids; results get the new ids of their calls.

    An id that the target issued itself (`owns` is true for the call's `native`) stays as it is. Servers that
    number their calls from the start in each turn repeat ids, which Anthropic rejects, and which would make
    it unclear to which call a result belongs.
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
    """Valid ids: the given id if it may stay, else one derived from it deterministically."""

    def __init__(self, rule: IdRule, stay: set[str], owns: Callable[[Native], bool]) -> None:
        self._rule = rule
        self._owns = owns
        self._taken = stay  # ids that no other call may get
        self._given: Counter[str] = Counter()  # number of calls with each id
        self._waiting: dict[str, list[str]] = {}  # the sent ids of calls without a result so far

    def of_message(self, message: Message) -> Message:
        """The message with valid ids."""
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
            return replace(part, call_id=waiting.pop(0) if waiting else self._without_call(part.call_id))
        return part

    def _sent(self, call: ToolCall) -> str:
        time = self._given[call.id]
        if time == 1 and _stays(call, self._rule, self._owns):
            return call.id
        distinct = (call.id if again == 1 else f"{call.id} {again}" for again in count(time))
        sent = next(each for each in map(self._rule.made, distinct) if each not in self._taken)
        self._taken.add(sent)
        return sent

    def _without_call(self, given: str) -> str:
        """The id of a result whose call is missing."""
        return given if self._rule.allowed.fullmatch(given) else self._rule.made(given)
