"""The keys of the gates that a call passes, and of the gate that a failure closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.scope import Scope

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment

Key = tuple[str, str | None, int]
"""A provider's name, a model (`None` for the gate of a whole key), and the hash of the credential there.

Python's hash of a string is keyed by a secret of the process, cached in the string and 64 bits long:
it distinguishes keys, costs nothing, and cannot be reversed.
"""

_OF_KEY = (Scope.KEY, Scope.ENDPOINT)
_OF_MODEL = (Scope.KEY_MODEL, Scope.MODEL)


def keys_of(deployment: Deployment, account: int) -> tuple[Key, Key]:
    """The gates of a call: the gate of its whole key, and the gate of its key for its model."""
    provider, own = deployment.provider.name, account
    return (provider, None, own), (provider, deployment.model, own)


def key_closed_by(scope: Scope, deployment: Deployment, account: int) -> Key | None:
    """The gate that a failure of `scope` closes; `None` if it concerns only the request or the target."""
    whole, of_model = keys_of(deployment, account)
    return whole if scope in _OF_KEY else of_model if scope in _OF_MODEL else None


def digest(key: Key) -> str:
    """The credential's part of a gate's key, as shown to people."""
    return f"{key[2] & 0xFFFFFFFF:08x}"
