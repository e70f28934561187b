"""A small adapter of a wire that nobody has, as a user might write one. It keeps every rule."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx

from ranvier.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    InvalidResponseError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    ServerError,
    UnsupportedRequestError,
)
from ranvier.messages import FinishReason, Response, StreamEvent, Usage
from ranvier.pipeline import Call

WHOLE = '{"text": "Schöne Grüße.", "in": 3, "out": 4}'.encode()
STREAMED = '{"piece": "Schöne"}\n{"piece": " "}\n{"piece": "Grüße."}\n{"end": {"in": 3, "out": 4}}\n'.encode()


class Toy:
    """Texts in JSON, whole or a piece a line."""

    name = "toy"
    default_model = "toy-1"
    needs_credential = False
    client: httpx.AsyncClient

    def __init__(self, url: str) -> None:
        self.url = url

    def open(self, pipeline: Any) -> None:
        self.client = httpx.AsyncClient(verify=False)

    async def aclose(self) -> None:
        await self.client.aclose()

    # --- there and back --------------------------------------------------------------------------

    def key(self, call: Call) -> str:
        return f"Bearer {call.credential}"

    async def send(self, call: Call) -> httpx.Response:
        try:
            reply = await self.client.send(
                self.client.build_request(
                    "POST", self.url, headers={"authorization": self.key(call)}, json={}, timeout=None
                ),
                stream=True,
            )
        except httpx.HTTPError as error:
            raise self.lost(error) from None
        if reply.status_code == 200:
            return reply
        await reply.aread()
        await reply.aclose()
        raise self.refused(call, reply)

    async def complete(self, call: Call) -> Response:
        reply = await self.send(call)
        try:
            return self.answer(await reply.aread())
        except httpx.HTTPError as error:
            raise self.lost(error) from None
        finally:
            await reply.aclose()

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        reply = await self.send(call)
        try:
            async for line in reply.aiter_lines():
                event = self.event(line)
                yield event
                if event.finish_reason is not None:
                    return
        except httpx.HTTPError as error:
            raise self.lost(error) from None
        finally:
            await reply.aclose()
        self.ended_early()

    # --- what it means ---------------------------------------------------------------------------

    def answer(self, content: bytes) -> Response:
        body = self.parsed(content)
        return Response(str(body["text"]), usage=self.usage(body), provider=self.name, model="toy-1")

    def event(self, line: str) -> StreamEvent:
        body = self.parsed(line)
        if "end" in body:
            return StreamEvent(finish_reason=FinishReason.STOP, usage=self.usage(body["end"]))
        return StreamEvent(text=str(body["piece"]))

    def parsed(self, content: bytes | str) -> dict[str, Any]:
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        if isinstance(body, dict) and {"text", "piece", "end"} & set(body):
            return body
        raise InvalidResponseError("this is no answer", provider=self.name)

    def usage(self, counted: dict[str, int]) -> Usage:
        return Usage(counted["in"], counted["out"], counted["in"] + counted["out"])

    def ended_early(self) -> None:
        raise InvalidResponseError("the stream ended before the answer did", provider=self.name)

    def lost(self, error: httpx.HTTPError) -> Exception:
        return ConnectionFailedError(f"the connection failed: {type(error).__name__}", provider=self.name)

    def refused(self, call: Call, reply: httpx.Response) -> ProviderError:
        kinds = {401: AuthenticationError, 403: PermissionDeniedError, 429: RateLimitError}
        kind = ServerError if reply.status_code >= 500 else InvalidRequestError
        if b"not here" in reply.content:
            kind = UnsupportedRequestError
        wait = reply.headers.get("retry-after")
        return kinds.get(reply.status_code, kind)(
            self.words(call),
            provider=self.name,
            status=reply.status_code,
            retry_after=None if wait is None else float(wait),
        )

    def words(self, call: Call) -> str:
        return f"{self.name} said no"
