"""The wires of other makers at Bedrock's hosts: theirs, with Bedrock's addresses, keys and ids of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.providers._models.models import Facts
from ranvier.providers._repairs.repairs import Repairs
from ranvier.providers.anthropic.wire import VERSION, Messages
from ranvier.providers.bedrock.models import facts_of_id
from ranvier.providers.chat_completions.wire import ChatCompletions
from ranvier.providers.responses.wire import Responses

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire


class MessagesAtBedrock(Messages):
    """Anthropic's Messages API."""

    def __init__(self, server: Wire, repairs: Repairs) -> None:
        self.name = server.name
        self.base_url = server.base_url
        self.repairs = repairs
        self._server = server

    def facts(self, call: Call) -> Facts:
        """The target's entry in the table of models."""
        return self._server.facts(call)

    def rules(self, call: Call) -> Facts:
        """The rows of this API, also for a profile that names no model."""
        return Facts(self.family, self.facts(call).model)

    def path(self, model: str, streaming: bool) -> str:
        """That of Anthropic, below its name."""
        return f"/anthropic{super().path(model, streaming)}"

    def headers(self, key: str | None) -> dict[str, str]:
        """Those of Bedrock, and the version of the API."""
        return {"anthropic-version": VERSION, **self._server.headers(key)}


class ChatAtBedrock(ChatCompletions):
    """Chat completions, for the models of OpenAI and others."""

    family = "openai"

    def __init__(self, server: Wire, repairs: Repairs, *, mantle: bool) -> None:
        self.name = server.name
        self.base_url = server.base_url
        self.repairs = repairs
        self._server = server
        self._mantle = mantle

    def facts(self, call: Call) -> Facts:
        """The target's entry in the table of models."""
        return self._server.facts(call)

    def path(self, model: str, streaming: bool) -> str:
        """That of OpenAI, below its name where the endpoint has more than one."""
        return f"{below(model, mantle=self._mantle)}{super().path(model, streaming)}"

    def headers(self, key: str | None) -> dict[str, str]:
        """Those of Bedrock."""
        return self._server.headers(key)


class ResponsesAtBedrock(Responses):
    """The Responses API, for the models of OpenAI."""

    def __init__(self, server: Wire, repairs: Repairs, *, mantle: bool) -> None:
        super().__init__(server, repairs)
        self._mantle = mantle

    def path(self, model: str, streaming: bool) -> str:
        """That of OpenAI, below its name where the endpoint has more than one."""
        return f"{below(model, mantle=self._mantle)}{super().path(model, streaming)}"


def below(model: str, *, mantle: bool) -> str:
    """The path below which a model is served; at Mantle, OpenAI's own models have another (P)."""
    vendor, name = facts_of_id(model)
    own = vendor == "openai" and not name.startswith("gpt-oss")
    return "/openai/v1" if own or not mantle else "/v1"
