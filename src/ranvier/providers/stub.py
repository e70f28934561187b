"""A provider that makes no network request: a last-resort fallback, and handy in examples."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import InvalidResponseError
from ranvier.messages.characters import whole_characters
from ranvier.messages.message import Text
from ranvier.messages.response import FinishReason, Response, StreamEvent
from ranvier.messages.usage import Usage
from ranvier.providers.function_errors import kind_of

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


NO_TOKENS = Usage()
"""The usage of each answer: nothing is sent to a model."""


class Stub:
    """Answers every call immediately with a fixed text: `Fallback(..., Stub("We will be back soon."))`.

    Args:
        reply: The answer text, or a synchronous function that returns it for a `Call`.
        name: The provider name, used in targets and circuits.

    Raises:
        ConfigurationError: `reply` is neither a str nor callable, or is `async def`.
    """

    needs_credential = False
    default_model = "stub"

    def __init__(
        self, reply: str | Callable[[Call], str] = "No model is available to answer.", *, name: str = "stub"
    ) -> None:
        if inspect.iscoroutinefunction(reply):
            raise ConfigurationError("reply is `async def`: make it a plain function, which answers at once")
        if not isinstance(reply, str) and not callable(reply):
            raise ConfigurationError(f"reply={reply!r:.80}: give a text, or a function from a Call to a text")
        self.name = validation.identifier("name", name)
        self._reply = whole_characters(reply) if isinstance(reply, str) else reply

    def __repr__(self) -> str:
        return f"Stub(name={self.name!r})"

    async def complete(self, call: Call) -> Response:
        """Return the reply as one response."""
        reply = self._answer(call)
        return Response(
            text=reply,
            raw_finish_reason="stop",
            usage=NO_TOKENS,
            model=call.deployment.model,
            provider=self.name,
            parts=(Text(reply),) if reply else (),
        )

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """Yield the reply word by word."""
        for word in re.findall(r"\s*\S+\s*$|\s*\S+", self._answer(call)):
            yield StreamEvent(text=word)
        yield StreamEvent(finish_reason=FinishReason.STOP, raw_finish_reason="stop", usage=NO_TOKENS)

    def _answer(self, call: Call) -> str:
        if isinstance(self._reply, str):
            return self._reply
        reply: object = self._reply(call)
        if isinstance(reply, str):
            return whole_characters(reply)
        raise InvalidResponseError(
            f"{self.name}: reply returned a {kind_of(reply)}: return a str",
            provider=self.name,
            model=call.deployment.model,
        )
