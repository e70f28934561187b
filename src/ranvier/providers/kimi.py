"""Kimi, by Moonshot's API: chat completions that want their reasoning back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.messages import Image, Message
from ranvier.providers._openai_wire import ChatCompletions
from ranvier.providers._reading import Json

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._part_fields import PartFields

NO_THOUGHT = " "
"""The least reasoning that is taken; an empty one is a 400."""


class Kimi(ChatCompletions):
    """Kimi at api.moonshot.ai; with `base_url="https://api.moonshot.cn/v1"` in China."""

    family = "kimi"
    environment = ("KIMI_API_KEY", "MOONSHOT_API_KEY")
    default_model = "kimi-k2.6"
    default_base_url = "https://api.moonshot.ai/v1"
    returned = ("reasoning_content",)

    def answer(self, call: Call, message: Message, further: PartFields) -> Json:
        """A turn that calls tools is refused without the reasoning that led to it, whoever wrote it."""
        answer = super().answer(call, message, further)
        if "tool_calls" in answer and call.deployment.model.startswith("kimi"):
            answer.setdefault("reasoning_content", NO_THOUGHT)
        return answer

    def image(self, call: Call, image: Image) -> Json:
        """A picture by its bytes: addresses are not fetched."""
        if image.url is not None:
            raise self.unsupported(call, "does not fetch pictures, it takes their bytes")
        return super().image(call, image)
