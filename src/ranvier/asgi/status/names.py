"""How tenants are shown on the page: by their names, or by digests of their names."""

from __future__ import annotations

from collections.abc import Hashable

from ranvier.tenancy import digest_of

MAX_LENGTH = 256
"""The maximum number of characters of a name to show."""


class Names:
    """Shows tenants by name, or by a digest, which is stable."""

    def __init__(self, *, hashed: bool) -> None:
        self.hashed = hashed

    def tenant(self, name: Hashable) -> str:
        """The text to show for a tenant."""
        text = str(name)
        return digest_of(text) if self.hashed else text[:MAX_LENGTH]

    def circuit(self, key: Hashable) -> tuple[str, str, list[str]]:
        """The tenant, the provider and any further parts of a circuit's key, as text to show.

        A key that is not a tuple (a breaker with `key=`) is shown as the provider, without a tenant.
        """
        if isinstance(key, tuple) and len(key) >= 2:
            return (
                self.tenant(key[0]),
                str(key[1])[:MAX_LENGTH],
                [str(part)[:MAX_LENGTH] for part in key[2:6]],
            )
        return "", self.tenant(key), []
