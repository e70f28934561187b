"""Where a resource of Azure is, and which version of its API is spoken."""

from __future__ import annotations

import os
import re
from typing import Final

from ranvier.address import checked_url
from ranvier.errors.configuration import ConfigurationError

ENDPOINT: Final = "AZURE_OPENAI_ENDPOINT"
VERSION: Final = "OPENAI_API_VERSION"
"""The variables that may hold the endpoint and the version, as for OpenAI's own client."""

V1: Final = "v1"
"""The version whose paths have none."""

_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


def endpoint_of(endpoint: str | None) -> str:
    """The URL of the resource that is given, else that of the environment.

    Raises:
        ConfigurationError: there is none, or it is no URL.
    """
    given = os.environ.get(ENDPOINT) if endpoint is None else endpoint
    if given:
        return checked_url(given, "endpoint")
    raise ConfigurationError(
        f"Azure(endpoint=...): give the URL of your resource, https://....openai.azure.com, or set {ENDPOINT}"
    )


def checked_version(version: object) -> str | None:
    """The version that is given, else that of the environment; `None` for v1.

    Raises:
        ConfigurationError: it is no version.
    """
    given = os.environ.get(VERSION) or V1 if version is None else version
    if given == V1:
        return None
    if isinstance(given, str) and _DATED.fullmatch(given):
        return given
    raise ConfigurationError(
        f"api_version={given!r:.60}: give a dated version such as '2025-04-01-preview', or 'v1'"
    )
