"""GLM, by Zhipu's API in China and by Z.ai's elsewhere: one dialect, and keys that are good at one."""

from __future__ import annotations

import os

from ranvier.providers.chat_completions.adapter import ChatCompletions
from ranvier.providers.chat_completions.reasoning import REASONING

ZAI_VARIABLE = "ZAI_API_KEY"
ZAI_BASE_URL = "https://api.z.ai/api/paas/v4"


class GLM(ChatCompletions):
    """GLM at open.bigmodel.cn; at api.z.ai where the key is the one of `ZAI_API_KEY`.

    A key that is given, or that a resolver gives, is taken for one of bigmodel.cn: for one of z.ai
    give `base_url="https://api.z.ai/api/paas/v4"` too.
    """

    family = "glm"
    environment = ("GLM_API_KEY", ZAI_VARIABLE)
    default_model = "glm-5.2"
    default_base_url = "https://open.bigmodel.cn/api/paas/v4"
    returned = (REASONING,)

    def address(self, base_url: str | None) -> str:
        """`base_url`, else what the key decides, call by call."""
        self._follows_key = base_url is None
        return super().address(base_url)

    def base_url_for(self, key: str | None) -> str:
        """Where that key is good."""
        if self._follows_key and not self._api_key and key and key == os.environ.get(ZAI_VARIABLE):
            return ZAI_BASE_URL
        return self.base_url
