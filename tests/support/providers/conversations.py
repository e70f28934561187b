"""Conversations with the seven, and what each of them finds of its own in a request."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from ranvier.messages import Message, Request, Response
from support.providers.asking import Chunks
from support.providers.bedrock_apis import reworded
from support.providers.seven import APIS, WEATHER, body, collected
from support.providers.wire_rules import complaints

MODELS = {
    "anthropic": "claude-sonnet-5",
    "openai": "gpt-5.2",
    "responses": "gpt-5.2",
    "converse": "anthropic.claude-sonnet-5",
    "gemini": "gemini-3.6-flash",
    "kimi": "kimi-k2.6",
    "glm": "glm-5.2",
    "openrouter": "anthropic/claude-sonnet-5",
    "ollama": "qwen3",
}

OPAQUE = {
    "anthropic": ("EoQD-signed", "anthropic needs the weather."),
    "openai": (),
    "responses": ("gAAA-signed", "responses needs the weather."),
    "converse": ("EoQD-converse", "converse needs the weather."),
    "gemini": ("CusBc2lnbmVk", "Es4Bc2lnbmVk"),
    "kimi": ("kimi needs the weather.",),
    "glm": ("glm needs the weather.",),
    "openrouter": ("EoQD-or", "openrouter needs the weather."),
    "ollama": ("ollama needs the weather.",),
}
"""What only the one who said it understands: signatures, and thoughts that it wants to see again."""


async def answer(ask: Any, name: str, which: str, *, streamed: bool) -> Response:
    """The answer of that name, with thoughts that tell whose they are."""
    content = body(name, f"{which}.{'stream' if streamed else 'json'}")
    content = reworded(content, lambda text: text.replace(b"I need", f"{name} needs".encode()))
    async with ask(APIS[name], httpx.Response(200, stream=Chunks(content))) as server:
        if streamed:
            return collected(await server.stream(model=MODELS[name]), name)
        whole: Response = await server.complete(model=MODELS[name])
        return whole


async def used_a_tool(ask: Any, name: str, *, streamed: bool) -> tuple[Message, ...]:
    """A question, the provider's call of a tool, and the result."""
    called = await answer(ask, name, "tools", streamed=streamed)
    (call,) = called.tool_calls
    return (Message.user("Weather in Zürich?"), called.message, Message.tool(call.id, "Sunny, 21 °C"))


async def asked(ask: Any, name: str, *messages: Message) -> Any:
    """What that provider is sent for the conversation; nothing in it is against the rules of its wire."""
    request = Request(messages, system="Be terse.", tools=(WEATHER,))
    async with ask(APIS[name], httpx.Response(200, json={})) as server:
        sent = await server.sent(request, model=MODELS[name])
    against = complaints(name, sent)
    assert not against, against
    return sent


def foreign(sent: Any, *others: str) -> list[str]:
    """What in a request only other providers understand."""
    text = json.dumps(sent, ensure_ascii=False)
    return [mark for other in others for mark in OPAQUE[other] if mark in text]


def first_turn(sent: Any) -> Any:
    """The first answer in a request."""
    turns = sent.get("contents") or sent.get("messages") or []
    if "input" in sent:
        return next(item for item in sent["input"] if "role" not in item)
    return next(turn for turn in turns if turn["role"] in ("assistant", "model"))


def blocks(turn: Any, kind: str) -> list[Any]:
    """The blocks of a kind, or the parts that hold it."""
    content = turn["content"] if "content" in turn else turn["parts"]
    return [each for each in content if isinstance(each, dict) and (each.get("type") == kind or kind in each)]


OWN_PLACES: dict[str, Any] = {
    "anthropic": lambda turn: [(one["thinking"], one["signature"]) for one in blocks(turn, "thinking")],
    "openai": lambda turn: None,
    "responses": lambda item: (item["summary"][0]["text"], item["encrypted_content"]),
    "converse": lambda turn: [
        tuple(one["reasoningContent"]["reasoningText"].values()) for one in blocks(turn, "reasoningContent")
    ],
    "gemini": lambda turn: [part["thoughtSignature"] for part in blocks(turn, "functionCall")],
    "kimi": lambda turn: turn["reasoning_content"],
    "glm": lambda turn: turn["reasoning_content"],
    "openrouter": lambda turn: [(one["text"], one["signature"]) for one in turn["reasoning_details"]],
    "ollama": lambda turn: turn["thinking"],
}

KEPT: dict[str, Any] = {
    "anthropic": [("anthropic needs the weather.", "EoQD-signed")],
    "openai": None,
    "responses": ("responses needs the weather.", "gAAA-signed"),
    "converse": [("converse needs the weather.", "EoQD-converse")],
    "gemini": ["CusBc2lnbmVk"],
    "kimi": "kimi needs the weather.",
    "glm": "glm needs the weather.",
    "openrouter": [("openrouter needs the weather.", "EoQD-or")],
    "ollama": "ollama needs the weather.",
}


def call_ids(name: str, sent: Any) -> Iterator[str]:
    """The ids of calls, in the order of the request."""
    for turn in sent[{"gemini": "contents", "responses": "input"}.get(name, "messages")]:
        if name == "responses":
            yield from [turn["call_id"]] if turn.get("type") == "function_call" else []
        elif name == "gemini":
            yield from (part["functionCall"]["id"] for part in blocks(turn, "functionCall"))
        elif name == "converse":
            yield from (block["toolUse"]["toolUseId"] for block in blocks(turn, "toolUse"))
        elif name == "anthropic":
            yield from (
                block["id"] for block in turn["content"] if isinstance(block, dict) and "input" in block
            )
        else:
            yield from (call["id"] for call in turn.get("tool_calls") or ())
