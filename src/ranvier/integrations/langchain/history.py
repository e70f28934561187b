"""Reads a conversation of LangChain as our messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage
from langchain_core.utils.json import parse_partial_json

from ranvier.errors.configuration import ConfigurationError
from ranvier.integrations.langchain.blocks import read_blocks
from ranvier.messages.dicts.message import ROLES
from ranvier.messages.dicts.parts import read_call_of, thought_of
from ranvier.messages.message import Message, Part, Role, Text, ToolCall, ToolResult
from ranvier.messages.native import Native
from ranvier.messages.saved.dumping import load

SAVED: Final = "ranvier"
"""The key in `additional_kwargs` of an answer that LangChain's format cannot represent."""

OF_TYPES: Final[Mapping[str, Role]] = {"human": "user", "system": "system", "ai": "assistant", "tool": "tool"}


def read_history(messages: Iterable[BaseMessage]) -> list[Message]:
    """The conversation as our messages.

    Raises:
        ConfigurationError: a message or a block of one has no equivalent; no content is quoted.
    """
    return [_message(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _message(message: BaseMessage, where: str) -> Message:
    if isinstance(message, AIMessage):
        return _saved(message, where) or Message("assistant", _answer(message, where), _extra(message))
    if isinstance(message, ToolMessage):
        result = ToolResult(
            message.tool_call_id, _result(message, where), message.name or "", message.status == "error"
        )
        return Message("tool", (result,))
    role = ROLES.get(message.role) if isinstance(message, ChatMessage) else OF_TYPES.get(message.type)
    if role is None or role == "tool":
        raise ConfigurationError(
            f"{where} is a {type(message).__name__}: "
            "give SystemMessage, HumanMessage, AIMessage or ToolMessage"
        )
    return Message(role, _content(message, where), _extra(message))


def _extra(message: BaseMessage) -> Mapping[str, Any] | None:
    return {"name": message.name} if message.name else None


def _content(message: BaseMessage, where: str) -> str | tuple[Part, ...]:
    if isinstance(message.content, str):
        return message.content
    return tuple(read_blocks(message.content, f"{where}.content"))


def _result(message: ToolMessage, where: str) -> str | tuple[Any, ...]:
    """What a tool returned; `ToolResult` rejects parts that it cannot hold."""
    content = _content(message, where)
    if isinstance(content, str) or any(not isinstance(part, Text) or part.extra for part in content):
        return content
    return "".join(part.text for part in content if isinstance(part, Text))


# --- answers -------------------------------------------------------------------------------------


def _answer(message: AIMessage, where: str) -> tuple[Part, ...]:
    calls = tuple(_calls(message, where))
    parts = _content_of(message, where, frozenset(call.id for call in calls))
    if refusal := message.additional_kwargs.get("refusal"):
        parts = (*parts, Text(str(refusal)))
    thought = message.additional_kwargs.get("reasoning_content")
    if isinstance(thought, str) and thought and not any(isinstance(part, Native) for part in parts):
        parts = (thought_of(thought), *parts)
    return (*parts, *calls)


def _content_of(message: AIMessage, where: str, calls: frozenset[str]) -> tuple[Part, ...]:
    if isinstance(message.content, str):
        return (Text(message.content),) if message.content else ()
    return tuple(read_blocks(message.content, f"{where}.content", calls))


def _calls(message: AIMessage, where: str) -> Iterator[ToolCall]:
    for call in message.tool_calls:
        yield read_call_of(f"{where}.tool_calls", call["id"] or "", call["name"], call["args"])
    for bad in message.invalid_tool_calls:
        call_id, args = bad["id"] or "", bad["args"] or ""
        read = read_call_of(f"{where}.invalid_tool_calls", call_id, bad["name"] or "", args)
        yield ToolCall(read.id, read.name, {}, args) if args else read


def _saved(message: AIMessage, where: str) -> Message | None:
    """The saved answer of our provider; `None` if there is none, or if the message was edited since.

    Raises:
        ConfigurationError: the saved value is not an answer.
    """
    saved = message.additional_kwargs.get(SAVED)
    if not isinstance(saved, str):
        return None
    answers = load(saved)
    if len(answers) != 1 or answers[0].role != "assistant":
        raise ConfigurationError(f"{where}.additional_kwargs[{SAVED!r}] is no answer: remove it")
    answer = answers[0]
    given = {call["id"]: call for call in (*message.tool_calls, *message.invalid_tool_calls)}
    unchanged = (
        answer.text == str(message.text)
        and len(given) == len(answer.tool_calls)
        and all(_is_same(call, given.get(call.id)) for call in answer.tool_calls)
    )
    return answer if unchanged else None


def _is_same(call: ToolCall, given: Mapping[str, Any] | None) -> bool:
    """True if the call is unchanged; broken JSON that LangChain has completed counts as unchanged."""
    if given is None or given["name"] != call.name:
        return False
    if call.invalid is None:
        return bool(given["args"] == dict(call.arguments))
    if isinstance(given["args"], str):
        return given["args"] == call.invalid
    try:
        return bool(given["args"] == parse_partial_json(call.invalid))
    except ValueError:
        return False
