"""Recorded traffic of real providers, and what their own SDKs understood of it.

The recordings lie beside the checkout and are not part of it. Whatever is compared here comes from an
SDK, or from a body read in a way that shares nothing with the adapters.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from ranvier.errors import (
    AuthenticationError,
    ContentFilterError,
    InvalidRequestError,
    InvalidResponseError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
)
from ranvier.messages import Response
from ranvier.messages.collector import Collector
from ranvier.providers import Anthropic, Gemini, Ollama
from support.oracles import botocore_model
from support.providers.asking import Chunks, opened
from support.providers.bedrock_apis import Converse
from support.providers.openai_apis import Chat, Responses

RECORDINGS = Path(__file__).parents[3].parent / "shared" / "data"
ABSENT = "the recorded traffic does not lie beside the checkout"

ADAPTERS: dict[str, Any] = {
    "openai_chat": Chat,
    "openai_responses": Responses,
    "anthropic_messages": Anthropic,
    "gemini_generate": Gemini,
    "ollama_chat": Ollama,
    "bedrock_converse": Converse,
}

LEFT_OUT = {
    "fdb6934141db459b": "several responses glued together",
    "5fd7a6621d629256": "several responses glued together",
    "93d03c7dab9be110": "two responses glued together; the SDK joins the names of their tools",
    "fe483391fcbbc0cb": "the SDK hands the list of Mistral's content through; ours is its text",
    "48ddb534ca58dd5d": "a test double, whose pieces do not add up to its whole text",
    **dict.fromkeys(("aafba97d0e283a79", "afb55b7dfd7da60f"), "a count of tokens"),
    **dict.fromkeys(("57b4df7eb19d2025", "b20f2d1d1399f356"), "a conversation made shorter"),
    "c1164ee00a308832": "arguments in pieces, as they come only if streamFunctionCallArguments was sent",
}
NOT_ASKED = "a stream as one JSON array, as it comes only without alt=sse; the SDK reads nothing of it"

BY_HAND: dict[str, dict[str, Any]] = {
    "6b61d521fd5584ae": {"text": "", "finish": "MAX_TOKENS", "usage": [5, 4], "tools": []},
    "86710ef9d51ab082": {
        "text": "OpenTelemetry, this is a test.", "finish": "STOP", "usage": [25, 375], "tools": [],
    },
    "8277f2b6da11b6c6": {"text": "", "finish": "STOP", "usage": [74, 408], "tools": [
        {"id": None, "name": "get_current_weather", "args": {"location": "New Delhi"}},
        {"id": None, "name": "get_current_weather", "args": {"location": "San Francisco"}},
    ]},
    "73f6932a8b7a56bd": {"text": "", "finish": "length", "usage": [43, 10], "tools": []},
}  # fmt: skip
"""Answers on which the SDK breaks, read by hand: Vertex with numbers for words, and OpenRouter, whose model
stopped at its limit, after which an error says so again."""

FAILURES: dict[str, type[ProviderError]] = {
    "9dc3cb2c46e0ac85": ContentFilterError,  # an answer to the SDK, a refusal to us
    "9f2ae5f5f8c54c6a": ContentFilterError,  # an error inside a 200, on which the SDK breaks
    "2e56d2e2cad9e69d": ContentFilterError,  # a filtered choice without a message, likewise
    "f13b26b5c8d949de": InvalidRequestError,  # the SDK has one class for all errors in a stream
    "424ad82f229955fb": AuthenticationError,  # Google's has one for every 4xx
    "f5c9542ba05930e8": ModelNotFoundError,
    "b1adcab95218ad7d": RateLimitError,
    "4c5f3ff5a674489f": ModelNotFoundError,  # the SDK's errors by status, of which no oracle is kept
    "55b0245b401d9669": InvalidRequestError,
    "8566552d6fc1c4cc": AuthenticationError,
    "03f1cd16350b8c47": InvalidRequestError,
    **dict.fromkeys(
        (
            *("f088323db55f3c02", "62e1303f72bbcf5d", "e8d894cd13f8a821", "0665f6c4d2cd6198"),
            "623e0d17dcda8b88",
        ),
        InvalidRequestError,  # Bedrock's, likewise
    ),
    "0824fd31c6bb2c8b": AuthenticationError,  # a 400 at xAI
    "5de710d62caf5c02": InvalidRequestError,
    **dict.fromkeys(
        (
            *("38be5778db82c7b2", "45cd7471b1173aa5", "d901b5a7d2f638f5", "1f05a1c0a57039d7"),
            *("2c9a84e50c61b255", "8bda7107c6570914", "fada88bfc0f69c9b", "eea4f3610d613d46"),
        ),
        InvalidResponseError,  # still queued, or in progress: answers to the SDK
    ),
}
"""Failures of which the SDK says too little, read by hand."""


@dataclass(frozen=True)
class Exchange:
    """One recorded answer, and what has to be understood of it.

    Attributes:
        row: The recording.
        oracle: What the SDK made of it.
        body: Its bytes.
    """

    row: dict[str, Any]
    oracle: dict[str, Any]
    body: bytes

    @property
    def id(self) -> str:
        """Its name among the recordings."""
        return str(self.row["id"])

    @property
    def api(self) -> str:
        """The dialect."""
        return str(self.row["api"])

    @property
    def left_out(self) -> str:
        """Why it cannot be compared; empty where it can."""
        path = self.row["path"]
        whole = "streamGenerateContent" in path and "alt=sse" not in path
        return NOT_ASKED if whole else LEFT_OUT.get(self.id, "")

    @property
    def said(self) -> dict[str, Any] | None:
        """The answer as the SDK understands it; `None` for a failure."""
        if self.id in FAILURES:
            return None
        if self.api == "ollama_chat":  # whose SDK hands the body through
            body = json.loads(self.body)
            usage = [body["prompt_eval_count"], body["eval_count"]]
            return {
                "text": body["message"]["content"],
                "finish": body["done_reason"],
                "usage": usage,
                "tools": [],
            }
        if self.api == "bedrock_converse":  # of which no oracle is kept; botocore reads it
            return _said_to_botocore(botocore_model.read_answer(self.body, self.row["status"]))
        if self.api == "openai_responses":  # likewise
            *_, last = self.bodies()
            return _said_at_last(last.get("response") or last)
        return BY_HAND.get(self.id, self.oracle.get("ok"))

    def bodies(self) -> Iterator[dict[str, Any]]:
        """The JSON objects of the body."""
        if not self.row["stream"]:
            yield json.loads(self.body)
            return
        for line in self.body.decode().splitlines():
            if line.startswith("data:") and "[DONE]" not in line:
                yield json.loads(line[5:])


def _said_to_botocore(whole: dict[str, Any]) -> dict[str, Any] | None:
    """What botocore reads in an answer of Converse; `None` for an error."""
    if "output" not in whole:
        return None
    blocks, usage = whole["output"]["message"]["content"], whole["usage"]
    cited = [piece for block in blocks for piece in block.get("citationsContent", {}).get("content", ())]
    tools = [block["toolUse"] for block in blocks if "toolUse" in block]
    cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    return {
        "text": "".join(piece.get("text", "") for piece in (*blocks, *cited)),
        "finish": whole["stopReason"],
        "usage": [usage["inputTokens"] + cached, usage["outputTokens"]],
        "model": "unknown",  # as it was asked for
        "tools": [
            {"id": tool["toolUseId"], "name": tool["name"], "args": tool["input"]}
            for tool in tools
            if tool.get("type") != "server_tool_use"
        ],
    }


def _said_at_last(whole: dict[str, Any]) -> dict[str, Any] | None:
    """What a whole response says, which the last event of a stream holds."""
    if "status" not in whole:
        return None
    items, usage = whole.get("output") or (), whole.get("usage") or {}
    contents = [part for item in items if item["type"] == "message" for part in item["content"]]
    return {
        "text": "".join(part["text"] for part in contents if part["type"] == "output_text"),
        "finish": whole["status"],
        "usage": [usage.get("input_tokens"), usage.get("output_tokens")],
        "id": whole["id"],
        "model": whole["model"],
        "tools": [
            {"id": item["call_id"], "name": item["name"], "args": item["arguments"]}
            for item in items
            if item["type"] == "function_call"
        ],
    }


def rows(name: str) -> list[dict[str, Any]]:
    """The lines of a file of recordings."""
    return [json.loads(line) for line in (RECORDINGS / name).read_text("utf-8").splitlines()]


@cache
def exchanges() -> tuple[Exchange, ...]:
    """Every recorded exchange in a dialect that we speak."""
    oracle = {row["id"]: row for row in rows("exchanges.oracle.jsonl")}
    recorded = [*rows("exchanges.core.jsonl"), *rows("exchanges.compat.jsonl")]
    return tuple(
        Exchange(row, oracle.get(row["id"], {}), _content(row).encode())
        for row in recorded
        if row["api"] in ADAPTERS
    )


def _content(row: dict[str, Any]) -> str:
    body = row["sse"] if row.get("sse") is not None else row["body"]
    return body if isinstance(body, str) else json.dumps(body)


async def understood(exchange: Exchange, chunks: Sequence[bytes]) -> Response | ProviderError:
    """What our adapter makes of a recording that arrives in chunks."""
    reply = httpx.Response(exchange.row["status"], stream=Chunks(*chunks))
    model = exchange.row["model"] or "unknown"
    async with opened(ADAPTERS[exchange.api], reply) as asked:
        try:
            if not exchange.row["stream"]:
                answer: Response = await asked.complete(model=model)
                return answer
            collector = Collector()
            for event in await asked.stream(model=model):
                collector.add(event)
            return collector.response("provider", "")
        except ProviderError as error:
            return error
