"""Kimi, by Moonshot's API: chat completions that must be sent their reasoning again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.messages.media.image import Image
from ranvier.providers._history.tool_names import name_rule
from ranvier.providers._reading.reading import Json
from ranvier.providers.chat_completions.adapter import ChatCompletions
from ranvier.providers.chat_completions.reasoning import REASONING

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class Kimi(ChatCompletions):
    """Kimi at api.moonshot.ai; in China, pass `base_url="https://api.moonshot.cn/v1"`."""

    family = "kimi"
    environment = ("KIMI_API_KEY", "MOONSHOT_API_KEY")
    default_model = "kimi-k2.6"
    default_base_url = "https://api.moonshot.ai/v1"
    returned = (REASONING,)
    media = frozenset()
    tool_names = name_rule("a-zA-Z0-9_-", 64, first="a-zA-Z_")

    def demands_reasoning(self, call: Call, answer: Json, *, in_tool_round: bool) -> bool:
        """True for tool calls: Kimi rejects them without their reasoning, whichever model wrote them."""
        return "tool_calls" in answer and self.facts(call).model.startswith("kimi")

    def image(self, call: Call, image: Image) -> Json:
        """An image as its bytes: Kimi fetches no URLs."""
        if image.url is not None:
            raise self.unsupported(call, "does not fetch images: give their bytes")
        return super().image(call, image)
