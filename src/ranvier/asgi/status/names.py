"""How tenants are shown on the page: by their names, or by digests of their names."""

from __future__ import annotations

from collections.abc import Hashable

from ranvier.tenancy import digest_of

MAX_LENGTH = 256
"""The maximum number of characters of a name to show."""


class Names:
    """Shows tenants by name, or by a digest that is the same each time."""

    def __init__(self, *, hashed: bool) -> None:
        self.hashed = hashed

    def tenant(self, name: Hashable) -> str:
        """The text to show for a tenant."""
        text = str(name)
        return digest_of(text) if self.hashed else text[:MAX_LENGTH]

    def circuit(self, key: Hashable) -> tuple[str, str, list[str]]:
        """The parts to show of the key of a circuit: its tenant, its provider, and any further parts.

        A key that is not a tuple, from a breaker's own key function, has no known tenant.
        """
        if isinstance(key, tuple) and len(key) >= 2:
            return (
                self.tenant(key[0]),
                str(key[1])[:MAX_LENGTH],
                [str(part)[:MAX_LENGTH] for part in key[2:6]],
            )
        return "", self.tenant(key), []
