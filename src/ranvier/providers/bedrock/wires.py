"""The wires of other makers at Bedrock's hosts: theirs, with Bedrock's addresses, keys and ids of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.providers._models.models import Facts
from ranvier.providers._repairs.repairs import Repairs
from ranvier.providers._wire.wire import Wire
from ranvier.providers.anthropic.wire import VERSION, Messages
from ranvier.providers.bedrock.models import facts_of_id
from ranvier.providers.chat_completions.wire import ChatCompletions
from ranvier.providers.responses.wire import Responses

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class _AtBedrock(Wire):
    """A wire at the hosts of Bedrock, for one call.

    Args:
        server: The provider.
        repairs: The fixes that models have needed on this wire.
        mantle: True at the endpoint `mantle`.
    """

    def __init__(self, server: Wire, repairs: Repairs, *, mantle: bool) -> None:
        self.name = server.name
        self.base_url = server.base_url
        self.repairs = repairs
        self._server = server
        self._mantle = mantle

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of the provider, and of the vendor."""
        return self.family, *self._server.addresses

    def base_url_for(self, key: str | None) -> str:
        """That of the provider."""
        return self._server.base_url_for(key)

    def account_for(self, key: str | None) -> str:
        """That of the provider."""
        return self._server.account_for(key)

    def facts(self, call: Call) -> Facts:
        """The target's entry in the table of models."""
        return self._server.facts(call)

    def headers(self, key: str | None) -> dict[str, str]:
        """Those of the provider."""
        return self._server.headers(key)


class MessagesAtBedrock(_AtBedrock, Messages):
    """Anthropic's Messages API."""

    def rules(self, call: Call) -> Facts:
        """The rows of this API, also for a profile that names no model."""
        return Facts(self.family, self.facts(call).model)

    def path(self, model: str, streaming: bool) -> str:
        """That of Anthropic, below its name."""
        return f"/anthropic{super().path(model, streaming)}"

    def headers(self, key: str | None) -> dict[str, str]:
        """Those of the provider, and the version of the API."""
        return {"anthropic-version": VERSION, **super().headers(key)}


class ChatAtBedrock(_AtBedrock, ChatCompletions):
    """Chat completions, for the models of OpenAI and others."""

    family = "openai"

    def path(self, model: str, streaming: bool) -> str:
        """That of OpenAI, below its name where the endpoint has more than one."""
        return f"{below(model, mantle=self._mantle)}{super().path(model, streaming)}"


class ResponsesAtBedrock(_AtBedrock, Responses):
    """The Responses API, for the models of OpenAI."""

    def path(self, model: str, streaming: bool) -> str:
        """That of OpenAI, below its name where the endpoint has more than one."""
        return f"{below(model, mantle=self._mantle)}{super().path(model, streaming)}"


def below(model: str, *, mantle: bool) -> str:
    """The path below which a model is served; at Mantle, OpenAI's own models have another (P)."""
    vendor, name = facts_of_id(model)
    own = vendor == "openai" and not name.startswith("gpt-oss")
    return "/openai/v1" if own or not mantle else "/v1"
