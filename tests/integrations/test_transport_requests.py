"""What the transport for SDKs sends of a request: headers, query, path and body."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.integrations import transport
from ranvier.layers import Fallback
from ranvier.providers import Gemini, OpenAI
from support.providers.asking import Chunks

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
CONTENT = {"contents": [{"parts": [{"text": "Hi"}]}]}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
TEXT = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
WHOLE = {"id": "c", "choices": [TEXT], "usage": USAGE}
CANDIDATE = {"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}
OF_GEMINI = {"candidates": [CANDIDATE], "usageMetadata": {"promptTokenCount": 1}}


class Server:
    """Answers all requests with `content`, and keeps them."""

    def __init__(self, *content: bytes | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._content = content

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, stream=Chunks(*self._content))


async def asked(server: Server, kind: Any, models: list[str], url: str, **request: Any) -> httpx.Response:
    """The reply of `server` to a request to `url`, through a pipeline with these models."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as servers:
        more = {"api": "chat"} if kind is OpenAI else {}
        provider = kind("key", base_url="http://ours", http_client=servers, **more)
        pipeline = Pipeline(Fallback(*(Deployment(provider, model) for model in models)))
        others = httpx.MockTransport(lambda request: httpx.Response(200, text="untouched"))
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline, others=others)) as client:
            return await client.post(url, **request)


async def test_parameters_without_a_value_are_sent() -> None:
    """As any other that the server does not depend on."""
    server = Server(json.dumps(WHOLE).encode())
    url = "https://sdk/v1/chat/completions?beta=&api-version=7&trace=a&trace=b"
    await asked(server, OpenAI, ["m"], url, json=CHAT)
    assert server.requests[0].url.query == b"beta=&trace=a&trace=b"


async def test_a_signature_of_aws_goes_nowhere_else() -> None:
    """Nor the token of its session; the SDK of Anthropic signs its requests to Bedrock."""
    headers = {"x-amz-date": "now", "X-Amz-Security-Token": "secret", "authorization": "AWS4 secret"}
    server = Server(json.dumps(WHOLE).encode())
    await asked(server, OpenAI, ["m"], "https://sdk/v1/chat/completions", json=CHAT, headers=headers)
    sent = server.requests[0].headers
    assert not [name for name in sent if name.startswith("x-amz-")]
    assert sent["authorization"] == "Bearer key"


async def test_half_of_a_character_reaches_a_target_with_another_model() -> None:
    """Its body is written anew, and may hold what UTF-8 does not."""
    server = Server(json.dumps(WHOLE).encode())
    messages = b'[{"role": "user", "content": "\\ud83d caf\xc3\xa9"}]'
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as servers:
        provider = OpenAI("key", api="chat", base_url="http://ours", http_client=servers)
        pipeline = Pipeline(Fallback(Deployment(provider, "ours", facts_of="gpt-5.2")))
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            content = b'{"model": "gpt-5.2", "messages": ' + messages + b"}"
            answer = await client.post("https://sdk/v1/chat/completions", content=content)
    assert answer.status_code == 200
    assert json.loads(server.requests[0].content) == {"model": "ours", "messages": json.loads(messages)}


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/m", "m"),
        ("/v1beta/tunedModels/mine", "tunedModels/mine"),
        ("/v1beta1/projects/p/locations/l/publishers/google/models/m", "m"),
    ],
)
async def test_a_model_is_found_in_its_path(path: str, model: str) -> None:
    """A tuned one is asked in its own collection."""
    server = Server(json.dumps(OF_GEMINI).encode())
    answer = await asked(server, Gemini, ["other", model], f"https://sdk{path}:generateContent", json=CONTENT)
    assert answer.json() == OF_GEMINI
    expected = model if "/" in model else f"models/{model}"
    assert server.requests[0].url.path == f"/{expected}:generateContent"


async def test_a_stream_in_one_array_passes_untouched() -> None:
    """Gemini sends it where nothing asks for events; we ask for events only."""
    server = Server()
    answer = await asked(
        server, Gemini, ["m"], "https://sdk/v1beta/models/m:streamGenerateContent", json=CONTENT
    )
    assert answer.text == "untouched"
    assert not server.requests


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
async def test_an_event_in_many_chunks_is_handed_on_whole(end: bytes) -> None:
    """Before the stream breaks, and wherever it is cut, also within the mark of its end."""
    delta = {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}
    first = b"data: " + json.dumps(delta).encode() + end * 2
    content = first * 2
    server = Server(*(content[at : at + 1] for at in range(len(content))), httpx.ReadError("gone"))
    body = {**CHAT, "stream": True}
    answer = await asked(server, OpenAI, ["m"], "https://sdk/v1/chat/completions", json=body)
    assert answer.content.startswith(first)
    assert json.loads(answer.content.rpartition(b"data: ")[2])["error"]


async def test_a_broken_stream_of_responses_is_raised_by_an_sdk() -> None:
    """The error is also under `error`, the only place where OpenAI's SDK looks for one."""
    begun = {"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "Hi"}
    server = Server(b"event: response.output_text.delta\ndata: " + json.dumps(begun).encode() + b"\n\n")
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as servers:
        provider = OpenAI("key", api="responses", base_url="http://ours", http_client=servers)
        pipeline = Pipeline(Fallback(Deployment(provider, "m")))
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            body = {"model": "m", "input": "Hi", "stream": True}
            answer = await client.post("https://sdk/v1/responses", json=body)
    last = json.loads(answer.text.rpartition("data: ")[2])
    assert last["type"] == "error"
    assert last["message"] == last["error"]["message"] != ""
