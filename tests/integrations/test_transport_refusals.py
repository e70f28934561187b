"""Answers without an answer, through the transport for SDKs: refusals, filters, promises."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.integrations import sync_transport, transport
from ranvier.layers import Fallback, Retry
from ranvier.providers import Anthropic, Gemini, OpenAI
from support.providers.asking import Chunks
from support.providers.five_wires import as_sse

USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
CHAT_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
KINDS: dict[str, Any] = {"chat": OpenAI, "responses": OpenAI, "anthropic": Anthropic, "gemini": Gemini}
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/m:generateContent",
}


def chat(message: dict[str, Any], finish: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": CHAT_USAGE}


def response(status: str, *output: dict[str, Any]) -> dict[str, Any]:
    return {"id": "resp_1", "status": status, "model": "m", "output": output, "usage": USAGE}


def refused_by_claude(stop: str | None) -> dict[str, Any]:
    return {"id": "m1", "type": "message", "content": [], "stop_reason": stop, "usage": USAGE}


REFUSAL = {"type": "message", "id": "m", "content": [{"type": "refusal", "refusal": "No."}]}
BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 1}}
WHOLE = {
    "chat": chat({"content": None, "refusal": "No."}, "stop"),
    "responses": response("completed", REFUSAL),
    "anthropic": refused_by_claude("refusal"),
    "gemini": BLOCKED,
}
DELTA: dict[str, Any] = {
    "id": "c",
    "choices": [{"index": 0, "delta": {"refusal": "No."}, "finish_reason": None}],
}
STREAMED = {
    "chat": as_sse(
        [
            DELTA,
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"id": "c", "choices": [], "usage": CHAT_USAGE},
        ],
        end=b"data: [DONE]\n\n",
    ),
    "responses": as_sse([{"type": "response.completed", "response": response("completed", REFUSAL)}]),
    "anthropic": as_sse(
        [
            {"type": "message_start", "message": refused_by_claude(None)},
            {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
    ),
    "gemini": as_sse([BLOCKED, {"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}}]),
}


THOUGHT = {"type": "thinking_delta", "thinking": "Hm."}
AFTER_THOUGHTS = {
    "chat": as_sse(
        [
            {
                "id": "c",
                "choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}, "finish_reason": None}],
            },
            DELTA,
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ],
        end=b"data: [DONE]\n\n",
    ),
    "responses": as_sse(
        [
            {
                "type": "response.reasoning_summary_text.delta",
                "item_id": "r",
                "output_index": 0,
                "delta": "Hm.",
            },
            {"type": "response.completed", "response": response("completed", REFUSAL)},
        ]
    ),
    "anthropic": as_sse(
        [
            {"type": "message_start", "message": refused_by_claude(None)},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": ""},
            },
            {"type": "content_block_delta", "index": 0, "delta": THOUGHT},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
    ),
}


class Server:
    """Answers all requests with the same bytes, in these chunks.

    Attributes:
        asked: The hosts that were asked, in order.
    """

    def __init__(self, *content: bytes) -> None:
        self.asked: list[str] = []
        self._content = content

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.host)
        return httpx.Response(200, stream=Chunks(*self._content), headers={"x-request-id": "r1"})


def in_events(content: bytes) -> list[bytes]:
    """The events of a stream, each a chunk of its own; a whole answer is one chunk."""
    *events, last = content.split(b"\n\n")
    return [*(event + b"\n\n" for event in events), *([last] if last else [])]


def stack(wire: str, servers: httpx.AsyncClient) -> Pipeline:
    """Two endpoints, and one retry at each."""
    more = {"api": wire} if KINDS[wire] is OpenAI else {}
    targets = [
        Deployment(KINDS[wire]("key", base_url=f"http://{host}", name=host, http_client=servers, **more), "m")
        for host in ("first", "second")
    ]
    return Pipeline(Fallback(*targets), Retry(max_retries=1, base_delay=0.0))


def request_of(wire: str, *, streamed: bool, **more: Any) -> tuple[str, dict[str, Any]]:
    path = PATHS[wire]
    if wire == "gemini":
        fields = {"contents": [{"parts": [{"text": "Hi"}]}]}
        return path.replace(":generate", ":streamGenerate") + "?alt=sse" if streamed else path, fields
    return path, {"model": "m", "stream": streamed, "messages": [], "input": "Hi", **more}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", PATHS)
async def test_a_refusal_is_handed_on_as_its_provider_wrote_it(wire: str, streamed: bool) -> None:
    """To the last byte, and with status 200: an SDK knows it, as `refusal` or as a finish reason."""
    content = STREAMED[wire] if streamed else json.dumps(WHOLE[wire]).encode()
    server = Server(*in_events(content))
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as servers:
        pipeline = stack(wire, servers)
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            path, body = request_of(wire, streamed=streamed)
            answer = await client.post(f"https://sdk{path}", json=body)
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["x-request-id"] == "r1"
    assert server.asked == ["first"]


@pytest.mark.parametrize("wire", AFTER_THOUGHTS)
async def test_a_refusal_after_thoughts_ends_as_its_provider_wrote_it(wire: str) -> None:
    """The thoughts have been handed on; no error of ours follows the end."""
    content = AFTER_THOUGHTS[wire]
    server = Server(*in_events(content))
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as servers:
        pipeline = stack(wire, servers)
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            path, body = request_of(wire, streamed=True)
            answer = await client.post(f"https://sdk{path}", json=body)
    assert (answer.status_code, answer.content) == (200, content)


def test_a_refusal_is_handed_on_to_a_synchronous_client() -> None:
    """As to the other."""
    content = json.dumps(WHOLE["chat"]).encode()
    servers = httpx.AsyncClient(transport=httpx.MockTransport(Server(content)))
    pipeline = stack("chat", servers)
    with pipeline.sync, httpx.Client(transport=sync_transport(pipeline)) as client:
        path, body = request_of("chat", streamed=False)
        assert client.post(f"https://sdk{path}", json=body).content == content


@pytest.mark.parametrize("status", ["queued", "in_progress"])
async def test_a_response_in_the_background_is_handed_on_at_once(status: str) -> None:
    """Its id is the answer: a second request would be a second job."""
    content = json.dumps(response(status)).encode()
    server = Server(content)
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as servers:
        pipeline = stack("responses", servers)
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            path, body = request_of("responses", streamed=False, background=True)
            answer = await client.post(f"https://sdk{path}", json=body)
    assert (answer.status_code, answer.content) == (200, content)
    assert server.asked == ["first"]


async def test_a_response_that_is_not_finished_is_a_failure_otherwise() -> None:
    """Nobody has asked for it to be made in the background."""
    server = Server(json.dumps(response("in_progress")).encode())
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as servers:
        pipeline = stack("responses", servers)
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            path, body = request_of("responses", streamed=False)
            answer = await client.post(f"https://sdk{path}", json=body)
    assert answer.status_code == 503
    assert len(server.asked) == 4
