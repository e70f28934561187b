"""Maps the errors of httpx and httpx2 to ranvier errors, with the secrets removed."""

from __future__ import annotations

from typing import Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import AttemptTimeoutError, ConnectionFailedError, InvalidResponseError
from ranvier.providers._failures.shown import MAX_WORDS, text_of
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._reading.decoding import DecodingError


def map_exception(error: Exception, request: HttpRequest, library: Any) -> Exception:
    """The ranvier error for an error of `library`, which becomes its cause; any other error unchanged."""
    failure: Exception
    known = (library.HTTPError, library.InvalidURL, library.StreamError, DecodingError, OSError)
    if not isinstance(error, known):
        return error  # from a hook or a transport of the user's
    strip(error, request, library)
    if isinstance(error, library.ConnectTimeout):
        limit = "in time" if request.connect is None else f"within {request.connect:g} s"
        words = f"{request.target}: no connection to {request.place} {limit}"
        failure = AttemptTimeoutError(words, phase="connect", **request.facts)
    elif isinstance(error, DecodingError):
        words = f"{request.target}: the body is not encoded as its headers say"
        failure = InvalidResponseError(words, **request.facts)
    elif isinstance(error, (library.InvalidURL, library.UnsupportedProtocol)):
        failure = ConfigurationError(f"{request.place} is not a URL: {error}")
    else:
        reason = request.shown(text_of(error), MAX_WORDS) or type(error).__name__
        words = f"{request.target}: the connection failed: {reason}"
        failure = ConnectionFailedError(words, **request.facts)
        failure.billable = not isinstance(error, library.ConnectError)
    failure.__cause__ = error
    return failure


def strip(error: BaseException, request: HttpRequest, library: Any) -> None:
    """Remove from `error` and its chain all that leads to the key: tracebacks, requests, quoted bytes."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        link.__traceback__ = None
        link.args = tuple(request.masked(arg) if isinstance(arg, str) else arg for arg in link.args)
        if isinstance(link, library.RequestError):
            link.request = library.Request("POST", request.place)
        pending += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            pending += link.exceptions
