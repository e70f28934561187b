"""The types of ASGI, and what it takes to answer one request without a framework."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

# ASGI's dictionaries are `Any`, because each framework has types of its own for them.
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete response to a request."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, facts: Any, *, status: int = 200) -> Self:
        """A response with `facts` as JSON, which has no infinity: such a number becomes `null`."""
        try:
            body = json.dumps(facts, allow_nan=False)
        except ValueError:
            body = json.dumps(_finite(facts), allow_nan=False)
        return cls(status, body.encode())

    @classmethod
    def error(cls, status: int, error: str, message: str, **headers: str) -> Self:
        """An error response: `error` is a word for programs, `message` a sentence for people."""
        dashed = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps({"error": error, "message": message}).encode(), headers=dashed)

    async def send(self, send: Send, *, headers: Mapping[str, str] | None = None, head: bool = False) -> None:
        """Send the reply with additional `headers`; `head` omits the body, as HEAD requires."""
        all_headers = {
            "content-type": self.content_type,
            "content-length": str(len(self.body)),
            **(headers or {}),
            **self.headers,
        }
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in all_headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def _finite(facts: Any) -> Any:
    """`facts` with `None` in place of numbers that are not finite."""
    if isinstance(facts, dict):
        return {name: _finite(each) for name, each in facts.items()}
    if isinstance(facts, (list, tuple)):
        return [_finite(each) for each in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts


def header(scope: Scope, name: str) -> str | None:
    """The value of the first header of that name; `None` if there is none."""
    encoded_name = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == encoded_name), None)


def path_within(scope: Scope) -> str:
    """The path relative to the mount point of the application; it starts with `/`.

    Servers and most frameworks leave the mount point in the path, others remove it.
    """
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return path or "/"


async def read_body(receive: Receive, *, max_bytes: int) -> bytes | None:
    """The body of a request; `None` if it is longer than `max_bytes` or the client has disconnected."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            return None
    return bytes(body)
