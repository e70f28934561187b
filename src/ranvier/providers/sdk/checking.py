"""Checks that a client is one that we can send by."""

from __future__ import annotations

from typing import Any

from ranvier.errors.configuration import ConfigurationError

BEDROCK = "AsyncAnthropicBedrock"


def check_posting(client: Any, function: str, library: str, wanted: str) -> None:
    """Check a client for `function`: asynchronous, and of `library`.

    Raises:
        ConfigurationError: it is not.
    """
    names = [kind.__name__ for kind in type(client).__mro__ if kind.__module__.split(".")[0] == library]
    given = type(client).__name__
    if BEDROCK in names:
        raise ConfigurationError(
            f"{function}(client): {given} streams in a format of AWS: give an AsyncAnthropicBedrockMantle"
        )
    if "SyncAPIClient" in names:
        raise ConfigurationError(f"{function}(client): {given} is not asynchronous: give an Async{given}")
    if "AsyncAPIClient" not in names:
        raise ConfigurationError(f"{function}(client): {given} is no client: give an {library}.{wanted}")


def check_genai(client: Any) -> None:
    """Check a client for `from_genai`.

    Raises:
        ConfigurationError: it is none of `google-genai`, or has no httpx client.
    """
    api = getattr(client, "_api_client", None)
    if type(client).__module__ != "google.genai.client" or api is None:
        raise ConfigurationError(
            f"from_genai(client): {type(client).__name__} is no client: give a genai.Client"
        )
    if api._http_options.aiohttp_client is not None or api._async_httpx_client is None:
        raise ConfigurationError(
            "from_genai(client): the client sends by aiohttp: create it with "
            "HttpOptions(httpx_async_client=...), or without an aiohttp_client"
        )
