"""The ids of models on Bedrock: `us.anthropic.claude-sonnet-4-5-20250929-v1:0` is Anthropic's Claude."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ranvier.providers._models.models import Facts

_ARN: Final = re.compile(r"arn:[^:]+:bedrock:[^:]*:[^:]*:(?:inference-profile|foundation-model)/(.+)")
_REGIONS: Final = re.compile(r"(?:us|eu|apac|jp|au|ca|in|global|us-gov)\.")
_VERSION: Final = re.compile(r"-v\d+(?::\d+)*$")

_VENDORS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "openai": "openai",
    "deepseek": "deepseek",
    "moonshot": "kimi",
    "moonshotai": "kimi",
    "zai": "glm",
}
"""The vendor in the table of models, by the maker in an id; other makers are not in it."""

_STARTS: Final[Mapping[str, str]] = {"claude": "anthropic", "gpt-": "openai"}
"""The vendor of an id without a maker, by how it starts."""


@lru_cache(maxsize=1024)
def facts_of_id(model_id: str) -> Facts:
    """The vendor and the model of an id, without region, version and the rest of an ARN.

    An ARN of an application's profile names no model: then nothing is known about it.
    """
    if (arn := _ARN.fullmatch(model_id)) is not None:
        model_id = arn[1]
    maker, dot, model = _REGIONS.sub("", model_id, count=1).partition(".")
    if not dot or maker.startswith(tuple(_STARTS)):  # `claude-sonnet-4.6` has a dot and no maker
        vendor = next((vendor for start, vendor in _STARTS.items() if model_id.startswith(start)), "")
        return Facts(vendor, model_id)
    return Facts(_VENDORS.get(maker, maker), _VERSION.sub("", model))


def is_claude(facts: Facts) -> bool:
    """True for a model of Anthropic's."""
    return facts.provider == "anthropic"
