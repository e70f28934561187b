"""Maps the errors of aiohttp to ranvier errors, with the secrets removed."""

from __future__ import annotations

from typing import Any

import aiohttp
import httpx
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import AttemptTimeoutError, ConnectionFailedError, InvalidResponseError
from ranvier.providers._failures.shown import MAX_WORDS, text_of
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._reading.decoding import DecodingError


def is_stale_connection(error: BaseException) -> bool:
    """True if the server closed the connection before any part of the request was written.

    So the request may be sent again. aiohttp raises this error for a write that it has not begun; headers and
    a small body are one write.
    """
    if not isinstance(error, aiohttp.ClientOSError):
        return False
    cause = error.__cause__
    return isinstance(cause, aiohttp.ClientConnectionResetError) and "closing transport" in str(cause)


def map_exception(error: Exception, request: HttpRequest) -> Exception:
    """The ranvier error for an error of aiohttp's, which becomes its cause; any other error unchanged."""
    failure: Exception
    if not isinstance(error, (aiohttp.ClientError, httpx.InvalidURL, DecodingError, OSError, RuntimeError)):
        return error  # from a hook of the user's
    reason = request.shown(text_of(error), MAX_WORDS) or type(error).__name__
    _strip(error, request)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        limit = "in time" if request.connect is None else f"within {request.connect:g} s"
        words = f"{request.target}: no connection to {request.place} {limit}"
        failure = AttemptTimeoutError(words, phase="connect", **request.facts)
    elif isinstance(error, DecodingError):
        words = f"{request.target}: the body is not encoded as its headers say"
        failure = InvalidResponseError(words, **request.facts)
    elif isinstance(error, (httpx.InvalidURL, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        failure = ConfigurationError(f"{request.place} is not a URL: {reason}")
    else:
        words = f"{request.target}: the connection failed: {reason}"
        failure = ConnectionFailedError(words, **request.facts)
        failure.billable = not isinstance(error, aiohttp.ClientConnectorError)
    failure.__cause__ = error
    return failure


def _strip(error: BaseException, request: HttpRequest) -> None:
    """Remove from `error` and its chain all that leads to the key: tracebacks, requests, quoted bytes."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop()
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        link.__traceback__ = None
        pending += [link.__cause__, link.__context__, *vars(link).values()]
        vars(link).update({name: _stripped(value, request) for name, value in vars(link).items()})
        link.args = tuple(_stripped(arg, request) for arg in link.args)
        if isinstance(link, BaseExceptionGroup):
            pending += link.exceptions


def _stripped(value: Any, request: HttpRequest) -> Any:
    """The value that an error of aiohttp may keep: text, numbers, other errors, and the URL."""
    if isinstance(value, str):
        return request.masked(value)
    if isinstance(value, aiohttp.RequestInfo):
        return aiohttp.RequestInfo(
            value.url.with_query(None),
            value.method,
            CIMultiDictProxy(CIMultiDict()),
            value.real_url.with_query(None),
        )
    if isinstance(value, ConnectionKey):
        return value._replace(proxy_auth=None, proxy_headers_hash=None)
    return value if isinstance(value, (int, float, BaseException)) else None
