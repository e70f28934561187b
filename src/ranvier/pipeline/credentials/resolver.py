"""The interface of credentials resolvers, and a lookup that several calls share."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.credentials.access import Access, Key, Shared

KeyOrAccess = Key | Access
"""One key or access of a tenant at a provider."""

Credential = KeyOrAccess | Sequence[KeyOrAccess] | None
"""A key, an `Access` or `SHARED`; a sequence of them, used in turn; `None` if the tenant has none there."""

Resolver = Callable[[str, str], Credential | Awaitable[Credential]]
"""A plain or async function of a tenant and a provider's name that returns the key to use."""

Holder = tuple[str, str]
"""A tenant, and a provider's name."""


class Lookup:
    """One call of the resolver, shared by all calls that need its answer.

    Attributes:
        keys: The answer, once it is known.
        error: The error, if the resolver failed.
        outdated: True if the key has changed since the lookup started.
        ended: Set when the lookup has ended.
    """

    __slots__ = ("ended", "error", "keys", "outdated")

    def __init__(self) -> None:
        self.keys: tuple[KeyOrAccess, ...] | None = None
        self.error: BaseException | None = None
        self.outdated = False
        self.ended = asyncio.Event()

    def error_for_others(self) -> BaseException | None:
        """A copy of `error` for the other calls: its traceback refers to the call that made the lookup."""
        try:
            return copy.copy(self.error)
        except Exception:  # its class cannot be copied
            return None

    def take(self, answer: object) -> None:
        """Validate and store the answer of a resolver, unless it failed.

        An invalid answer is stored as an error and not raised, because a traceback would show it.
        """
        if self.error is not None:
            return
        several = tuple(answer) if isinstance(answer, (list, tuple)) else (answer,)
        if answer is None:
            self.keys = ()
        elif all(isinstance(each, (str, Shared, Access)) for each in several):
            self.keys = tuple(filter(None, map(_plain, several)))
        else:
            kinds = ", ".join(sorted({type(key).__name__ for key in several}))
            self.error = TypeError(
                "a credentials resolver must return a str, an Access, a list of them, None or SHARED, "
                f"not {kinds}"
            )


def _plain(held: KeyOrAccess) -> KeyOrAccess | None:
    """`held`, with a plain key in place of an access that has only a key."""
    return held.key if isinstance(held, Access) and held.only_a_key else held


def check_resolver(resolver: object) -> None:
    """Check that `resolver` can be called with a tenant and a provider's name.

    Raises:
        ConfigurationError: it cannot. The message holds no defaults: one may be a secret.
    """
    if not callable(resolver):
        raise ConfigurationError(
            f"credentials={type(resolver).__name__}: give a function of a tenant and a provider's name"
        )
    validation.check_takes("credentials", resolver, "tenant", "provider")
