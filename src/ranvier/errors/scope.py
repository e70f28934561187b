"""What a failure is about: the request, the target, a key, a model or the server."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a provider's failure is about, and therefore whom it concerns.

    Every error of a provider has one, as `scope`. Only a failure of `MODEL` or `ENDPOINT` says something
    about the health of a provider.
    """

    REQUEST = "request"
    """What was asked: no other call, and nothing about the health of a provider."""

    TARGET = "target"
    """This model cannot take this request, or does not exist for this key; no other request."""

    KEY = "key"
    """The key at this provider: all of its calls, for every model."""

    KEY_MODEL = "key_model"
    """What the key may use of this model: its calls for this model."""

    MODEL = "model"
    """The model at this provider: the calls of everyone for this model."""

    ENDPOINT = "endpoint"
    """The server, or the way to it: the calls of everyone, for every model."""


def as_scope(scope: object) -> Scope | None:
    """`scope` as a `Scope`; `None` for anything else: custom providers may raise errors with any value."""
    return Scope(scope) if isinstance(scope, str) and scope in tuple(Scope) else None
