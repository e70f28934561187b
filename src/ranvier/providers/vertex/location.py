"""Where a project of Google Cloud is served: the hosts and paths of Vertex."""

from __future__ import annotations

import os
import re
from typing import Final

from ranvier.errors.configuration import ConfigurationError

PROJECT: Final = "GOOGLE_CLOUD_PROJECT"
LOCATION: Final = "GOOGLE_CLOUD_LOCATION"
"""The variables that may hold the project and the location."""

EVERYWHERE: Final = "global"
"""The location whose host routes each request to any region."""

MULTI_REGIONS: Final = ("us", "eu")
"""The locations of several regions, with hosts of their own."""

_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,99}")
_LOCATION: Final = re.compile(r"[a-z][a-z0-9-]{1,39}")


def checked_project(project: object, name: str = "project") -> str | None:
    """The project that is given, else that of the environment; `None` if there is none.

    `name` is the parameter.

    Raises:
        ConfigurationError: it is no id or number of a project.
    """
    given = os.environ.get(PROJECT) or None if project is None else project
    if given is None or (isinstance(given, str) and _PROJECT.fullmatch(given)):
        return given
    raise ConfigurationError(f"{name}={given!r:.60}: give the id of a project, such as 'acme-prod'")


def checked_location(location: object) -> str:
    """The location that is given, else that of the environment, else `global`.

    Raises:
        ConfigurationError: it is no location.
    """
    given = os.environ.get(LOCATION) or EVERYWHERE if location is None else location
    if isinstance(given, str) and _LOCATION.fullmatch(given):
        return given
    raise ConfigurationError(
        f"location={given!r:.60}: give 'global', 'us', 'eu' or a region such as 'europe-west1'"
    )


def url_of(location: str) -> str:
    """The URL of the host of a location."""
    if location == EVERYWHERE:
        return "https://aiplatform.googleapis.com"
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def path_of(project: str | None, location: str) -> str:
    """The path below which a project finds its models; that of a key without a project is empty."""
    return "" if project is None else f"/projects/{project}/locations/{location}"
