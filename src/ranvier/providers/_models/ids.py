"""The ids of models, as the tables of models match them."""

from __future__ import annotations


def starts_with(model: str, starts: str) -> bool:
    """True if the model's id begins with one of `starts`, which are separated by spaces; `*` is any id."""
    return starts == "*" or bare(model).startswith(tuple(starts.split()))


def bare(model: str) -> str:
    """`anthropic/claude-sonnet-4.6` -> `claude-sonnet-4-6`: without prefix, spelled as the vendor does."""
    name = model.lower().rsplit("/", 1)[-1].lstrip("~").removeprefix("ft:")
    return name.replace(".", "-") if name.startswith("claude") else name
