"""What a failure is about: the request, the target, a key, a model or the server."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a provider's failure is about, and therefore whom it concerns.

    Every error of a provider has one, as `scope`. Only a failure of `MODEL` or `ENDPOINT` says something
    about the health of a provider.
    """

    REQUEST = "request"
    """The request itself. Other calls are not affected."""

    TARGET = "target"
    """The model cannot take this request, or does not exist for this key. Only this request is affected."""

    KEY = "key"
    """The key at this provider. All calls with this key are affected."""

    KEY_MODEL = "key_model"
    """The key's allowance for this model. Calls with this key to this model are affected."""

    MODEL = "model"
    """The model at this provider. All calls to this model are affected, with any key."""

    ENDPOINT = "endpoint"
    """The server, or the network to it. All calls are affected, with any key and model."""


def as_scope(scope: object) -> Scope | None:
    """`scope` as a `Scope`; `None` for anything else: custom providers may raise errors with any value."""
    return Scope(scope) if isinstance(scope, str) and scope in tuple(Scope) else None
