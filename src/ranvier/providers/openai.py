"""OpenAI, and any server that speaks its dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ranvier.providers._call_ids import CHAT_IDS, MISTRAL_IDS, OPENAI_IDS, IdRule
from ranvier.providers._complaints import Complaint
from ranvier.providers._fixes import PLACES, Fix, LeaveOut, Rename, Together
from ranvier.providers._models import Facts, fit
from ranvier.providers._openai_wire import ChatCompletions
from ranvier.providers._reading import Json
from ranvier.providers._reasoning import REASONING, demands_reasoning

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

AZURE: Final = (".azure.com", ".azure.us", ".azure.cn")
"""There a model is a deployment of the user's, and its name says nothing about it."""

HOSTS: Final = {
    ".openai.com": "openai",
    ".deepseek.com": "deepseek",
    ".moonshot.ai": "kimi",
    ".moonshot.cn": "kimi",
    ".bigmodel.cn": "glm",
    ".z.ai": "glm",
    ".openrouter.ai": "openrouter",
}
"""Whose models live where."""

MISTRAL: Final = "mistral"

UNKNOWN: Final = Facts("", "")


class OpenAI(ChatCompletions):
    """OpenAI's chat completions, or with `base_url` and `name` those of another server.

    What is sent to a model depends on where it lives, never on `name`: at OpenAI's own addresses it is
    known from the model's id, as it is behind an address that you give without a `name`. At Azure, where a
    model has whatever name its deployment was given, and at any other server, it is known from
    `Deployment(..., facts_of="gpt-5.2")`, else from what the server refuses.

    Other servers are asked without a key where there is none, and with `max_tokens`, which all but
    OpenAI understand.
    """

    family = "openai"
    environment = ("OPENAI_API_KEY",)
    default_model = "gpt-5.2"
    default_base_url = "https://api.openai.com/v1"

    def address(self, base_url: str | None) -> str:
        """`base_url`, else OpenAI's own."""
        address = super().address(base_url)
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
        """Where the table of models tells what this target takes: by the server, then by the model."""
        if (known := call.deployment.facts_of) is not None:
            return Facts(self.family, known)
        if self._is_azure:
            return Facts(self.family, "")
        return Facts(self._vendor, call.deployment.model) if self._vendor else UNKNOWN

    def fix(self, call: Call, complaint: Complaint, fields: Json) -> Fix | None:
        """The usual fix. A server that knows `max_completion_tokens` alone has OpenAI's models."""
        fix = super().fix(call, complaint, fields)
        if not isinstance(fix, Rename) or fix.new != "max_completion_tokens":
            return fix
        settings = {name: fields[name] for name in PLACES if name in fields}
        refused = fit(self.family, fields["model"], settings).dropped
        return Together((fix, LeaveOut(refused))) if refused else fix

    # --- what goes back to the server ------------------------------------------------------------

    @property
    def returned(self) -> tuple[str, ...]:  # type: ignore[override]  # because: here it depends on the server
        """Reasoning and signatures that a server has sent; OpenAI's own sends none in chat completions."""
        return () if ".openai.com" in self.base_url else (REASONING, "extra_content")

    @property
    def call_ids(self) -> IdRule:  # type: ignore[override]  # because: here it depends on the server
        """The ids that the server takes: Mistral's are of nine characters."""
        if self.name == MISTRAL or f".{MISTRAL}.ai" in self.base_url:
            return MISTRAL_IDS
        return OPENAI_IDS if self._is_azure or self._vendor == self.family else CHAT_IDS

    def wants_reasoning(self, call: Call, *, in_tool_round: bool) -> bool:
        """In rounds with tools alone, since there are models that refuse it elsewhere."""
        return in_tool_round

    def demands_reasoning(self, call: Call, answer: Json, *, in_tool_round: bool) -> bool:
        """In rounds with tools, and by DeepSeek and Kimi under whatever name."""
        model = call.deployment.facts_of or call.deployment.model
        return in_tool_round and demands_reasoning(self.base_url, model)
