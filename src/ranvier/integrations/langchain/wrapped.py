"""Creates a provider from a chat model of LangChain."""

from __future__ import annotations

from typing import Any

from ranvier.integrations.langchain.installed import module
from ranvier.providers.function import FunctionProvider


def from_langchain(
    chat_model: Any, *, name: str | None = None, finish_reasons: bool = True
) -> FunctionProvider:
    """A provider that asks a chat model of LangChain: `from_langchain(ChatOpenAI(max_retries=0))`.

    Conversations, tools, `schema` and streams are translated, and errors are mapped. `temperature`, `top_p`,
    `max_tokens` and `seed` apply to a chat model that has such a field. Set all other options on the chat
    model itself, or pass them as `extra={name: {...}}`, whose entries are arguments of the chat model's call.

    Args:
        chat_model: The chat model, with its own retries off.
        name: The name of the provider; by default the one that the chat model reports for traces.
        finish_reasons: True treats a stream without a finish reason as cut off, because LangChain ends it
            like a complete one. Pass false for a chat model that reports no finish reasons.

    Raises:
        ConfigurationError: `chat_model` is not a chat model, it retries by itself, or LangChain is not
            installed.
    """
    provider: FunctionProvider = module("behind.provider").LangChainProvider(chat_model, name, finish_reasons)
    return provider
