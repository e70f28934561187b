"""Requests: a conversation, tools, and settings for the answer; each field with its check."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import Any, ClassVar, Final, Generic, Literal, TypedDict

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts.tools import read_choice, read_tools
from ranvier.messages.message import Message
from ranvier.messages.response import ParsedT
from ranvier.messages.schema.schema import Schema
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool

Level = Literal["off", "minimal", "low", "medium", "high", "xhigh", "max"]
LEVELS: Final[tuple[Level, ...]] = ("off", "minimal", "low", "medium", "high", "xhigh", "max")
"""How much a model may think, from least to most."""

Lifetime = Literal["5m", "30m", "1h", "12h"]
LIFETIMES: Final[tuple[Lifetime, ...]] = ("5m", "30m", "1h", "12h")
"""How long a provider may keep a prompt in its cache."""


class Options(TypedDict, Generic[ParsedT], total=False):
    """The options of a call; `None` means unset. See `Request`.

    `schema` is a JSON schema, a pydantic model, a dataclass or a TypedDict; `repair=1` shows the model what
    is wrong with an answer that does not match it, and asks once more. Tools may be functions, types and
    dicts; `tool_choice` is `auto`, `none`, `required`, the name of a tool, or an equivalent dict.
    """

    system: str | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop: str | Sequence[str] | None
    tools: Iterable[Tool | WireTool | Mapping[str, Any] | Callable[..., Any] | type] | None
    tool_choice: str | Mapping[str, Any] | None
    schema: type[ParsedT] | UnionType | Mapping[str, Any] | Schema | None
    repair: int | None
    metadata: Mapping[str, str | float] | None
    reasoning: Level | int | None
    reasoning_summary: bool | None
    seed: int | None
    cache: Lifetime | bool | None
    cache_key: str | None
    keep_raw: bool | None
    extra: Mapping[str, Any] | None


MAX_LABELS: Final = 16
"""Entries of `metadata`."""


# --- checks --------------------------------------------------------------------------------------


def _option(check: Callable[[Any], Any], default: Any = None) -> Any:
    """A field that `Options` may set; `check` validates its value and makes it immutable."""
    return field(default=default, metadata={"check": check})


def _stop(stop: object) -> tuple[str, ...]:
    if isinstance(stop, str):
        stops: tuple[object, ...] = (stop,)
    else:
        stops = tuple(stop) if isinstance(stop, Iterable) and not isinstance(stop, Mapping) else ()
    if not stops or not all(isinstance(text, str) and text for text in stops):
        shown = f"={stop!r}" if stop in ("", (), []) else f" is a {type(stop).__name__}"
        raise ConfigurationError(f"stop{shown}: give a text, or a list of texts, none of them empty")
    return stops  # type: ignore[return-value]  # because: all are str


def _text(name: str) -> Any:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} is a {type(value).__name__}: give a str")
        return value

    return check


def _number(name: str) -> Any:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise ConfigurationError(f"{name}={value!r:.60}: give a number, 0 or more")
        return value

    return check


def _metadata(value: object) -> Mapping[str, str | float]:
    """A copy of labels; they go into spans and logs, so that they are few and short."""
    if not isinstance(value, Mapping) or len(value) > MAX_LABELS:
        raise ConfigurationError(f"metadata: give a dict of at most {MAX_LABELS} labels of your own")
    for name, label in value.items():
        validation.identifier("the name of a label in metadata", name, longest=64)
        if isinstance(label, str):
            validation.identifier(f"metadata[{name!r}]", label)
        elif not isinstance(label, (bool, int, float)):
            raise ConfigurationError(
                f"metadata[{name!r}] is a {type(label).__name__}: give a str, a number or a bool"
            )
    return dict(value)


def _reasoning(value: Any) -> Level | int:
    if value in LEVELS or (type(value) is int and value >= 0):
        return "off" if value == 0 else value
    raise ConfigurationError(
        f"reasoning={value!r:.60}: give one of {', '.join(map(repr, LEVELS))}, or a number of tokens"
    )


def _cache(value: Any) -> Lifetime | bool:
    if value not in LIFETIMES and not isinstance(value, bool):
        raise ConfigurationError(
            f"cache={value!r:.60}: give True, or a time out of {', '.join(map(repr, LIFETIMES))}"
        )
    return value  # type: ignore[no-any-return]


def _flag(name: str) -> Any:
    return functools.partial(validation.flag, name)


def _mapping(extra: object) -> Mapping[str, Any]:
    if not isinstance(extra, Mapping):
        raise ConfigurationError(f"extra is a {type(extra).__name__}: give a dict of wire fields")
    validation.one_answer("extra", extra)
    return copy.deepcopy(dict(extra))  # a retry must send the same, even if the caller changes it meanwhile


# --- the request ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Request:
    """One request, the same for every target.

    Derive another with `dataclasses.replace`; never change one. (It is not frozen, because creating a frozen
    one costs as much as three layers.)

    Attributes:
        messages: The conversation, oldest first.
        system: System instructions.
        max_tokens: The maximum number of tokens of the answer; `None` means the provider's default.
        temperature, top_p: Sampling; left out for models that reject them.
        stop: Texts that end the answer.
        tools: The tools that the model may call, and those that the provider runs itself (`WireTool`).
        tool_choice: `auto`, `none`, `required`, or the name of the tool that must be called.
        schema: The schema that the answer must match; `Response.parsed` is the validated answer.
        metadata: Labels of your own, at most 16: `{"feature": "search"}`. They are never sent to a provider;
            events, spans and the story of the call have them.
        reasoning: How much the model thinks: a level, or a number of tokens (0 is `off`). The nearest value
            that the model accepts is sent.
        reasoning_summary: True requests the model's thoughts, or a summary, as `Response.reasoning` from
            providers that do not show them by default.
        seed: A number for repeatable sampling, where the provider has it.
        cache: True, or how long, to keep the prompt in the provider's cache; providers that cache by
            themselves are sent nothing.
        cache_key: A name of up to 64 characters that requests with the same beginning share.
        keep_raw: True keeps the events of a streamed answer for `Response.raw`, which are as large as the
            stream; a whole answer, and one of the Responses API, has it anyway.
        extra: Wire fields. Those under the name of a provider go to that provider only,
            as in `{"openai": {"reasoning_effort": "low"}}`; all others go to every provider.
    """

    answers_whole: ClassVar[bool] = False
    """True if nothing of the answer arrives before all of it, so that silence says nothing."""

    messages: tuple[Message, ...]
    system: str | None = _option(_text("system"))
    max_tokens: int | None = _option(lambda value: validation.count("max_tokens", value, least=1))
    temperature: float | None = _option(_number("temperature"))
    top_p: float | None = _option(_number("top_p"))
    stop: tuple[str, ...] = _option(_stop, ())
    tools: tuple[Tool | WireTool, ...] = _option(read_tools, ())
    tool_choice: str | None = _option(read_choice)
    schema: Schema | None = _option(Schema.of)  # noqa: RUF009  # because it is a field, not a value
    metadata: Mapping[str, str | float] = field(default_factory=dict, metadata={"check": _metadata})
    reasoning: Level | int | None = _option(_reasoning)  # noqa: RUF009  # because it is a field, not a value
    reasoning_summary: bool | None = _option(_flag("reasoning_summary"))
    seed: int | None = _option(functools.partial(validation.whole, "seed"))
    cache: Lifetime | bool | None = _option(_cache)  # noqa: RUF009  # because it is a field, not a value
    cache_key: str | None = _option(lambda value: validation.identifier("cache_key", value, longest=64))
    keep_raw: bool = _option(_flag("keep_raw"), default=False)
    extra: Mapping[str, Any] = field(default_factory=dict, metadata={"check": _mapping})


CHECKS: dict[str, Callable[[Any], Any]] = {
    each.name: each.metadata["check"] for each in fields(Request) if each.metadata
}
"""The check of each option."""
