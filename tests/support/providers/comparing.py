"""Whether a recorded answer was understood as its vendor's SDK understands it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ranvier.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
)
from ranvier.messages import Response
from support.providers.asking import cut
from support.providers.recordings import FAILURES, Exchange, understood

RAISED: dict[str, type[ProviderError]] = {
    "AuthenticationError": AuthenticationError,
    "NotFoundError": ModelNotFoundError,
    "BadRequestError": InvalidRequestError,
    "RateLimitError": RateLimitError,
}
"""The classes of the SDKs, and ours."""


@dataclass
class Comparison:
    """How many recordings were understood, and which were not; those left out have their reason."""

    equal: list[Exchange] = field(default_factory=list)
    different: list[Exchange] = field(default_factory=list)
    left_out: list[Exchange] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """All but those left out."""
        return len(self.equal) + len(self.different)


async def compared(exchanges: Iterable[Exchange], *, cuts: int) -> Comparison:
    """Compare each of them, whole and cut at random places so many times."""
    comparison, dice = Comparison(), Random(7)
    for exchange in exchanges:
        if exchange.left_out:
            comparison.left_out.append(exchange)
            continue
        ways = [[exchange.body], *(list(cut(exchange.body, dice)) for _ in range(cuts))]
        right = [is_right(exchange, await understood(exchange, chunks)) for chunks in ways]
        (comparison.equal if all(right) else comparison.different).append(exchange)
    return comparison


def is_right(exchange: Exchange, outcome: Response | ProviderError) -> bool:
    """True where we understood what the SDK does."""
    if isinstance(outcome, Response):
        return exchange.said is not None and facts(exchange, outcome) == expected(exchange)
    raised = str(exchange.oracle.get("raised", "")).rpartition(".")[2]
    kind = FAILURES.get(exchange.id) or RAISED.get(raised)
    return exchange.said is None and kind is not None and isinstance(outcome, kind)


def facts(exchange: Exchange, response: Response) -> dict[str, Any]:
    """A response in the words of the oracle, without the ids that were made up for it."""
    content = exchange.body.decode()
    return {
        "text": response.text,
        "finish": response.raw_finish_reason,
        "usage": [response.usage.input, response.usage.output],
        "id": response.id,
        "model": response.model,
        "tools": [
            (
                call.id if call.id in content else None,
                call.name,
                dict(call.arguments) if call.invalid is None else call.invalid,
            )
            for call in response.tool_calls
        ],
    }


def expected(exchange: Exchange) -> dict[str, Any]:
    """The same from the oracle, and from the body where the oracle holds nothing."""
    said = exchange.said or {}
    bodies = list(exchange.bodies())
    tools = said["tools"] or (_untyped_calls(bodies) if exchange.api == "openai_chat" else [])
    return {
        "text": said["text"] or "",
        "finish": said["finish"] or None,
        "usage": _tokens(exchange, said["usage"], bodies),
        "id": said.get("id") or _first(bodies, "id", "responseId"),
        "model": said.get("model") or _first(bodies, "model", "modelVersion") or exchange.row["model"],
        "tools": [(call["id"], call["name"], _parsed(call["args"])) for call in tools],
    }


def _tokens(exchange: Exchange, usage: list[int | None] | None, bodies: list[dict[str, Any]]) -> list[int]:
    """Tokens in and out: where a provider counts some of them beside the others, these are added."""
    numbers = [number or 0 for number in usage or (0, 0)]
    if exchange.api == "anthropic_messages":
        told = [body.get("usage") or (body.get("message") or {}).get("usage") or {} for body in bodies]
        for name in ("cache_read_input_tokens", "cache_creation_input_tokens"):
            numbers[0] += next((one[name] for one in reversed(told) if one.get(name) is not None), 0)
    elif exchange.api == "gemini_generate":
        told = [body.get("usageMetadata") or {} for body in bodies]
        numbers[0] += told[-1].get("toolUsePromptTokenCount", 0)
        numbers[1:] = [sum(numbers[1:])]  # answer and thoughts
    return numbers


def _untyped_calls(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls of a chat completion that the SDK passes over: without a type, or the old `function_call`."""
    calls: list[dict[str, Any]] = []
    for body in bodies:
        for choice in body.get("choices") or []:
            message = choice.get("message") or choice.get("delta") or {}
            old = message.get("function_call") or {}
            for call in message.get("tool_calls") or ([{"function": old}] if any(old.values()) else []):
                if call["function"].get("name"):
                    calls.append({"id": call.get("id"), "name": call["function"]["name"], "args": ""})
                calls[-1]["args"] += call["function"].get("arguments") or ""
    return calls


def _first(bodies: list[dict[str, Any]], *names: str) -> str | None:
    """The first value by one of these names, at the top or in the message that a stream begins with."""
    places = (place for body in bodies for place in (body, body.get("message") or {}))
    return next((place[name] for place in places for name in names if place.get(name)), None)


def _parsed(arguments: Any) -> Any:
    """The arguments of a tool call, or the text of them where they are no JSON."""
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments
