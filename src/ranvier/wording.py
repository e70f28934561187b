"""Words with numbers, for the status of a pipeline and the like."""

from __future__ import annotations


def target_name(provider: str, model: str | None) -> str:
    """`provider/model`; the provider alone, where all its models are meant."""
    return provider if model is None else f"{provider}/{model}"


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
