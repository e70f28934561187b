"""What models take besides text, and how much: three tables, and their lookups.

The first row that matches the vendor and the start of the model's id wins. Without a row nothing is known,
and the request is sent. Sources, as in `refusals`: L; D where the vendor's page says more than L.
"""

from __future__ import annotations

from functools import lru_cache

from ranvier.providers._models.ids import starts_with
from ranvier.providers._models.models import Facts

WINDOWS: tuple[tuple[str, str, int], ...] = (
    # vendor, starts of model ids, tokens of input and output together; where sources differ, the larger
    ("anthropic", "claude-2 claude-instant claude-3 claude-haiku-4-5 claude-opus-4-0 claude-opus-4-1 "
     "claude-opus-4-2 claude-opus-4-5", 200_000),
    ("anthropic", "claude-fable-5 claude-mythos claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 "
     "claude-opus-5 claude-sonnet-4 claude-sonnet-5 claude-haiku-5-5", 1_000_000),  # sonnet-4: with its beta
    ("openai", "gpt-3.5", 16_385),
    ("openai", "gpt-4.1", 1_047_576),
    ("openai", "gpt-4o gpt-4-turbo gpt-4-vision gpt-4-1106 gpt-4-0125 gpt-5-chat gpt-5.1-chat gpt-5.2-chat "
     "gpt-5.3-chat o1-mini o1-preview", 128_000),
    ("openai", "gpt-4-32k", 32_768),
    ("openai", "gpt-4-0314 gpt-4-0613", 8_192),
    ("openai", "o1 o3 o4", 200_000),
    ("openai", "gpt-5.4-mini gpt-5.4-nano", 400_000),
    ("openai", "gpt-5.4 gpt-5.5 gpt-5.6 gpt-6", 1_050_000),
    ("openai", "gpt-5-mini gpt-5-nano gpt-5-pro gpt-5-codex gpt-5.1 gpt-5.2 gpt-5.3", 400_000),
    ("gemini", "gemini-2.5-flash gemini-2.5-pro gemini-3", 1_048_576),
    ("kimi", "moonshot-v1-8k", 8_192),
    ("kimi", "moonshot-v1-32k", 32_768),
    ("kimi", "moonshot-v1", 131_072),
    ("kimi", "kimi-k2", 262_144),
    ("kimi", "kimi-k3", 1_048_576),
    ("glm", "glm-4.5", 131_072),
    ("glm", "glm-4.6 glm-4.7 glm-5-code glm-5.1", 204_800),
    ("glm", "glm-5.2 glm-5.3", 1_048_576),
)  # fmt: skip

ONLY_TEXT: tuple[tuple[str, str, bool], ...] = (
    # vendor, starts of model ids, whether they refuse images, audio and files
    ("anthropic", "claude-2 claude-instant", True),
    ("openai", "gpt-3.5 gpt-4-0314 gpt-4-0613 gpt-4-32k gpt-4-1106-preview gpt-4-0125 o1-mini o1-preview "
     "o3-mini", True),
    ("kimi", "moonshot-v1-8k-vision moonshot-v1-32k-vision moonshot-v1-128k-vision", False),
    ("kimi", "moonshot-v1 kimi-k2-0 kimi-k2-t", True),
    ("glm", "glm-4.5v glm-4.6v", False),
    ("glm", "glm-4-32b glm-4.5 glm-4.6 glm-4.7 glm-5-code glm-5.1 glm-5.2", True),
)  # fmt: skip

DEAF: tuple[tuple[str, str, bool], ...] = (
    # vendor, starts of model ids, whether they refuse sound
    ("openai", "gpt-audio gpt-4o-audio gpt-4o-mini-audio gpt-realtime gpt-4o-realtime gpt-4o-mini-realtime",
     False),
    ("openai", "gpt-3.5 gpt-4 gpt-5 gpt-6 o1 o3 o4", True),
)  # fmt: skip


@lru_cache(maxsize=1024)
def window_of(facts: Facts) -> int | None:
    """The context window of a model in tokens; `None` if it is unknown."""
    rows = (size for vendor, starts, size in WINDOWS if _matches(facts, vendor, starts))
    return next(rows, None)


@lru_cache(maxsize=1024)
def takes_only_text(facts: Facts) -> bool:
    """True if the model is known to refuse images, audio and files."""
    rows = (only for vendor, starts, only in ONLY_TEXT if _matches(facts, vendor, starts))
    return next(rows, False)


@lru_cache(maxsize=1024)
def is_deaf(facts: Facts) -> bool:
    """True if the model is known to refuse sound, while others of its vendor take it."""
    return next((deaf for vendor, starts, deaf in DEAF if _matches(facts, vendor, starts)), False)


def _matches(facts: Facts, vendor: str, starts: str) -> bool:
    return facts.provider == vendor and starts_with(facts.model, starts)
