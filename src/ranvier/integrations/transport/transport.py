"""An HTTP transport that sends an SDK's requests for answers through a pipeline."""

from __future__ import annotations

from types import ModuleType, TracebackType
from typing import Any, Self

from ranvier.closing import Steps
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.root import RanvierError
from ranvier.integrations.transport.body import Body
from ranvier.integrations.transport.byte_streams import stream_class
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


def transport(*pipeline_or_layers: Pipeline | Layer, others: Any = None) -> Transport:
    """The transport for an SDK's HTTP client: `AsyncOpenAI(http_client=httpx2.AsyncClient(transport=...))`.

    Requests for answers (chat completions, Responses, Anthropic's messages, Gemini's content) go through the
    layers of the pipeline to those of its targets that use the wire of the request, with their address, key
    and model. A streamed answer is handed out at its first content: failures before that are retried and fall
    back. All other requests, such as files and models, go where the SDK sends them.

    Switch the SDK's own retries off (`max_retries=0`), because the pipeline retries.

    Args:
        pipeline_or_layers: A pipeline, which you close; or the layers of a new one, which `aclose` closes.
        others: The transport for all other requests; by default a new one of the library of the request.

    Raises:
        ConfigurationError: neither one pipeline nor layers, or a stack that cannot work.
    """
    return Transport(*pipeline_or_layers, others=others)


class Transport(Served):
    """See `transport`. It serves `httpx.AsyncClient` and `httpx2.AsyncClient`.

    A response has the stream of the call in `extensions["ranvier"]`, or the error: both have `explain()`.

    Attributes:
        pipeline: The pipeline that requests for answers pass.
    """

    def handle_request(self, request: Any) -> Any:
        """Refuse to serve a synchronous client."""
        raise ConfigurationError("it serves an AsyncClient: take sync_transport(...) for a Client")

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request of `httpx` or `httpx2`, and return a response of the same library."""
        library, wire = library_of(request), wire_to_read(request)
        sdk_request = None if wire is None else written(wire, request, await request.aread())
        if sdk_request is None:
            return await self._other(library, "AsyncHTTPTransport").handle_async_request(request)
        try:
            body, stream = await self._answer(sdk_request, library)
        except RanvierError as error:
            return refused(library, request, sdk_request, error)
        return response(library, request, body, stream)

    async def _answer(self, sdk_request: WrittenRequest, library: ModuleType) -> tuple[Body, Any]:
        """The answer, and its bytes as a stream of `library`, which are whole or begin with content.

        Raises:
            RanvierError: every target failed or was rejected, or no layer let the call pass.
        """
        start = self._targets.start(sdk_request)
        stream = await self.pipeline.stream(
            sdk_request, to=start, hedge=False if sdk_request.stays_at else None
        )
        try:
            body = Body(stream, sdk_request, self._targets.owners)
        except RanvierError:
            await stream.aclose()
            raise
        if sdk_request.streamed:
            self._streams.add(stream)
            return body, stream_class(library)(body)
        async with stream:
            await stream.collect()
        return body, library.ByteStream(body.rest())

    async def aclose(self) -> None:
        """End streams; close the transports for other requests, and a pipeline that was made from layers."""
        transports, self._transports = self._transports, {}
        async with Steps() as steps:
            if self._owned:
                steps.then(self.pipeline.aclose)
            for each in (*transports.values(), *self._streams):
                steps.then(each.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
