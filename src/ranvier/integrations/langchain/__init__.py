"""A pipeline as a chat model of LangChain, and the reverse; imported at first use: LangChain is an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ranvier.integrations.langchain.wrapped import from_langchain

if TYPE_CHECKING:
    from ranvier.integrations.langchain.chat_model import ChatRanvier

__all__ = ["ChatRanvier", "from_langchain"]

if not TYPE_CHECKING:  # because a type checker would then accept any name

    def __getattr__(name: str) -> Any:
        if name != "ChatRanvier":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from ranvier.integrations.langchain.installed import module

        return module("chat_model").ChatRanvier
