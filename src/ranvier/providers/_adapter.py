"""What all HTTP adapters share: the request out, the reply in, whole or streamed.

An adapter for a provider subclasses `Adapter` and supplies only translation: where to send, with
which headers and fields, and what an answer or an event of a stream means.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Never

from ranvier import checks, providers
from ranvier.errors import ConfigurationError, ProviderError, RanvierError
from ranvier.providers._address import checked_url
from ranvier.providers._connections import Connections
from ranvier.providers._engines import Engine, EngineName
from ranvier.providers._fields import Extras, encoded, fitted
from ranvier.providers._header_key import check_key
from ranvier.providers._history import translated
from ranvier.providers._http import HttpReply, HttpRequest
from ranvier.providers._issuer import Issuer
from ranvier.providers._models import is_known
from ranvier.providers._reading import Json, Judge
from ranvier.providers._repairs import Fixing, Repairs
from ranvier.providers._streamed import AnswerStream, StreamedBody
from ranvier.providers._whole import read_whole
from ranvier.providers._wire import Wire
from ranvier.remedies import OF_A_PROVIDER, unknown_argument

if TYPE_CHECKING:
    import ssl

    from ranvier.messages import Response
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.collector import Step
    from ranvier.pipeline.pipeline import Pipeline


class Adapter(Wire):
    """A provider over HTTP.

    Args:
        api_key: Our own key; `None` is the first of the `environment` variables that is set.
        base_url: Where its API is; `None` is the vendor's own.
        name: Tells two of a kind apart (`OpenAI(name="openai-eu", base_url=...)`).
        http_client: An `httpx.AsyncClient`, `httpx2.AsyncClient` or `aiohttp.ClientSession` of yours,
            with your proxies, certificates and hooks; you close it.
        engine: What sends the requests where you give no client: `"aiohttp"` or `"httpx"`, and `"auto"`
            is the faster one that is installed.
        ssl_context: Verifies servers where you give no client; `None` trusts the authorities in
            `SSL_CERT_FILE` or `SSL_CERT_DIR`, else those of `certifi`. It is never changed.
        max_connections: Requests under way at once; further ones wait for a slot.

    Raises:
        ConfigurationError: an argument that cannot be.

    Attributes:
        environment: The variables that may hold the key, the first that is set counts.
        needs_credential: It answers nobody without a key.
        default_model: The model of a target that names none.
        base_url, ssl_context: Where its API is, and the context that was given.
    """

    environment: ClassVar[tuple[str, ...]] = ()
    default_model: str
    needs_credential: bool = True

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        name: str | None = None,
        http_client: Any = None,
        engine: EngineName = "auto",
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 1000,
        **unknown: Never,
    ) -> None:
        self._api_key, mistake = api_key, next(iter(unknown), None)
        del api_key, unknown  # or a traceback of what follows might show a key
        if mistake is not None:
            raise unknown_argument(type(self).__name__, mistake, OF_A_PROVIDER)
        if self._api_key is not None and not isinstance(self._api_key, str):
            raise ConfigurationError("api_key is no str: give the key itself, or leave it to the environment")
        self.name = self.family if name is None else checks.identifier("name", name)
        self.base_url = checked_url(self.address(base_url))
        checks.count("max_connections", max_connections, least=1)
        self.ssl_context = ssl_context
        self._connections = Connections(Engine(engine, http_client, ssl_context), max_connections)
        self._repairs = Repairs()
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
        fixing = self._fixing(call)
        request: HttpRequest | None = self._request(call, streaming=False)
        while request is not None:
            reply = await fixing.sent(request)
            try:
                answer = self._understand(await reply.read(), call, reply)
            finally:
                await reply.aclose()
            request = fixing.instead(reply, answer if isinstance(answer, RanvierError) else None)
            if request is not None:
                del answer  # a traceback of what follows might show it
        try:
            if isinstance(answer, RanvierError):
                raise answer
            return answer
        finally:
            del answer  # because an error keeps this frame, and would be kept by it: a ring

    def stream(self, call: Call) -> AnswerStream:
        """The answer to `call.request` in steps, until it is whole: `_endings` says when that is."""
        return AnswerStream(Adapter._chunks(self, call))

    async def _chunks(self, call: Call) -> AsyncGenerator[list[Step], None]:
        """The same, all steps of a chunk of the body at once."""
        fixing = self._fixing(call)
        reply = await fixing.sent(self._request(call, streaming=True))
        body = self._streamed(call, Judge(reply, in_stream=True))
        try:
            while not body.finished:
                try:
                    events = body.feed(await reply.chunk())
                except ProviderError as error:
                    if not body.ends_by(error):
                        raise
                    events = body.feed(b"")
                if fixing.open and (instead := fixing.after(reply, body.error, events)) is not None:
                    await reply.aclose()
                    reply = await fixing.sent(instead)
                    body = self._streamed(call, Judge(reply, in_stream=True))
                    continue
                yield events
                del events  # a traceback of what follows might show them
                if body.error is not None:
                    raise body.error
            await reply.drain()
        finally:
            body.error = None
            await reply.aclose()

    # --- the way there and back ------------------------------------------------------------------

    def _fixing(self, call: Call) -> Fixing:
        send = self._connections.client(call.pipeline).send
        return Fixing(self._repairs, call, send, partial(self.fix, call))

    def _request(self, call: Call, streaming: bool) -> HttpRequest:
        model = call.deployment.model
        check_key(call, self.name, needed=self.needs_credential)
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
        call = translated(call, self)
        extras = Extras(call, self.family, self.name)
        fields = self.body(call, fitted(call, self.name, self.facts(call), extras), streaming)
        extras.put_over(fields)
        self._repairs.apply(call, fields)
        return fields

    def _streamed(self, call: Call, judge: Judge) -> StreamedBody:
        reader = self.reader(call)
        reader.issuer = Issuer(self, call)
        return StreamedBody(self.decoder(), reader, judge)

    def _understand(self, content: bytes, call: Call, reply: HttpReply) -> Response | RanvierError:
        def signed(body: Json) -> Response:
            response = self.response(body)
            Issuer(self, call).sign(response)
            return response

        answer = read_whole(content, reply, signed, partial(self._streamed, call))
        if not isinstance(answer, RanvierError):
            answer.provider = self.name
            answer.model = answer.model or call.deployment.model
        return answer

    def knows_model(self, model: str) -> bool:
        """True where the table of models tells what that model takes."""
        return is_known(self.family, model)
