"""Models of pydantic-ai as providers; the code for it is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from ranvier.providers.function import FunctionProvider


def from_pydantic_ai(model: Model, *, name: str | None = None, retries_off: bool = False) -> FunctionProvider:
    """A provider that asks a model of pydantic-ai: `from_pydantic_ai(OpenAIResponsesModel("gpt-5.2"))`.

    The retries of the SDK beneath are switched off, since the layers retry. For what a model of pydantic-ai
    cannot be sent, the target raises an `UnsupportedRequestError`, so that `Fallback` tries the next one.

    Args:
        model: The model, with its own client and key. Its settings are defaults for those of a call. It
            stays yours: no pipeline closes it.
        name: The name of the provider; `None` means the model's `system`, such as `openai`.

        retries_off: True says that you have switched off the retries of the SDK beneath, for a model whose
            class has no setting for it: those of Bedrock, Hugging Face and xAI.

    Raises:
        ConfigurationError: `model` is not a `Model`, for example its name only; its retries cannot be
            switched off, and `retries_off` is false; or pydantic-ai is not installed.
    """
    provider: FunctionProvider = import_module(
        "ranvier.integrations.pydantic_ai.behind.provider"
    ).provider_of(model, name, retries_off)
    return provider
