"""Checks that the key of a call can be sent in a header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.rejected import CredentialUnusableError

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def check_key(call: Call, provider: str, *, needed: bool) -> None:
    """Check the key of `call`. No local variable holds the key: a traceback must not show it.

    Raises:
        CredentialUnusableError: a key is `needed` and missing, or the key does not fit in a header.
    """
    if call.credential is None and needed and not _is_reached_without(call):
        raise CredentialUnusableError(f"there is no key for {provider}")
    if call.credential is not None and not fits_a_header(call.credential):
        raise CredentialUnusableError(
            f"the key for {provider} has invalid characters: look for spaces and line breaks"
        )


def _is_reached_without(call: Call) -> bool:
    """True if the tenant's access has its key in a header, or an endpoint that needs none."""
    access = call.access
    return access is not None and (access.base_url is not None or access.holds_key)


def fits_a_header(key: str) -> bool:
    """True if a header can hold `key`."""
    return key.isascii() and key.isprintable() and " " not in key
