"""OpenAI, and any server with a compatible API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ranvier.providers._history.call_ids import CHAT_IDS, MISTRAL_IDS, OPENAI_IDS, IdRule
from ranvier.providers._models.models import TRANSLATED, Facts, fit
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import PLACES, Fix, LeaveOut, Rename, Together
from ranvier.providers.chat_completions.adapter import ChatCompletions
from ranvier.providers.chat_completions.reasoning import REASONING, demands_reasoning

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

AZURE: Final = (".azure.com", ".azure.us", ".azure.cn")
"""Hosts where the model name is that of the user's deployment, which does not identify the model."""

HOSTS: Final = {
    ".openai.com": "openai",
    ".deepseek.com": "deepseek",
    ".moonshot.ai": "kimi",
    ".moonshot.cn": "kimi",
    ".bigmodel.cn": "glm",
    ".z.ai": "glm",
    ".openrouter.ai": "openrouter",
}
"""The vendor whose models a host serves."""

MISTRAL: Final = "mistral"

UNKNOWN: Final = Facts("", "")


class OpenAI(ChatCompletions):
    """OpenAI's chat completions API, or with `base_url` and `name` that of another server.

    The parameters that a model accepts depend on its host, never on `name`. At OpenAI's own hosts they follow
    from the model id, and also at a `base_url` that you give without a `name`. At Azure, where a deployment
    can have any name, and at any other server, they follow from `Deployment(..., facts_of="gpt-5.2")`, else
    from the errors with which the server rejects a request.

    Other servers get no key if there is none, and get `max_tokens`, which all but OpenAI understand.
    """

    family = "openai"
    environment = ("OPENAI_API_KEY",)
    default_model = "gpt-5.2"
    default_base_url = "https://api.openai.com/v1"

    def resolved_base_url(self, base_url: str | None) -> str:
        """`base_url`, else OpenAI's own."""
        address = super().resolved_base_url(base_url)
        host = f".{urlsplit(address).hostname or ''}" if isinstance(address, str) else ""
        self._is_azure = host.endswith(AZURE)
        self._vendor = next((vendor for end, vendor in HOSTS.items() if host.endswith(end)), "")
        if not self._vendor and self.name == self.family:
            self._vendor = self.family
        return address

    @property
    def needs_credential(self) -> bool:  # type: ignore[override]  # because: here it depends on the server
        """A server of your own may work without a key."""
        return self._is_azure or self._vendor == self.family

    def facts(self, call: Call) -> Facts:
        """The target's entry in the table of models: by the server, then by the model."""
        if (known := call.deployment.facts_of) is not None:
            return Facts(self.family, known)
        if self._is_azure:
            return Facts(self.family, "")
        return Facts(self._vendor, call.deployment.model) if self._vendor else UNKNOWN

    def fix(self, call: Call, complaint: Complaint, fields: Json) -> Fix | None:
        """The usual fix; a server that accepts only `max_completion_tokens` serves OpenAI's models."""
        fix = super().fix(call, complaint, fields)
        if not isinstance(fix, Rename) or fix.new != "max_completion_tokens":
            return fix
        settings = {name: fields[name] for name in PLACES if name in fields and name not in TRANSLATED}
        unsupported = fit(self.family, fields["model"], settings).dropped
        return Together((fix, LeaveOut(unsupported))) if unsupported else fix

    # --- what is sent back to the server ---------------------------------------------------------

    @property
    def returned(self) -> tuple[str, ...]:  # type: ignore[override]  # because: here it depends on the server
        """Reasoning and signatures; none for OpenAI itself, which sends none in chat completions."""
        return () if ".openai.com" in self.base_url else (REASONING, "extra_content")

    @property
    def call_ids(self) -> IdRule:  # type: ignore[override]  # because: here it depends on the server
        """The tool call ids that the server accepts: Mistral's have nine characters."""
        if self.name == MISTRAL or f".{MISTRAL}.ai" in self.base_url:
            return MISTRAL_IDS
        return OPENAI_IDS if self._is_azure or self._vendor == self.family else CHAT_IDS

    def wants_reasoning(self, call: Call, *, in_tool_round: bool) -> bool:
        """True in rounds with tools only: some models reject reasoning elsewhere."""
        return in_tool_round

    def demands_reasoning(self, call: Call, answer: Json, *, in_tool_round: bool) -> bool:
        """True in rounds with tools for DeepSeek and Kimi, under any provider name."""
        model = call.deployment.facts_of or call.deployment.model
        return in_tool_round and demands_reasoning(self.base_url, model)
