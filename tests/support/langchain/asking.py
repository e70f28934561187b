"""Asks a provider through ChatRanvier, and tells what it was asked."""

from __future__ import annotations

from typing import Any

from ranvier import Pipeline, Request
from ranvier.integrations.langchain import ChatRanvier
from ranvier.layers import Fallback
from ranvier.testing import ScriptedProvider


def pipeline_of(*replies: Any) -> tuple[Pipeline, ScriptedProvider]:
    """A pipeline of one scripted provider."""
    provider = ScriptedProvider("first", list(replies))
    return Pipeline(Fallback(provider), listeners=()), provider


async def asked(messages: Any, **options: Any) -> Request:
    """What the provider is asked, if the model is invoked with that."""
    pipeline, provider = pipeline_of("fine")
    await ChatRanvier(pipeline).ainvoke(messages, **options)
    await pipeline.aclose()
    return provider.calls[0].request
