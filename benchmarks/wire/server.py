"""A server that costs as little as it can: `python -m benchmarks.wire.server CORE` prints its port.

It speaks the shapes of OpenAI's chat completions and of Anthropic's messages, whole at once, and streamed in
two hundred pieces, each written on its own. It reads nothing of a request but where it ends, its path, and
whether it wants a stream.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Final, cast

import uvloop

PIECES: Final = 200
PAUSE: Final = 0.004
TEXT: Final = "It leaps from node to node. " * 40

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "gpt-5.2",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": TEXT},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 280, "total_tokens": 292},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": TEXT}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 280},
}


def _whole(answer: object) -> list[bytes]:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return [head.encode() + body]


def _chunked(events: list[str]) -> list[bytes]:
    pieces = [f"{len(event):x}\r\n{event}\r\n".encode() for event in events]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head + pieces[0], *pieces[1:-1], pieces[-1] + b"0\r\n\r\n"]


def _chat_events() -> list[str]:
    def event(delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.2"}
        return f"data: {json.dumps(told | {'choices': [choice]})}\n\n"

    words = [event({"content": f"word {number} "}) for number in range(PIECES - 2)]
    return [event({"role": "assistant", "content": ""}), *words, event({}, "stop") + "data: [DONE]\n\n"]


def _message_events() -> list[str]:
    def event(kind: str, **more: object) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n"

    start = event("message_start", message=MESSAGE | {"content": [], "stop_reason": None})
    start += event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    words = [
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": f"word {number} "})
        for number in range(PIECES - 2)
    ]
    end = event("content_block_stop", index=0)
    end += event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 280})
    return [start, *words, end + event("message_stop")]


ANSWERS = {
    (False, False): _whole(CHAT),
    (False, True): _chunked(_chat_events()),
    (True, False): _whole(MESSAGE),
    (True, True): _chunked(_message_events()),
}


class Connection(asyncio.Protocol):
    """One connection, one request after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast(asyncio.Transport, transport)  # because: uvloop's is none by its class
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request has come whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        size = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < size:
            return
        self._received = body[size:]
        streamed = b'"stream":true' in body.replace(b" ", b"")
        self._write(ANSWERS[b"/messages" in lower[:200], streamed], 0)

    def _write(self, pieces: list[bytes], index: int) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(pieces[index])
        if index + 1 < len(pieces):
            asyncio.get_running_loop().call_later(PAUSE, self._write, pieces, index + 1)


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    uvloop.run(serve())
