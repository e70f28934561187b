"""A small adapter of a wire that nobody has, as a user might write one. It keeps every rule."""

import json
import re
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
FINISHED_EARLY = (
    '{"piece": "Schöne"}\n{"end": {"in": 3, "out": 1}}\n{"piece": " "}\n{"piece": "Grüße."}\n'
    '{"end": {"in": 3, "out": 4}}\n'
).encode()
HALVED = b'{"piece": "a \\ud83d"}\n{"piece": "\\ude00 b"}\n{"end": {"in": 3, "out": 4}}\n'
ODD_USAGE = WHOLE.replace(b'"out": 4', b'"out": "4"')
SILENT = b'{"text": "", "in": 3, "out": 0}'
STREAMED = '{"piece": "Schöne"}\n{"piece": " "}\n{"piece": "Grüße."}\n{"end": {"in": 3, "out": 4}}\n'.encode()
ODD_USAGE_STREAMED = STREAMED.replace(b'"out": 4', b'"out": "4"')
SILENT_STREAMED = b'{"end": {"in": 3, "out": 0}}\n'


class Toy:
    """Texts in JSON, whole or a piece a line."""

    name = "toy"
    default_model = "toy-1"
    needs_credential = False
    leaves_early = False  # at the first finish reason
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
            finished = False
            async for line in reply.aiter_lines():
                event = self.event(line)
                finished = event.finish_reason is not None
                yield event
                if finished and self.leaves_early:
                    return
        except httpx.HTTPError as error:
            raise self.lost(error) from None
        finally:
            await reply.aclose()
        if not finished:
            self.ended_early()

    # --- what it means ---------------------------------------------------------------------------

    def answer(self, content: bytes) -> Response:
        lines = content.splitlines()
        if len(lines) > 1:
            return self.gathered([self.event(line.decode()) for line in lines])
        body = self.parsed(content)
        return Response(str(body["text"]), usage=self.usage(body), provider=self.name, model="toy-1")

    def gathered(self, events: list[StreamEvent]) -> Response:
        usage = events[-1].usage
        if usage is None:
            self.ended_early()
        text = "".join(event.text for event in events)
        return Response(text, usage=usage or Usage(complete=False), provider=self.name, model="toy-1")

    def event(self, line: str) -> StreamEvent:
        body = self.parsed(line)
        if "text" in body:  # a whole answer
            return StreamEvent(
                text=str(body["text"]), finish_reason=FinishReason.STOP, usage=self.usage(body)
            )
        if "end" in body:
            return StreamEvent(finish_reason=FinishReason.STOP, usage=self.usage(body["end"]))
        return StreamEvent(text=str(body["piece"]))

    def parsed(self, content: bytes | str) -> dict[str, Any]:
        try:
            body = json.loads(self.mended(content))
        except ValueError:
            body = None
        if isinstance(body, dict) and {"text", "piece", "end"} & set(body):
            return body
        raise InvalidResponseError("this is no answer", provider=self.name)

    def mended(self, content: bytes | str) -> bytes | str:
        return re.sub(r"\\ud[89a-f]..", r"\\ufffd", content) if isinstance(content, str) else content

    def usage(self, counted: dict[str, int]) -> Usage:
        if not all(type(counted[name]) is int for name in ("in", "out")):
            return Usage(complete=False)
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
