"""Parts of a conversation that only one issuer understands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CHAT_COMPLETIONS: Final = "chat_completions"
"""The `provider` of a `Native` for every server of that dialect: a dict's `reasoning_content`, say."""


def account_of(key: str | None) -> str:
    """A digest that tells accounts apart without showing the key; `""` where there is none.

    Saved histories hold it, so it is the same in every process. It cannot be reversed, and to find a random
    key of 40 characters by trying is infeasible; a key that can be guessed can be confirmed by it. Each key
    counts as an account of its own: which keys share one, only the provider knows.
    """
    if key is None:
        return ""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=12, person=b"ranvier.account")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Native:
    """What only one issuer understands: a signature, reasoning to be sent back, an id.

    It travels in the history and is sent back to its issuer only: the same wire, endpoint, account and
    model. Adapters set all four; `Native("anthropic", {...})` made by hand matches every target of that wire,
    because a fact that is `None` matches anything. Equality compares `provider` and `data` only.

    Attributes:
        provider: The wire: a vendor's name (`"anthropic"`), or `CHAT_COMPLETIONS` for all of its servers.
        data: Fields, a block or a part, in the words of the wire.
        endpoint: The `base_url` that issued it.
        account: A digest of the key it was issued to, never the key; `""` where no key was used.
        model: The model that was asked, as the deployment names it.
    """

    provider: str
    data: Mapping[str, Any]
    endpoint: str | None = field(default=None, compare=False)
    account: str | None = field(default=None, compare=False)
    model: str | None = field(default=None, compare=False)
