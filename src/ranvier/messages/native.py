"""Parts of a conversation that only the provider that issued them can use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

CHAT_COMPLETIONS: Final = "chat_completions"
"""The `provider` of a `Native` for every server of the chat completions API: a dict's `reasoning_content`."""

RESPONSES: Final = "responses"
"""The `provider` of a `Native` for every server of the Responses API."""

CONVERSE: Final = "converse"
"""The `provider` of a `Native` for Bedrock's Converse."""


def account_of(key: str | None) -> str:
    """A digest that distinguishes accounts without revealing the key; `""` if there is no key.

    Saved histories contain it, so it is the same in every process. It cannot be reversed, and brute force
    is infeasible for a random key of 40 characters; a guess of a weak key can be confirmed with it. Each key
    counts as a separate account: only the provider knows which keys share one.
    """
    if key is None:
        return ""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=12, person=b"ranvier.account")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Native:
    """Opaque data that only its issuer can use: a signature, reasoning to be sent back, an id.

    It stays in the history and is sent back only to its issuer: the same wire, endpoint, account and
    model. Adapters set all four; `Native("anthropic", {...})` made by hand matches every target of that wire,
    because an attribute that is `None` matches anything. Equality compares `provider` and `data` only.

    Attributes:
        provider: The wire: a vendor's name (`"anthropic"`), or `CHAT_COMPLETIONS` for all its servers.
        data: Fields, a block or a part, in the format of the wire.
        endpoint: The `base_url` that issued it.
        account: A digest of the key it was issued to, never the key; `""` if no key was used.
        model: The requested model, as the deployment names it.
    """

    provider: str
    data: Mapping[str, Any]
    endpoint: str | None = field(default=None, compare=False)
    account: str | None = field(default=None, compare=False)
    model: str | None = field(default=None, compare=False)
