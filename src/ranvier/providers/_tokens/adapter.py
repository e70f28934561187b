"""An adapter whose own credential may be a function for tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.messages.native import account_of
from ranvier.providers._wire.adapter import Adapter

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime
    from ranvier.providers._tokens.source import TokenSource


class TokenAdapter(Adapter):
    """An adapter whose own credential may be a function for tokens.

    The key of its calls is then the handle of `tokens`, which is never sent: see `sends`.

    Attributes:
        tokens: Where its tokens come from; `None` if its own credential is a key.
    """

    tokens: TokenSource | None = None

    def use_tokens(self, tokens: TokenSource) -> None:
        """Send tokens of that source with the calls that use the provider's own credential."""
        self.tokens = tokens
        self.preparations = (tokens, *self.preparations)

    def sends(self, key: str | None) -> bool:
        """True if `key` is to be sent itself; false for no key, and for the handle of tokens."""
        return key is not None and (self.tokens is None or key != self.tokens.handle)

    def credential(self) -> str | None:
        """The handle of its tokens, if it has some; else as for any adapter."""
        return super().credential() if self.tokens is None else self.tokens.handle

    def open(self, pipeline: Runtime) -> None:
        """Share the HTTP client of `pipeline`, as any adapter."""
        super().open(pipeline)
        if self.tokens is not None:
            self.tokens.opened(pipeline)

    def account_for(self, key: str | None) -> str:
        """The digest of the account of the tokens, which outlasts each of them; else that of the key."""
        if self.tokens is not None and key == self.tokens.handle:
            return account_of(self.tokens.account)
        return super().account_for(key)
