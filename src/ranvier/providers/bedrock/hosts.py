"""The hosts of Bedrock: one for each region and endpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final, Literal

from ranvier.errors.configuration import ConfigurationError

Endpoint = Literal["runtime", "mantle"]

REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""The variables that may hold the region; the first one that is set is used."""

SERVICES: Final[Mapping[str, str]] = {"runtime": "bedrock", "mantle": "bedrock-mantle"}
"""The name of each endpoint's service in a signature."""

_REGION: Final = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,12}){1,3}-\d{1,2}")

_DOMAINS: Final[Mapping[str, tuple[str, str]]] = {
    "cn-": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-": ("amazonaws.eu", "api.amazonwebservices.eu"),
}
"""The domains of both endpoints in the partitions with domains of their own, by the start of a region."""

_USUAL_DOMAINS: Final = ("amazonaws.com", "api.aws")


def checked_region(region: object) -> str:
    """The region that is given, else that of the environment.

    Raises:
        ConfigurationError: there is none, or it does not look like a region.
    """
    if region is None:
        region = next(filter(None, map(os.environ.get, REGIONS)), None)
    if region is None:
        raise ConfigurationError(
            f"Bedrock(region=...): give a region such as 'us-east-1', or set {REGIONS[0]}"
        )
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise ConfigurationError(f"region={region!r:.60}: give a region of AWS, such as 'us-east-1'")
    return region


def url_of(endpoint: str, region: str) -> str:
    """The URL of an endpoint in a region."""
    known = (domains for start, domains in _DOMAINS.items() if region.startswith(start))
    runtime, mantle = next(known, _USUAL_DOMAINS)
    return f"https://bedrock-{endpoint}.{region}.{runtime if endpoint == 'runtime' else mantle}"
