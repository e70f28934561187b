"""Whether the key of a call can be sent as a header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.rejected import CredentialMissingError

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def check_key(call: Call, provider: str, *, needed: bool) -> None:
    """Check the key of `call`. It is read where it stands: a traceback must not show it.

    Raises:
        CredentialMissingError: there is none where one is `needed`, or no header can hold it.
    """
    if call.credential is None and needed:
        raise CredentialMissingError(f"there is no key for {provider}")
    if call.credential is not None and not _fits_a_header(call.credential):
        raise CredentialMissingError(
            f"the key for {provider} holds characters that no key has: look for spaces and line breaks"
        )


def _fits_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key
