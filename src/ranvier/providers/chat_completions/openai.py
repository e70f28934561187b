"""OpenAI, and any server with a compatible API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Never, Self, get_args
from urllib.parse import urlsplit

from ranvier import validation
from ranvier.messages.native import RESPONSES
from ranvier.providers._history.call_ids import CHAT_IDS, MISTRAL_IDS, OPENAI_IDS, IdRule
from ranvier.providers._models.models import TRANSLATED, Facts, fit
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Fix, LeaveOut, Rename, Together
from ranvier.providers._repairs.places import PLACES
from ranvier.providers._repairs.repairs import Repairs
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers._wire.additions import Given
from ranvier.providers._wire.fields import Extras
from ranvier.providers._wire.written_request import WrittenRequest
from ranvier.providers.chat_completions.reasoning import REASONING, demands_reasoning
from ranvier.providers.chat_completions.wire import ChatCompletions
from ranvier.providers.responses.fields import needs_chat
from ranvier.providers.responses.wire import Responses

if TYPE_CHECKING:
    import ssl

    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.providers._http.engines import EngineName
    from ranvier.providers._wire.wire import Wire

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

OWN_HOST: Final = ".api.openai.com"
"""The end of OpenAI's own hosts, regional ones included."""

MISTRAL: Final = "mistral"

Api = Literal["auto", "responses", "chat"]

UNKNOWN: Final = Facts("", "")


class OpenAI(ChatCompletions, Adapter):
    """OpenAI, or with `base_url` and `name` another server with one of its APIs.

    `api="auto"` speaks the Responses API with OpenAI's own hosts, where only that API lets its newest models
    reason and call tools, and chat completions with every other server, and for a request that only these
    can carry, as with `stop`, `seed`, penalties or audio. `"responses"` and `"chat"` speak only one of them.

    The Responses API stores nothing (`store` is false); a model gets its reasoning back encrypted.

    The parameters that a model accepts depend on its host, never on `name`. At OpenAI's own hosts they follow
    from the model id, and also at a `base_url` that you give without a `name`. At Azure, where a deployment
    can have any name, and at any other server, they follow from `Deployment(..., facts_of="gpt-5.2")`, else
    from the errors with which the server rejects a request.

    Other servers get no key if there is none, and get `max_tokens`, which all but OpenAI understand.

    Args:
        api: The API to speak: `"responses"`, `"chat"`, or `"auto"` for what fits the host and the request.
    """

    family = "openai"
    environment: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    default_model = "gpt-5.2"
    default_base_url = "https://api.openai.com/v1"

    def __init__(
        self,
        api_key: str | None = None,
        *,
        api: Api = "auto",
        base_url: str | None = None,
        name: str | None = None,
        headers: Given | None = None,
        params: Given | None = None,
        http_client: Any = None,
        engine: EngineName = "auto",
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 1000,
        **unknown: Never,
    ) -> None:
        self._api_key, self._headers, self._params = api_key, headers, params
        del api_key, headers, params  # as in `Adapter`: a traceback might show a key
        try:
            super().__init__(
                self._api_key,
                base_url=base_url,
                name=name,
                headers=self._headers,
                params=self._params,
                http_client=http_client,
                engine=engine,
                ssl_context=ssl_context,
                max_connections=max_connections,
                **unknown,
            )
        finally:
            del unknown
        self._api = validation.choice("api", api, get_args(Api))
        self.repairs_of_responses = Repairs()

    def moved_to(self, base_url: str) -> Self:
        """The same provider at the endpoint of a tenant's own."""
        moved = super().moved_to(base_url)
        moved.repairs_of_responses = Repairs()
        return moved

    def wire_for(self, call: Call) -> Wire:
        """The API that carries the request of `call`."""
        if self._api == "chat" or (self._api == "auto" and not self._is_own_host):
            return self
        if isinstance(call.request, WrittenRequest):
            return self.responses() if call.request.wire == RESPONSES else self
        if self._api == "auto" and needs_chat(call, self.facts(call), Extras(call, *self.addresses)):
            return self
        return self.responses()

    def responses(self) -> Responses:
        """The Responses API of this server."""
        return Responses(self, self.repairs_of_responses)

    def speaks(self, wire: str, model: str) -> bool:
        """True if the server has the API `wire`, and this provider may use it."""
        if wire == RESPONSES:
            return self._api == "responses" or (self._api == "auto" and self._is_own_host)
        return self._api != "responses" and super().speaks(wire, model)

    def resolved_base_url(self, base_url: str | None) -> str:
        """`base_url`, else OpenAI's own."""
        address = super().resolved_base_url(base_url)
        host = f".{urlsplit(address).hostname or ''}" if isinstance(address, str) else ""
        self._is_azure, self._is_own_host = host.endswith(AZURE), host.endswith(OWN_HOST)
        self._vendor = next((vendor for end, vendor in HOSTS.items() if host.endswith(end)), "")
        if not self._vendor and self.name == self.family:
            self._vendor = self.family
        self.needs_credential = self._is_azure or self._vendor == self.family  # your own server may need none
        return address

    def known_as(self, target: Deployment) -> str | None:
        """The public id of the model that the target names otherwise; `None` if it says none."""
        return target.facts_of

    def facts_at(self, target: Deployment) -> Facts:
        """The target's entry in the table of models: by the server, then by the model."""
        if (known := self.known_as(target)) is not None:
            return Facts(self.family, known)
        if self._is_azure:
            return Facts(self.family, "")
        return Facts(self._vendor, target.model) if self._vendor else UNKNOWN

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
        model = self.known_as(call.deployment) or call.deployment.model
        return in_tool_round and demands_reasoning(self.base_url, model)
