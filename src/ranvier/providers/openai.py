"""OpenAI, and any server that speaks its dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.providers._call_ids import CHAT_IDS, MISTRAL_IDS, OPENAI_IDS, IdRule
from ranvier.providers._openai_wire import ChatCompletions
from ranvier.providers._reading import Json
from ranvier.providers._reasoning import REASONING, demands_reasoning

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class OpenAI(ChatCompletions):
    """OpenAI's chat completions, or with `base_url` and `name` those of another server.

    A server under a name of its own is asked without a key where there is none, and with
    `max_tokens`, which all but OpenAI understand.
    """

    family = "openai"
    environment = ("OPENAI_API_KEY",)
    default_model = "gpt-5.2"
    default_base_url = "https://api.openai.com/v1"

    @property
    def needs_credential(self) -> bool:  # type: ignore[override]  # because: here it depends on the server
        """A server under a name of its own may work without a key."""
        return self._is_openai

    @property
    def dialect(self) -> str:
        """The name under which the table of models knows the server; of others it knows nothing."""
        return self.family if self._is_openai else self.name

    @property
    def _is_openai(self) -> bool:
        return self.name == self.family or ".openai.com" in self.base_url

    # --- what a server of that dialect wants to see again ----------------------------------------

    @property
    def returned(self) -> tuple[str, ...]:  # type: ignore[override]  # because: here it depends on the server
        """The reasoning and the signatures of another server; OpenAI's has none in chat completions."""
        return () if self._is_openai else (REASONING, "extra_content")

    @property
    def call_ids(self) -> IdRule:  # type: ignore[override]  # because: here it depends on the server
        """The ids that the server takes: Mistral's are of nine characters."""
        if self._is_openai or ".azure." in self.base_url:
            return OPENAI_IDS
        return MISTRAL_IDS if self.name == "mistral" or ".mistral.ai" in self.base_url else CHAT_IDS

    def wants_reasoning(self, call: Call, *, in_tool_round: bool) -> bool:
        """In rounds with tools alone, since there are models that refuse it elsewhere."""
        return in_tool_round

    def demands_reasoning(self, call: Call, answer: Json, *, in_tool_round: bool) -> bool:
        """In rounds with tools, and by DeepSeek and Kimi under whatever name."""
        return in_tool_round and demands_reasoning(self.base_url, call.deployment.model)
