"""Errors for invalid settings and arguments."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class ConfigurationError(RanvierError, ValueError):
    """A setting or an argument is invalid; the message names it, its value and the fix."""

    kind = "configuration"


class LayerOrderError(ConfigurationError):
    """The layers are in the wrong order."""


class UnknownProviderError(ConfigurationError):
    """No provider has this name."""


class InvalidDumpError(ConfigurationError):
    """A saved conversation or response is damaged, or was written by a newer version; nothing is quoted."""
