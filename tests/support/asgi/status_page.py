"""A pipeline with its status app, asked without a server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ranvier import Pipeline
from ranvier.asgi import status_app
from ranvier.layers import Breaker, Fallback, Retry
from ranvier.testing import ScriptedProvider

TOKEN = "a-token-that-nobody-guesses"


@dataclass
class Answer:
    """What came back: a status, headers, and a body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Any,
    path: str,
    *,
    method: str = "GET",
    body: bytes | dict[str, Any] = b"",
    query: str = "",
    token: str | None = None,
    root: str = "",
) -> Answer:
    """One request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": method, "path": path, "root_path": root, "headers": headers}
    pieces = [content[at : at + 1000] for at in range(0, len(content), 1000)] or [b""]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    answer = Answer()

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        answer.body += message.get("body", b"")

    await app({**scope, "query_string": query.encode()}, receive, send)
    return answer


def stack(*providers: Any, **settings: Any) -> tuple[Pipeline, Any]:
    """A pipeline of these providers, and its status app."""
    asked = providers or (ScriptedProvider("first"), ScriptedProvider("second"))
    pipeline = Pipeline(Fallback(*asked), Retry(max_retries=0), Breaker(failure_threshold=2, cooldown=30))
    return pipeline, status_app(pipeline, **settings)
