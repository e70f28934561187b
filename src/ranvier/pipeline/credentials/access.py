"""A tenant's access to a provider beyond a key: its own endpoint and headers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, Never
from urllib.parse import urlsplit

from ranvier.address import checked_url
from ranvier.errors.configuration import ConfigurationError
from ranvier.headers import HOLD_KEYS, checked, fault_of_header
from ranvier.provider_remedies import OF_ACCESS
from ranvier.remedies import unknown_argument


class Shared(Enum):
    """The type of `SHARED`."""

    SHARED = "shared"

    def __repr__(self) -> str:
        return "SHARED"


SHARED: Final = Shared.SHARED
"""A resolver returns it to use the provider's own key: its `api_key` or environment variable."""

Key = str | Shared
"""One key, or `SHARED`."""


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Access:
    """A tenant's access to a provider, as a `credentials=` resolver may return it in place of a key.

    Args:
        key: The key. `SHARED` is the provider's own key; `None` is no key, if the server needs none or a
            header holds it.
        base_url: The base URL of the tenant's own endpoint, with separate circuits, gates and limits; `None`
            means the provider's. The provider's own key, `headers=` and `params=` are not sent there.
        headers: Headers for each request of the tenant, by name. They replace others of the same name.

    Raises:
        ConfigurationError: an argument is invalid, or our own key would go to the tenant's endpoint.

    Attributes:
        endpoint: A name for the tenant's own endpoint: its host and a digest; `None` if it has none.
    """

    key: Key | None
    base_url: str | None
    headers: Mapping[str, str]
    endpoint: str | None
    _hash: int = field(compare=False)

    def __init__(
        self,
        key: Key | None = None,
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        **unknown: Never,
    ) -> None:
        put = object.__setattr__  # this class is frozen
        put(self, "key", key)
        put(self, "endpoint", None)
        checked_headers, mistake = checked(headers, fault_of_header)
        put(self, "headers", MappingProxyType(checked_headers))
        wrong = next(iter(unknown), None)
        del key, headers, checked_headers, unknown  # or a traceback from the code below might show them
        if wrong is not None:
            raise unknown_argument("Access", wrong, OF_ACCESS)
        if mistake is not None:
            raise ConfigurationError(f"Access(headers): {mistake}")
        put(self, "base_url", None if base_url is None else checked_url(base_url))
        if self.base_url is not None:
            put(self, "endpoint", _name(self.base_url))
        self._check_key()
        put(self, "_hash", hash((self.key, self.base_url, frozenset(self.headers.items()))))

    def _check_key(self) -> None:
        if self.key is None:
            if self.base_url is None and not self.headers:
                raise ConfigurationError("Access(): give a key, a base_url or headers")
        elif not isinstance(self.key, (str, Shared)) or not self.key:
            raise ConfigurationError("Access(key) is no key: give a str that is not empty, SHARED or None")
        elif self.key is SHARED and self.base_url is not None:
            raise ConfigurationError(
                "Access(SHARED, base_url=...): our own key does not go to an endpoint of a tenant's"
            )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return "<Access>" if self.endpoint is None else f"<Access at {self.endpoint}>"

    @property
    def only_a_key(self) -> bool:
        """True if there is neither an endpoint nor a header."""
        return self.base_url is None and not self.headers

    @property
    def holds_key(self) -> bool:
        """True if a header holds the key."""
        return not HOLD_KEYS.isdisjoint(self.headers)

    def is_at(self, url: str) -> bool:
        """True if it has no own endpoint, or if `url` is that endpoint or a path below it."""
        return self.base_url is None or f"{url}/".startswith(f"{self.base_url.rstrip('/')}/")

    def account(self, key: str | None) -> str | None:
        """The identity of its account at a server: `key`, or the headers that replace it."""
        held = [self.headers[name] for name in sorted(HOLD_KEYS & self.headers.keys())]
        return "\n".join(held) if held else key


def _name(base_url: str) -> str:
    """The host, and a digest of the whole URL: several tenants may have paths of one gateway."""
    digest = hashlib.blake2b(base_url.encode("utf-8", "surrogatepass"), digest_size=4)
    return f"{urlsplit(base_url).hostname}-{digest.hexdigest()}"
