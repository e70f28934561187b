"""What all HTTP adapters share: sending the request and reading the reply, complete or streamed.

The adapter of a provider subclasses `Adapter` and supplies only translation: the URL, headers and
fields of a request, and what an answer or a stream event means.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Never, Self

from ranvier import validation
from ranvier.address import checked_url
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import InvalidRequestError
from ranvier.errors.root import RanvierError
from ranvier.provider_remedies import unknown_argument_of
from ranvier.providers._history.history import translated
from ranvier.providers._http.connections import Connections
from ranvier.providers._http.engines import Engine, EngineName
from ranvier.providers._http.port import HttpReply, HttpRequest
from ranvier.providers._models.models import is_known
from ranvier.providers._reading.kept import KeptBody
from ranvier.providers._reading.reading import ErrorFactory, Json
from ranvier.providers._reading.received import note_reply
from ranvier.providers._reading.streamed import AnswerStream, StreamedBody
from ranvier.providers._reading.whole import read_whole
from ranvier.providers._repairs.repairs import Fixing, Repairs
from ranvier.providers._wire import verbatim
from ranvier.providers._wire.additions import Additions, Given
from ranvier.providers._wire.chunks import chunks
from ranvier.providers._wire.fields import Extras, encoded, fitted, leave_to_marks
from ranvier.providers._wire.header_key import check_key
from ranvier.providers._wire.issuer import Issuer
from ranvier.providers._wire.lacking import lacking
from ranvier.providers._wire.preparation import Preparation, Send, send_prepared
from ranvier.providers._wire.tenants_server import server_of
from ranvier.providers._wire.verbatim import VerbatimStream
from ranvier.providers._wire.wire import Wire
from ranvier.providers._wire.written_request import WrittenRequest

if TYPE_CHECKING:
    import ssl

    from ranvier.messages.response import Response
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Runtime


class Adapter(Wire):
    """A provider over HTTP.

    Args:
        api_key: The default API key; `None` reads the first of the `environment` variables that is set.
        base_url: The base URL of the API; `None` means the vendor's own.
        name: The provider name; the default is the vendor's. Two of one vendor need different names.
        headers: Headers to add to each request: a dict, or a plain or async function of the call that returns
            one. They replace ours, also the one with the key; `host` and `content-type` are rejected.
        params: The same for parameters in the query of the URL. Values of both count as secret.
        http_client: Your own `httpx.AsyncClient`, `httpx2.AsyncClient` or `aiohttp.ClientSession`.
        engine: The HTTP library without one: `"aiohttp"`, `"httpx"`, or `"auto"` for the faster.
        ssl_context: The TLS context that verifies servers if you give no client; it is never modified.
            `None` trusts the authorities in `SSL_CERT_FILE` or `SSL_CERT_DIR`, else those of `certifi`.
        max_connections: Maximum number of requests in flight; further ones wait for a slot.

    Raises:
        ConfigurationError: an argument is invalid.

    Attributes:
        environment: The variables that may hold the key; the first one that is set is used.
        needs_credential: True if the provider answers no request without a key.
        takes_access: True: it heeds the endpoint and headers of a tenant's own.
        default_model: The model of a target that names none.
        additions: The headers and parameters of the user's.
        preparations: What each request with our own key needs before it is sent, in this order.
        servers: The same provider at endpoints of tenants' own, by their base URLs.
        base_url, ssl_context: The base URL of the API, and the `ssl_context` argument.
    """

    environment: ClassVar[tuple[str, ...]] = ()
    default_model: str
    needs_credential: bool = True
    takes_access: bool = True

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        headers: Given | None = None,
        params: Given | None = None,
        http_client: Any = None,
        engine: EngineName = "auto",
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 1000,
        **unknown: Never,
    ) -> None:
        self._api_key, self._headers, self._params = api_key, headers, params
        mistake = next(iter(unknown), None)
        del api_key, headers, params, unknown  # otherwise a traceback from the code below might show a key
        if mistake is not None:
            raise unknown_argument_of(type(self), mistake)
        if self._api_key is not None and not isinstance(self._api_key, str):
            raise ConfigurationError(
                "api_key is not a str: give the key itself, or several to Pipeline(credentials=...)"
            )
        self.name = self.family if name is None else validation.identifier("name", name)
        self.base_url = checked_url(self.resolved_base_url(base_url))
        validation.count("max_connections", max_connections, least=1)
        self.ssl_context = ssl_context
        self._connections = Connections(Engine(engine, http_client, ssl_context), max_connections)
        self.repairs = Repairs()
        self.additions = Additions(self._headers, self._params)
        if self.additions.holds_key:
            self.needs_credential = False
        self.preparations: tuple[Preparation, ...] = ()
        self.servers: OrderedDict[str, Self] = OrderedDict()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, base_url={self.base_url!r})"

    # --- for the pipeline ------------------------------------------------------------------------

    def credential(self) -> str | None:
        """The default key: `api_key`, else the first environment variable that is set, read now."""
        return self._api_key or next(filter(None, map(os.environ.get, self.environment)), None)

    @property
    def slots(self) -> asyncio.Semaphore | None:
        """The connection slots; `None` while no pipeline has opened this provider."""
        return self._connections.slots

    def open(self, pipeline: Runtime) -> None:
        """Share the HTTP client of `pipeline`; each `open` needs one `aclose`.

        Raises:
            ConfigurationError: this provider is in use on another event loop.
        """
        self._connections.open(pipeline)

    async def aclose(self) -> None:
        """Release what one `open` acquired; the last `aclose` closes the connections."""
        await self._connections.aclose()

    async def complete(self, call: Call) -> Response:
        """Send `call.request` and return the complete answer."""
        server = server_of(self, call)
        wire = server.wire_for(call)
        fixing = server._fixing(call, wire)
        request: HttpRequest | None = server._request(call, wire, streaming=False)
        while request is not None:
            reply = await fixing.sent(request)
            try:
                answer = server.read_answer(await reply.read(), call, wire, reply)
            finally:
                await reply.aclose()
            request = fixing.instead(reply, answer if isinstance(answer, RanvierError) else None)
            if request is not None:
                del answer  # a traceback from the code below might show it
        try:
            if isinstance(answer, RanvierError):
                raise answer
            return answer
        finally:
            del answer  # breaks the reference cycle of the error and this frame

    def stream(self, call: Call) -> AnswerStream:
        """Send `call.request` and return the answer as a stream; see `_wire.endings` for its end."""
        if type(call.request) is WrittenRequest:
            return VerbatimStream(self, call)
        return AnswerStream(chunks(self, call))

    # --- building the request and reading the reply ----------------------------------------------

    def moved_to(self, base_url: str) -> Self:
        """The same provider at the endpoint of a tenant's own, without what is ours to keep."""
        moved = copy.copy(self)
        moved.base_url = moved.resolved_base_url(base_url)
        moved.repairs, moved.servers = Repairs(), OrderedDict()
        moved.additions, moved.preparations = Additions(None, None), ()
        return moved

    def wire_for(self, call: Call) -> Wire:
        """The wire of a call, for a provider that speaks several."""
        return self

    def sender(self, call: Call) -> Send:
        """Sends a request of `call`, after all preparations."""
        send: Send = self._connections.client(call.pipeline).send
        if self.preparations or self.additions.any or call.access is not None:
            steps = (self.additions, *(() if call.tenants_key else self.preparations))
            return partial(send_prepared, steps, call, send)
        return send

    def _fixing(self, call: Call, wire: Wire) -> Fixing:
        return Fixing(wire.repairs, call, self.sender(call), partial(wire.fix, call))

    def _request(self, call: Call, wire: Wire, streaming: bool) -> HttpRequest:
        model = call.deployment.model
        check_key(call, self.name, needed=self.needs_credential)
        return HttpRequest(
            wire.base_url_for(call.credential) + wire.path(model, streaming),
            {"content-type": "application/json", **wire.headers(call.credential)},
            encoded(self._fields(call, wire, streaming)),
            provider=self.name,
            model=model,
            connect=call.limits.connect,
            secret=call.credential,
        )

    def _fields(self, call: Call, wire: Wire, streaming: bool) -> Json:
        call = translated(call, wire)
        extras = Extras(call, *wire.addresses)
        fields = wire.body(call, fitted(call, self.name, wire.rules(call), extras), streaming)
        leave_to_marks(call, fields)
        extras.put_over(fields, wire.own_fields)
        wire.finish(call, fields)
        wire.repairs.apply(call, fields)
        return fields

    def streamed_body(self, call: Call, wire: Wire, errors: ErrorFactory) -> StreamedBody:
        """Reads the chunks of a streamed answer to `call`."""
        reader = wire.reader(call)
        reader.issuer = Issuer(wire, call)
        note_reply(reader.details, errors.reply)
        if call.request.keep_raw:
            return KeptBody(wire.decoder(), reader, errors)
        return StreamedBody(wire.decoder(), reader, errors)

    def read_answer(
        self, content: bytes, call: Call, wire: Wire, reply: HttpReply
    ) -> Response | RanvierError:
        """Read the body of a whole answer to `call`."""

        def signed(body: Json) -> Response:
            response = wire.response(body)
            Issuer(wire, call).sign(response)
            note_reply(response.details, reply, body)
            return response

        answer = read_whole(content, reply, signed, partial(self.streamed_body, call, wire))
        if not isinstance(answer, RanvierError):
            answer.provider = self.name
            answer.model = answer.model or call.deployment.model
        return answer

    def lacks(self, call: Call) -> InvalidRequestError | None:
        """Why the model cannot serve `call.request`, by the tables of models; `None` if nothing is known."""
        if type(call.request) is WrittenRequest:
            return verbatim.lacks(self, call)
        return lacking(self.wire_for(call), call)

    def knows_model(self, model: str) -> bool:
        """True if the table of models lists what that model accepts."""
        return is_known(self.family, model)
