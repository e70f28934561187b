"""The words of ASGI, and what is needed to answer one request without a framework."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

# Its dictionaries are `Any`, because each framework has types of its own for them.
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer to a request."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def telling(cls, facts: Any, *, status: int = 200) -> Self:
        """These facts, as JSON."""
        return cls(status, json.dumps(facts, allow_nan=False).encode())

    @classmethod
    def refusing(cls, status: int, error: str, message: str, **headers: str) -> Self:
        """No, and why: a word for programs, and a sentence for people."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, json.dumps({"error": error, "message": message}).encode(), headers=told)

    async def send(self, send: Send, *, headers: Mapping[str, str] | None = None, head: bool = False) -> None:
        """Send it, with more `headers`; to a HEAD without its body."""
        shown = {
            "content-type": self.content_type,
            "content-length": str(len(self.body)),
            **(headers or {}),
            **self.headers,
        }
        coded = [(name.encode(), value.encode("latin-1")) for name, value in shown.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": coded})
        await send({"type": "http.response.body", "body": b"" if head else self.body})


def header(scope: Scope, name: str) -> str | None:
    """The first header of that name, as it came; `None` where there is none."""
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), None)


def path_within(scope: Scope) -> str:
    """The path below the point where an application is mounted; it starts with `/`.

    Servers and most frameworks leave the mount point in the path, others take it out.
    """
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return path or "/"


async def read_body(receive: Receive, *, most: int) -> bytes | None:
    """The body of a request; `None` where it is longer than `most` bytes or its client has gone."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            return None
    return bytes(body)
