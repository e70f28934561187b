"""Who knows the keys of tenants: what is asked, and what may be answered."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final


class Shared(Enum):
    """The type of `SHARED`."""

    SHARED = "shared"

    def __repr__(self) -> str:
        return "SHARED"


SHARED: Final = Shared.SHARED
"""A resolver's answer "use our own key": the provider's `api_key` or environment variable."""

Key = str | Shared
"""One key, or ours."""

Credential = Key | Sequence[Key] | None
"""A key; several, to be used in turn; `SHARED`; or `None`: this tenant has no key there."""

Resolver = Callable[[str, str], Credential | Awaitable[Credential]]
"""Given a tenant and a provider's name, says which key to use; plain or async."""

Holder = tuple[str, str]
"""A tenant, and a provider's name."""


class Lookup:
    """One question to the resolver, for all who want to know the answer.

    Attributes:
        keys: The answer, once it is known.
        error: Why there is none.
        outdated: The key has changed since it was asked for.
        ended: Set when there is nothing more to wait for.
    """

    __slots__ = ("ended", "error", "keys", "outdated")

    def __init__(self) -> None:
        self.keys: tuple[Key, ...] | None = None
        self.error: BaseException | None = None
        self.outdated = False
        self.ended = asyncio.Event()

    def error_for_others(self) -> BaseException | None:
        """`error` for whoever has not asked: a copy, since its traceback holds the call of whoever has."""
        try:
            return copy.copy(self.error)
        except Exception:  # of a class that cannot be copied
            return None

    def take(self, answer: object) -> None:
        """Understand the answer of a resolver, unless it failed.

        Nonsense is never raised here: a traceback would show it.
        """
        if self.error is not None:
            return
        several = tuple(answer) if isinstance(answer, (list, tuple)) else (answer,)
        if answer is None:
            self.keys = ()
        elif all(isinstance(key, (str, Shared)) for key in several):
            self.keys = tuple(key for key in several if key)
        else:
            kinds = ", ".join(sorted({type(key).__name__ for key in several}))
            self.error = TypeError(
                f"a credentials resolver answers with a str, several, None or SHARED, not {kinds}"
            )
