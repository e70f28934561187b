"""Sends requests through the clients of `google-genai`, which have no public way to send one."""

from __future__ import annotations

import copy
from typing import Any, Final

from ranvier.messages.characters import mended
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._reading import json
from ranvier.providers._reading.decoding import ACCEPTED
from ranvier.providers.sdk.engine import response_of, watched
from ranvier.providers.sdk.exchange import key_of, send_other_key

ONCE: Final = {"retry_options": {"attempts": 1}}
"""The SDK's options for a request without retries."""

KEY: Final = "x-goog-api-key"


class Generating:
    """Sends requests by a copy of the lower half of a client.

    Args:
        api: The lower half, see `api_of`.
    """

    def __init__(self, api: Any) -> None:
        http = http_of(api)
        by_loop = getattr(http, "_client_for_running_loop", None)
        if by_loop is not None and http._per_loop:
            http = by_loop()
        self._base_url = base_url_of(api)
        self._api = copy.copy(api)
        self._api.__class__ = _through_httpx(type(api))
        self._api._async_httpx_client = watched(http)

    async def send(self, request: HttpRequest) -> Any:
        """Send `request` and return the HTTP response, whatever its status."""
        path = request.url.removeprefix(self._base_url).lstrip("/")
        fields = json.read(request.body, mended)  # the SDK cannot write half of a surrogate pair
        built = self._api._build_request("post", path, fields, ONCE)
        built.headers = {**built.headers, **request.headers, "accept-encoding": ACCEPTED}
        built.timeout = (request.connect, None, None, None)
        key = key_of(request)
        if key not in (None, self._api.api_key):
            send_other_key()
            if self._api.api_key:  # otherwise it has a token, which would be sent as well
                built.headers[KEY] = key
        try:
            answer = await self._api._async_request(built, ONCE, stream=True)
        except Exception as error:
            return response_of(error)
        return answer.response_stream


def api_of(client: Any) -> Any:
    """The lower half of a `genai.Client` or of its `aio`, which they share."""
    return client._api_client


def http_of(api: Any) -> Any:
    """The HTTP client of the client."""
    return api._async_httpx_client


def base_url_of(api: Any) -> str:
    """The base URL of the client with the version of the API, without a trailing slash."""
    options = api._http_options
    return "/".join(filter(None, ((options.base_url or "").rstrip("/"), options.api_version)))


def _through_httpx(kind: type) -> type:
    """The class of a copy that sends by httpx, and leaves the original open at its end."""
    members = {"_use_aiohttp": lambda self: False, "__del__": lambda self: None}
    return type(kind.__name__, (kind,), members)
