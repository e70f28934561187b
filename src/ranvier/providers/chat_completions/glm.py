"""GLM: Zhipu's API in China and Z.ai's elsewhere, with the same dialect but separate keys."""

from __future__ import annotations

import os

from ranvier.providers.chat_completions.adapter import ChatCompletions
from ranvier.providers.chat_completions.reasoning import REASONING

ZAI_VARIABLE = "ZAI_API_KEY"
ZAI_BASE_URL = "https://api.z.ai/api/paas/v4"


class GLM(ChatCompletions):
    """GLM at open.bigmodel.cn, or at api.z.ai if the key is from `ZAI_API_KEY`.

    A key from `api_key` or from a resolver is taken for one of bigmodel.cn. For a z.ai key, also pass
    `base_url="https://api.z.ai/api/paas/v4"`.
    """

    family = "glm"
    environment = ("GLM_API_KEY", ZAI_VARIABLE)
    default_model = "glm-5.2"
    default_base_url = "https://open.bigmodel.cn/api/paas/v4"
    returned = (REASONING,)
    media = frozenset()

    def resolved_base_url(self, base_url: str | None) -> str:
        """`base_url`; without it, each call's key decides."""
        self._follows_key = base_url is None
        return super().resolved_base_url(base_url)

    def base_url_for(self, key: str | None) -> str:
        """The base URL at which that key is valid."""
        if self._follows_key and not self._api_key and key and key == os.environ.get(ZAI_VARIABLE):
            return ZAI_BASE_URL
        return self.base_url
