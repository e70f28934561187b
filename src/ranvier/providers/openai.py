"""OpenAI, and any server that speaks its dialect."""

from __future__ import annotations

from ranvier.providers._openai_wire import ChatCompletions


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
