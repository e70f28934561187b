"""Binary frames of AWS's event streams: `application/vnd.amazon.eventstream`.

length of the frame, length of its headers, CRC32 of both | headers | payload | CRC32 of all before
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Final

_STRING: Final = 7
"""The type of a header whose value is a string."""

PRELUDE: Final = 12
END: Final = 4
"""The bytes of a frame before its headers, and after its payload."""

Frame = tuple[dict[str, str], bytes]
"""The headers and the payload of a frame."""


def frame(payload: bytes, **headers: str) -> bytes:
    """One frame; `message_type="event"` is the header `:message-type`."""
    written = b"".join(_header(f":{name.replace('_', '-')}", value) for name, value in headers.items())
    begun = prelude(PRELUDE + len(written) + len(payload) + END, len(written)) + written + payload
    return begun + struct.pack("!I", zlib.crc32(begun))


def event(kind: str, payload: bytes) -> bytes:
    """The frame of an event."""
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def exception(kind: str, payload: bytes) -> bytes:
    """The frame of an exception, which ends a stream."""
    return frame(payload, exception_type=kind, content_type="application/json", message_type="exception")


def prelude(size: int, size_of_headers: int) -> bytes:
    """The start of a frame of `size` bytes."""
    lengths = struct.pack("!II", size, size_of_headers)
    return lengths + struct.pack("!I", zlib.crc32(lengths))


def frames_of(content: bytes) -> Iterator[Frame]:
    """The frames in `content`, which has nothing else."""
    at = 0
    while at < len(content):
        size, of_headers = struct.unpack_from("!II", content, at)
        headers = content[at + PRELUDE : at + PRELUDE + of_headers]
        yield dict(_headers(headers)), content[at + PRELUDE + of_headers : at + size - END]
        at += size


def each_payload(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The frames in `content` with their payloads changed."""
    return b"".join(
        frame(change(payload), **{name[1:].replace("-", "_"): value for name, value in headers.items()})
        for headers, payload in frames_of(content)
    )


def _header(name: str, value: str) -> bytes:
    return (
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
    )


def _headers(written: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(written):
        end = at + 1 + written[at]
        name = written[at + 1 : end].decode()
        (size,) = struct.unpack_from("!H", written, end + 1)
        yield name, written[end + 3 : end + 3 + size].decode()
        at = end + 3 + size
