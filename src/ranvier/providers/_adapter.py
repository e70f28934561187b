"""What all HTTP adapters share: the request out, the reply in, whole or streamed.

An adapter for a provider subclasses `Adapter` and supplies only translation: where to send, with
which headers and fields, and what an answer or an event of a stream means.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from ranvier import checks, providers
from ranvier.errors import (
    ConfigurationError,
    CredentialMissingError,
    RanvierError,
    UnsupportedRequestError,
)
from ranvier.providers._address import checked_url
from ranvier.providers._call_ids import ANY_ID, IdRule
from ranvier.providers._connections import Connections
from ranvier.providers._engines import Engine, EngineName
from ranvier.providers._fields import Extras, encoded, fits_a_header, fitted
from ranvier.providers._history import translated
from ranvier.providers._http import HttpReply, HttpRequest
from ranvier.providers._issuer import Issuer
from ranvier.providers._reading import (
    AnswerReader,
    Json,
    Judge,
    NoAnswerError,
    is_error,
    no_object,
    parse_object,
)
from ranvier.providers._sse import Decoder, SseDecoder
from ranvier.providers._streamed import StreamedBody, next_chunk
from ranvier.providers._tool_names import COMMON, NameRule

if TYPE_CHECKING:
    from ranvier.messages import Native, Response, StreamEvent
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.pipeline import Pipeline


class Adapter(ABC):
    """A provider over HTTP.

    Args:
        api_key: Our own key; `None` is the first of the `environment` variables that is set.
        base_url: Where its API is; `None` is the vendor's own.
        name: Tells two of a kind apart (`OpenAI(name="openai-eu", base_url=...)`).
        http_client: An `httpx.AsyncClient`, `httpx2.AsyncClient` or `aiohttp.ClientSession` of yours,
            with your proxies, certificates and hooks; you close it.
        engine: What sends the requests where you give no client: `"aiohttp"` or `"httpx"`, and `"auto"`
            is the faster one that is installed.
        max_connections: Requests under way at once; further ones wait for a slot.

    Raises:
        ConfigurationError: an argument that cannot be.

    Attributes:
        environment: The variables that may hold the key, the first that is set counts.
        needs_credential: It answers nobody without a key.
        default_model: The model of a target that names none.
        base_url: Where its API is.
    """

    family: ClassVar[str]
    """Whose dialect it speaks: the name of the vendor, whatever this one is called."""

    tool_names: NameRule = COMMON
    """The names of tools that its wire takes."""

    call_ids: IdRule = ANY_ID
    """The ids of tool calls that its wire takes."""

    environment: ClassVar[tuple[str, ...]] = ()
    default_model: str
    default_base_url: ClassVar[str]
    name: str = ""
    base_url: str = ""
    needs_credential: bool = True

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        http_client: Any = None,
        engine: EngineName = "auto",
        max_connections: int = 1000,
    ) -> None:
        self._api_key = api_key
        del api_key  # or a traceback of what follows might show it
        if self._api_key is not None and not isinstance(self._api_key, str):
            raise ConfigurationError("api_key is no str: give the key itself, or leave it to the environment")
        self.name = self.family if name is None else checks.identifier("name", name)
        self.base_url = checked_url(self.address(base_url))
        checks.count("max_connections", max_connections, least=1)
        self._connections = Connections(Engine(engine, http_client), max_connections)
        providers.names.update((self.family, self.name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, base_url={self.base_url!r})"

    # --- for the pipeline ------------------------------------------------------------------------

    def credential(self) -> str | None:
        """Our own key: `api_key`, else the first environment variable that is set, read now."""
        return self._api_key or next(filter(None, map(os.environ.get, self.environment)), None)

    @property
    def slots(self) -> asyncio.Semaphore | None:
        """The connections that may be in use at once; `None` while no pipeline has opened it."""
        return self._connections.slots

    def open(self, pipeline: Pipeline) -> None:
        """Take part in the HTTP client of `pipeline`; each needs one `aclose`.

        Raises:
            ConfigurationError: it is in use on another event loop.
        """
        self._connections.open(pipeline)

    async def aclose(self) -> None:
        """Give back what one `open` took; the last one closes the connections."""
        await self._connections.aclose()

    async def complete(self, call: Call) -> Response:
        """The whole answer to `call.request`, as one body."""
        reply = await self._sent(call, streaming=False)
        if not reply.ok:
            raise await self._refusal(reply)
        try:
            answer = self._understand(await reply.read(), call, reply)
        finally:
            await reply.aclose()
        try:
            if isinstance(answer, RanvierError):
                raise answer
            return answer
        finally:
            del answer  # because an error keeps this frame, and would be kept by it: a ring

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The answer to `call.request` in steps, up to the wire's own terminal event."""
        reply = await self._sent(call, streaming=True)
        if not reply.ok:
            raise await self._refusal(reply)
        reader = self.reader(call)
        reader.issuer = Issuer(self, call)
        body = StreamedBody(self.decoder(), reader, Judge(reply, in_stream=True))
        try:
            while not body.finished:
                for event in body.feed(await next_chunk(reply, body)):
                    yield event
                if body.error is not None:
                    raise body.error
            await reply.drain()
        finally:
            body.error = None
            await reply.aclose()

    # --- the way there and back ------------------------------------------------------------------

    def _sent(self, call: Call, *, streaming: bool) -> Coroutine[Any, Any, HttpReply]:
        return self._connections.client(call.pipeline).send(self._request(call, streaming))

    async def _refusal(self, reply: HttpReply) -> RanvierError:
        try:
            return Judge(reply).refusal(await reply.read_start())
        finally:
            await reply.aclose()

    def _request(self, call: Call, streaming: bool) -> HttpRequest:
        model = call.deployment.model
        if call.credential is None and self.needs_credential:
            raise CredentialMissingError(f"there is no key for {self.name}")
        if call.credential is not None and not fits_a_header(call.credential):
            raise CredentialMissingError(
                f"the key for {self.name} holds characters that no key has: look for spaces and line breaks"
            )
        return HttpRequest(
            self.place(call.credential) + self.path(model, streaming),
            {"content-type": "application/json", **self.headers(call.credential)},
            encoded(self._fields(call, streaming)),
            provider=self.name,
            model=model,
            connect=call.limits.connect,
            secret=call.credential,
        )

    def _fields(self, call: Call, streaming: bool) -> Json:
        call = translated(call, Issuer(self, call))
        extras = Extras(call, self.family, self.name)
        fields = self.body(call, fitted(call, self.name, self.dialect, extras), streaming)
        extras.put_over(fields)
        return fields

    def _understand(self, content: bytes, call: Call, reply: HttpReply) -> Response | RanvierError:
        try:
            body = parse_object(content)
            if body is None:
                raise no_object(content)
            if is_error(body):
                return Judge(reply).refusal(body)
            response = self.response(body)
        except NoAnswerError as reason:
            return Judge(reply).no_answer(reason, content)
        Issuer(self, call).sign(response)
        response.provider = self.name
        response.model = response.model or call.deployment.model
        return response

    def unsupported(self, call: Call, reason: str) -> UnsupportedRequestError:
        """The error for a request that this target cannot be asked; the next one is."""
        return UnsupportedRequestError(
            f"{call.deployment} {reason}; nothing was sent: choose another target for it",
            provider=self.name,
            model=call.deployment.model,
        )

    @property
    def dialect(self) -> str:
        """Under which name the table of models knows this server."""
        return self.family

    @property
    def wires(self) -> tuple[str, ...]:
        """Whose words it understands, in which a `Native` may be written."""
        return (self.family,)

    def shared(self, native: Native, target: Issuer) -> Json | None:
        """What of `native` may be sent to `target`, which speaks its wire but did not issue it."""
        return None

    # --- what a subclass supplies ----------------------------------------------------------------

    def address(self, base_url: str | None) -> str:
        """Where the API is, given what the user said of it."""
        return self.default_base_url if base_url is None else base_url

    def place(self, key: str | None) -> str:
        """Where a request with that key goes. It must not raise: the key is in its frame."""
        return self.base_url

    @abstractmethod
    def path(self, model: str, streaming: bool) -> str:
        """The path below `base_url`."""

    @abstractmethod
    def headers(self, key: str | None) -> dict[str, str]:
        """The headers of a request with that key. It must not raise: the key is in its frame."""

    @abstractmethod
    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of the request, with the settings that the model takes."""

    @abstractmethod
    def response(self, body: Json) -> Response:
        """What a whole answer says.

        Raises:
            NoAnswerError: not what the API promises.
        """

    @abstractmethod
    def reader(self, call: Call) -> AnswerReader:
        """Understands one streamed answer."""

    def decoder(self) -> Decoder:
        """Cuts a streamed body into events."""
        return SseDecoder()
