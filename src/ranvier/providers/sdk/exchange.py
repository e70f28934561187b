"""One request through an SDK's client, and what the SDK's errors mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ranvier.errors.rejected import CredentialLookupError, CredentialUnusableError
from ranvier.errors.root import RanvierError
from ranvier.headers import HOLD_KEYS
from ranvier.providers._failures.shown import secrets_in
from ranvier.providers._http.httpx_engine.errors import map_exception, strip
from ranvier.providers._http.httpx_engine.exchange import Exchange
from ranvier.providers._http.port import HttpRequest

Send = Callable[[HttpRequest], Awaitable[Any]]

MAX_CAUSES = 10
"""How deep an HTTP error is looked for below the SDK's own."""


class SdkExchange(Exchange):
    """One request and its reply; see `Exchange`, which reads the reply and closes it.

    Attributes:
        other_key: True if the key of the call is not that of the client.
    """

    def __init__(self, request: HttpRequest, library: Any, send: Send) -> None:
        self.other_key = False
        self._send_by_sdk = send
        super().__init__(request, library, None)  # last: its task may begin at once

    async def _request(self) -> Any:
        _running.set(self)  # in the context of this task alone
        return await self._send_by_sdk(self.request)

    def _mapped(self, error: Exception) -> Exception:
        """The error of the HTTP library below `error`, mapped; any other means that the client failed."""
        link: BaseException | None = error
        for _ in range(MAX_CAUSES):
            if isinstance(link, RanvierError):
                return link
            if isinstance(link, Exception):
                mapped = map_exception(link, self.request, self._library)
                if mapped is not link:
                    return mapped
            link = link and link.__cause__
        strip(error, self.request, self._library)
        failure = CredentialLookupError(
            f"{self.request.target}: the SDK's client raised {type(error).__name__} before it had a reply: "
            "look at its credentials, hooks and middleware"
        )
        failure.__cause__ = error
        return failure


def key_of(request: HttpRequest) -> str | None:
    """The key of the call: the first of the secrets, if there are several."""
    secret = request.secret
    return (secret[0] if isinstance(secret, tuple) else secret) or None


def send_other_key() -> None:
    """Let no request of the current exchange go without the key of the call, which is not the client's."""
    _running.get().other_key = True


_running: ContextVar[SdkExchange] = ContextVar("ranvier_sdk_exchange")


async def before_request(request: Any) -> None:
    """A hook of the HTTP client: watch the handshake, and check that the key of the call is sent.

    Raises:
        CredentialUnusableError: the SDK authenticates otherwise, such as by a token or a header of its own.
    """
    exchange = _running.get()
    request.extensions["trace"] = exchange._trace
    key = key_of(exchange.request)
    sent = {name: value for name, value in request.headers.items() if name in HOLD_KEYS}
    exchange.request.secret = secrets_in(exchange.request.secret, sent)  # a token, for example
    if exchange.other_key and not any(str(key) in value for value in request.headers.values()):
        raise CredentialUnusableError(
            f"{exchange.request.target}: the SDK's client does not send the key of the call, "
            "because it has a credential that is no api_key: create it with api_key=... alone"
        )
