"""The common part of the transports for asynchronous and for synchronous clients."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.root import RanvierError
from ranvier.integrations.transport.body import Body
from ranvier.integrations.transport.recognition import MAX_BODY_BYTES, wire_of, written_request
from ranvier.integrations.transport.refusals import refusal
from ranvier.integrations.transport.targets import Targets
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers._wire.written_request import WrittenRequest

if TYPE_CHECKING:
    AnyTransport = Any  # httpx and httpx2 have different types for it
else:
    AnyTransport = object


class Served(AnyTransport):  # type: ignore[misc]  # because it is every type at once
    """A pipeline that serves the HTTP clients of SDKs.

    Attributes:
        pipeline: The pipeline that requests for answers pass.
    """

    def __init__(self, *pipeline_or_layers: Pipeline | Layer, others: Any = None) -> None:
        first = pipeline_or_layers[0] if pipeline_or_layers else None
        self._owned = not isinstance(first, Pipeline)
        if len(pipeline_or_layers) > 1 and any(isinstance(each, Pipeline) for each in pipeline_or_layers):
            raise ConfigurationError("transport(...): give one pipeline, or layers, and not both")
        if first is not None and not isinstance(first, (Pipeline, Layer)):
            kind = type(first).__name__
            raise ConfigurationError(f"transport(...) was given a {kind}: give a Pipeline, or layers")
        self.pipeline = first if isinstance(first, Pipeline) else Pipeline(*pipeline_or_layers)  # type: ignore[arg-type]
        self._targets = Targets(self.pipeline)
        self._others = others
        self._transports: dict[str, Any] = {}  # for all other requests, by library
        self._streams: WeakSet[Any] = WeakSet()  # open streams, which end with the client

    def _other(self, library: ModuleType, kind: str) -> Any:
        """The transport for all other requests."""
        if self._others is not None:
            return self._others
        made = self._transports.get(library.__name__)
        return (
            self._transports.setdefault(library.__name__, getattr(library, kind)()) if made is None else made
        )


def wire_to_read(request: Any) -> str | None:
    """The wire of a request for an answer; `None` for other requests, whose bodies must not be read."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY_BYTES:
        return None
    return wire_of(request.method, request.url.path)


def written(wire: str, request: Any, content: bytes) -> WrittenRequest | None:
    """The request for an answer with this body; `None` if the body is not one of that wire."""
    query = request.url.query.decode("ascii", "replace")
    return written_request(wire, request.url.path, query, request.headers, content)


def library_of(request: object) -> ModuleType:
    """The library of the request: `httpx` or `httpx2`."""
    return sys.modules[type(request).__module__.partition(".")[0]]


def response(library: ModuleType, request: Any, body: Body, stream: Any) -> Any:
    """The response of `library` with the reply of a provider, whose content is `stream`."""
    return library.Response(
        body.reply.status,
        headers=body.reply.headers,
        request=request,
        stream=stream,
        extensions={"ranvier": body.stream},
    )


def refused(library: ModuleType, request: Any, written: WrittenRequest, error: RanvierError) -> Any:
    """The response of `library` for a call that has failed."""
    status, headers, content = refusal(written, error)
    return library.Response(
        status,
        headers=headers,
        request=request,
        stream=library.ByteStream(content),  # `content=` would leave the response without `elapsed`
        extensions={"ranvier": error},
    )
