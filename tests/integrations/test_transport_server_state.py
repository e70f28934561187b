"""What of a request refers to one server, for the transport for SDKs, and where such a request goes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.integrations import transport
from ranvier.integrations.transport.owners import MAX_OWNERS, Owners
from ranvier.integrations.transport.server_state import refers_to_a_server
from ranvier.layers import Balance, Fallback
from ranvier.messages.beside.details import Details
from ranvier.messages.beside.reply import Reply
from ranvier.messages.response import Response
from ranvier.providers import OpenAI

SCHEMA = {"type": "object", "properties": {"file_id": {"type": "string"}, "container": {"type": "object"}}}
STORED = [
    {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
    {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]},
    {"tools": [{"type": "shell", "environment": {"type": "container_reference", "container_id": "c1"}}]},
    {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}, {"type": "message", "content": []}]},
    {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
    {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]},
    {"contents": [{"parts": [{"fileData": {"fileUri": "https://host/files/1"}}]}]},
]
OF_THE_USER = [
    {"tools": [{"type": "function", "function": {"name": "open", "parameters": SCHEMA}}]},
    {"tools": [{"name": "open", "input_schema": SCHEMA}]},
    {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": {"file_id": "mine"}}]}]},
    {"contents": [{"parts": [{"functionCall": {"name": "open", "args": {"file_id": "mine"}}}]}]},
    {"contents": [{"parts": [{"functionResponse": {"name": "open", "response": {"file_id": "mine"}}}]}]},
    {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA", "summary": []}]},
    {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
]


@pytest.mark.parametrize("fields", STORED, ids=range(len(STORED)))
def test_ids_of_stored_things_refer_to_a_server(fields: Any) -> None:
    """Wherever they are in a request."""
    assert refers_to_a_server(fields)


@pytest.mark.parametrize("fields", OF_THE_USER, ids=range(len(OF_THE_USER)))
def test_names_of_the_user_refer_to_no_server(fields: Any) -> None:
    """Neither the parameters of a tool, nor the arguments of a call, nor what is in the request itself."""
    assert not refers_to_a_server(fields)


class Servers:
    """Answers each request with a response whose ids name the host and the number of the request.

    Attributes:
        asked: The hosts that were asked, in order.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        self.asked.append(host)
        ids = f"{host}_{len(self.asked)}"
        words = [{"type": "output_text", "text": "Hi", "annotations": []}]
        output = [
            {"type": "reasoning", "id": f"rs_{ids}", "summary": []},
            {"type": "message", "id": f"msg_{ids}", "role": "assistant", "content": words},
        ]
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        stored = {"id": f"resp_{ids}", "conversation": {"id": f"conv_{host}"}}
        whole = {**stored, "status": "completed", "model": "m", "output": output, "usage": usage}
        if not json.loads(request.content).get("stream"):
            return httpx.Response(200, json=whole)
        event = {"type": "response.completed", "response": whole}
        return httpx.Response(200, text=f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")


def whole_in(text: str) -> Any:
    """The response in a reply, streamed or not."""
    return json.loads(text.rpartition("data: ")[2])["response"] if "data: " in text else json.loads(text)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("by", ["response", "reasoning", "reference", "conversation"])
async def test_a_conversation_goes_on_where_it_is_stored(by: str, streamed: bool) -> None:
    """Whatever it refers to, and however the layers would balance the load."""
    servers = Servers()
    async with httpx.AsyncClient(transport=httpx.MockTransport(servers)) as http:
        targets = [
            Deployment(
                OpenAI("k", api="responses", base_url=f"http://{host}", name=host, http_client=http), "m"
            )
            for host in ("first", "second")
        ]
        pipeline = Pipeline(Fallback(Balance(*targets, by="least_busy")))
        async with pipeline, httpx.AsyncClient(transport=transport(pipeline)) as client:
            asked = {"model": "m", "input": "Hi", "stream": streamed}
            for _ in range(16):
                whole = whole_in((await client.post("https://sdk/v1/responses", json=asked)).text)
                refers: dict[str, Any] = {
                    "response": {"previous_response_id": whole["id"]},
                    "reasoning": {"input": [*whole["output"], {"role": "user", "content": "Why?"}]},
                    "reference": {"input": [{"type": "item_reference", "id": whole["output"][1]["id"]}]},
                    "conversation": {"conversation": whole["conversation"]["id"]},
                }
                await client.post("https://sdk/v1/responses", json={**asked, **refers[by]})
    assert set(servers.asked) == {"first", "second"}
    assert servers.asked[::2] == servers.asked[1::2]


def test_the_number_of_known_ids_is_bounded() -> None:
    """The oldest is forgotten."""
    owners = Owners()
    for number in range(MAX_OWNERS + 1):
        owners.keep(Response(id=f"resp_{number}", provider="first", details=Details()))
    assert owners.of({"previous_response_id": "resp_0"}) is None
    assert owners.of({"previous_response_id": f"resp_{MAX_OWNERS}"}) == "first"


def test_ids_of_another_form_are_no_ids() -> None:
    """A server may write anything."""
    owners = Owners()
    reply = Reply({}, {"conversation": 7, "output": [None, {"id": ["x"]}, "text"]})
    owners.keep(Response(id=None, provider="first", details=Details(reply=reply)))
    assert (
        owners.of({"previous_response_id": ["x"], "conversation": 7, "input": [None, {"id": ["x"]}]}) is None
    )
