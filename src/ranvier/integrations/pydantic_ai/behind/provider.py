"""A model of pydantic-ai as a provider behind the layers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.models import Model

from ranvier.errors.configuration import ConfigurationError
from ranvier.integrations.pydantic_ai.behind.answer import answer_of, end_of
from ranvier.integrations.pydantic_ai.behind.conversation import history_of
from ranvier.integrations.pydantic_ai.behind.failures import error_of
from ranvier.integrations.pydantic_ai.behind.media import check_media
from ranvier.integrations.pydantic_ai.behind.pieces import Pieces
from ranvier.integrations.pydantic_ai.behind.settings import check_sendable, parameters_of, settings_of
from ranvier.integrations.pydantic_ai.behind.traits import Traits
from ranvier.messages.response import Response, StreamEvent
from ranvier.providers.function import FunctionProvider

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def provider_of(model: Model, name: str | None, retries_off: bool) -> FunctionProvider:
    """The provider that asks `model`: see `ranvier.providers.from_pydantic_ai`."""
    if not isinstance(model, Model):
        raise ConfigurationError(
            f"from_pydantic_ai({type(model).__name__}): give a Model of pydantic-ai, "
            "such as OpenAIResponsesModel(...)"
        )
    behind = ModelBehind(model)
    if behind.traits.may_retry and not retries_off:
        raise ConfigurationError(
            f"from_pydantic_ai({type(model).__name__}): its class has no max_retries=0, and its SDK may "
            "retry by itself: switch that off in the SDK's client, and say so with retries_off=True"
        )
    named = model.system if name is None else name
    provider = FunctionProvider(
        named,
        behind.complete,
        behind.stream if behind.traits.streams else None,
        partial(error_of, named, model.model_name),
    )
    provider.default_model = model.model_name
    return provider


class ModelBehind:
    """Asks a model of pydantic-ai."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.traits = Traits.of(model)

    async def complete(self, call: Call) -> Response:
        """The whole answer."""
        return answer_of(await model_request(self.model, **self._request_for(call)), call)

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The answer piece by piece."""
        pieces = Pieces(call)
        async with model_request_stream(self.model, **self._request_for(call)) as stream:
            async for event in stream:
                yield pieces.event_of(event)
            yield end_of(stream.get(), call, self.traits.tells_end)

    def _request_for(self, call: Call) -> dict[str, Any]:
        """The request.

        Raises:
            RanvierError: the model cannot be sent all of it; nothing was sent.
        """
        check_sendable(call, self.model.model_name)
        check_media(call, self.traits.refused)
        return {
            "messages": history_of(call),
            "model_settings": settings_of(call, self.model, self.traits),
            "model_request_parameters": parameters_of(call),
        }
