"""Bedrock by its own API, and answers of it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from ranvier.providers import Bedrock
from ranvier.simulator.wires.clouds.aws.frames import each_payload, event, exception

Json = dict[str, Any]


class Converse(Bedrock):
    """By Converse, under a name of its own."""

    def __init__(self, api_key: str | None = None, *, name: str = "converse", **given: Any) -> None:
        super().__init__("us-east-1", api="converse", api_key=api_key, name=name, **given)


def as_frames(pieces: Iterable[Json]) -> bytes:
    """Binary frames, each of an object with one event by its name; an `error` is an exception."""
    return b"".join(map(as_frame, pieces))


def as_frame(piece: Json) -> bytes:
    """One of them."""
    ((kind, value),) = piece.items()
    if kind == "error":
        written = json.dumps({"message": value.get("message")}).encode()
        return exception(str(value.get("type", "internalServerException")), written)
    return event(kind, json.dumps(value, ensure_ascii=False).encode())


def reworded(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A body with its text changed, also if it is one of frames."""
    return each_payload(content, change) if content[:1] == b"\0" else change(content)


def split(content: bytes) -> list[bytes]:
    """The frames of a stream, each by itself."""
    frames = []
    while content:
        size = int.from_bytes(content[:4])
        frames.append(content[:size])
        content = content[size:]
    return frames
