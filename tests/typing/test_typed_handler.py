"""A web application: handlers of FastAPI over one pipeline, with tenants and a status page."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import assert_type

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from ranvier import RanvierError, Response, current_tenant, resilient
from ranvier.asgi import TenantMiddleware, status_app
from ranvier.pipeline import Pipeline, ResponseStream
from ranvier.testing import ScriptedProvider

pipeline = resilient(ScriptedProvider("anthropic", ["Saltatory conduction."]), require_tenant=True)
assert_type(pipeline, Pipeline)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with pipeline:
        yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(TenantMiddleware, header="x-customer")
app.mount("/ranvier", status_app(pipeline, token="of-your-own-choice"))


class Question(BaseModel):
    text: str


@app.post("/chat")
async def chat(question: Question) -> dict[str, str | None]:
    answer = await pipeline.complete(question.text, max_tokens=200)
    assert_type(answer, Response)
    assert_type(answer.text, str)
    return {"text": answer.text, "tenant": current_tenant()}


@app.post("/chat/stream")
async def chat_stream(question: Question) -> StreamingResponse:
    answer = await pipeline.stream(question.text)
    assert_type(answer, ResponseStream)
    return StreamingResponse(server_sent_events(answer), media_type="text/event-stream")


async def server_sent_events(answer: ResponseStream) -> AsyncIterator[str]:
    async with answer:
        async for event in answer:
            yield f"data: {json.dumps({'text': event.text})}\n\n"


@app.exception_handler(RanvierError)
async def answer_error(request: Request, error: RanvierError) -> JSONResponse:
    headers = {} if error.retry_after is None else {"retry-after": f"{error.retry_after:.0f}"}
    return JSONResponse({"error": error.kind}, 503, headers)


async def test_the_application_answers() -> None:
    """Whole and streamed, for the tenant of the request."""
    async with (
        pipeline,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://here", headers={"x-customer": "acme"}
        ) as client,
    ):
        answer = await client.post("/chat", json={"text": "Why?"})
        assert answer.json() == {"text": "Saltatory conduction.", "tenant": "acme"}
        assert "Saltatory" in (await client.post("/chat/stream", json={"text": "Why?"})).text
