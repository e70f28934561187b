"""A setting or an argument that cannot work."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class ConfigurationError(RanvierError, ValueError):
    """A setting or an argument that cannot work; the message names it, its value and the remedy."""

    kind = "configuration"


class LayerOrderError(ConfigurationError):
    """The layers stand in an order in which they do not do what they say."""


class UnknownProviderError(ConfigurationError):
    """No provider of that name is known."""
