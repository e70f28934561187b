"""How tenants are called on the page: by their names, or by digests of them."""

from __future__ import annotations

from collections.abc import Hashable

from ranvier.tenancy import digest_of

MAX_LENGTH = 256
"""Characters of a name that are shown."""


class Names:
    """Says tenants' names aloud, or hides them behind digests that are the same each time."""

    def __init__(self, *, hashed: bool) -> None:
        self.hashed = hashed

    def tenant(self, name: Hashable) -> str:
        """What is shown for a tenant."""
        words = str(name)
        return digest_of(words) if self.hashed else words[:MAX_LENGTH]

    def circuit(self, key: Hashable) -> tuple[str, str, list[str]]:
        """What is shown for the key of a circuit: its tenant, its provider, and what else it has.

        A key that a breaker's own function made of one thing has no tenant that we know of.
        """
        if isinstance(key, tuple) and len(key) >= 2:
            return (
                self.tenant(key[0]),
                str(key[1])[:MAX_LENGTH],
                [str(part)[:MAX_LENGTH] for part in key[2:6]],
            )
        return "", self.tenant(key), []
