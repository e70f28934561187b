"""The HTTP transport for the synchronous clients of SDKs, through `pipeline.sync`."""

from __future__ import annotations

from contextlib import ExitStack
from types import ModuleType, TracebackType
from typing import Any, Self

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.root import RanvierError
from ranvier.integrations.transport.body import Body
from ranvier.integrations.transport.byte_streams import sync_stream_class
from ranvier.integrations.transport.served import (
    Served,
    library_of,
    refused,
    response,
    wire_to_read,
    written,
)
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers._wire.written_request import WrittenRequest


def sync_transport(*pipeline_or_layers: Pipeline | Layer, others: Any = None) -> SyncTransport:
    """The transport for an SDK's synchronous client: `OpenAI(http_client=httpx2.Client(transport=...))`.

    It does the same as `transport`, through `pipeline.sync`, for any number of threads.

    Args:
        pipeline_or_layers: A pipeline, which you close by `pipeline.sync.close()`; or the layers of a new
            one, which `close` closes.
        others: The transport for all other requests; by default a new one of the library of the request.

    Raises:
        ConfigurationError: neither one pipeline nor layers, or a stack that cannot work.
    """
    return SyncTransport(*pipeline_or_layers, others=others)


class SyncTransport(Served):
    """See `sync_transport`. It serves `httpx.Client` and `httpx2.Client`.

    A response has the stream of the call in `extensions["ranvier"]`, or the error: both have `explain()`.

    Attributes:
        pipeline: The pipeline that requests for answers pass.
    """

    async def handle_async_request(self, request: Any) -> Any:
        """Refuse to serve an asynchronous client."""
        raise ConfigurationError("it serves a Client: take transport(...) for an AsyncClient")

    def handle_request(self, request: Any) -> Any:
        """Send a request of `httpx` or `httpx2`, and return a response of the same library."""
        library, wire = library_of(request), wire_to_read(request)
        sdk_request = None if wire is None else written(wire, request, request.read())
        if sdk_request is None:
            return self._other(library, "HTTPTransport").handle_request(request)
        try:
            body, answer = self._answer(sdk_request, library)
        except RanvierError as error:
            return refused(library, request, sdk_request, error)
        return response(library, request, body, answer)

    def _answer(self, sdk_request: WrittenRequest, library: ModuleType) -> tuple[Body, Any]:
        """The answer, and its bytes as a stream of `library`, which are whole or begin with content.

        Raises:
            RanvierError: every target failed or was rejected, or no layer let the call pass.
        """
        start = self._targets.start(sdk_request)
        stream = self.pipeline.sync.stream(
            sdk_request, to=start, hedge=False if sdk_request.stays_at else None
        )
        stream.__enter__()
        try:
            body = Body(stream, sdk_request, self._targets.owners)
            if sdk_request.streamed:
                self._streams.add(stream)
                return body, sync_stream_class(library)(body)
            stream.collect()
            return body, library.ByteStream(body.rest())
        except BaseException:
            stream.close()
            raise

    def close(self) -> None:
        """End streams; close the transports for other requests, and a pipeline that was made from layers."""
        transports, self._transports = self._transports, {}
        with ExitStack() as steps:
            if self._owned:
                steps.callback(self.pipeline.sync.close)
            for each in (*transports.values(), *self._streams):
                steps.callback(each.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
