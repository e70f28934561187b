"""Turns the errors of a round trip into a `StoreError` that names the server, but no password."""

from __future__ import annotations

from valkey.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from ranvier.store.errors import StoreError

MEANINGS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "did not answer in time"),
    (OutOfMemoryError, "is full: raise maxmemory, or set maxmemory-policy volatile-lru"),
    (ReadOnlyError, "is a replica, which cannot be written to: name the primary"),
    (NoPermissionError, "does not allow this user what it needs: see docs/scale.md for the ACL"),
    (AuthenticationError, "rejects the user or the password"),
    (ResponseError, "answered with an error"),
    (ValueError, "gave a reply that cannot be read"),
)


def store_error(where: str, error: BaseException) -> StoreError:
    """The `StoreError` for an error of the client or of a reply."""
    means = next((words for kind, words in MEANINGS if isinstance(error, kind)), "cannot be reached")
    detail = f": {error}" if str(error) else ""
    return StoreError(f"the store {where} {means}{detail}"[:500])
