"""Questions to the simulator through the real adapters, without layers that would hide a failure."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

from ranvier import Deployment, Pipeline, Tool
from ranvier.layers import Fallback, Timeout
from ranvier.messages import Response
from ranvier.providers import ADAPTERS, OpenAI, adapter
from ranvier.simulator import Simulator

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [Tool("get_weather", "Weather by city", CITY), Tool("get_time", "Time by city", CITY)]

RESPONSES = "openai-responses"
"""OpenAI by its Responses API: a compatible server, as far as the simulator is concerned."""


class Asked(NamedTuple):
    """How a provider is asked.

    Attributes:
        thinking: The options that make it show its reasoning.
        opaque: What stands in a request with reasoning that only its issuer accepts.
        model: The model; `None` is the provider's default.
        made: What makes the adapter, of a key and a `base_url`; `None` is the adapter of that name.
        key_is_account: Another key is another account; false where tokens come and go within a project.
    """

    thinking: dict[str, Any]
    opaque: tuple[str, ...] = ()
    model: str | None = None
    made: Callable[..., Any] | None = None
    key_is_account: bool = True


ALL_ASKED = {
    "anthropic": Asked({"thinking": {"type": "adaptive"}}, ('"type": "thinking"', '"signature": "sig-')),
    "openai": Asked({"reasoning_effort": "low"}, model="gpt-5.1"),  # it never shows any in chat completions
    "gemini": Asked(
        {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}, ('"thoughtSignature": "c2ln',)
    ),
    "kimi": Asked({}),
    "glm": Asked({}),
    "openrouter": Asked(
        {"reasoning": {"effort": "low"}},
        ('"reasoning_details"', '"signature": "sig-'),
        "anthropic/claude-sonnet-5",
    ),
    "ollama": Asked({"think": True}),
    RESPONSES: Asked(
        {"reasoning": {"effort": "low", "summary": "auto"}},
        ('"encrypted_content": "gAAA',),
        made=partial(OpenAI, name=RESPONSES, api="responses"),
    ),
}
"""Everything that an adapter speaks, by the name of the simulated provider: a row here is tested with all."""

assert set(ADAPTERS) <= set(ALL_ASKED), "an adapter is missing: how is it asked at the simulator?"

ASKED = tuple(ALL_ASKED)
THINKING = {name: each.thinking for name, each in ALL_ASKED.items()}
OPAQUE = {name: each.opaque for name, each in ALL_ASKED.items()}
MODELS = {name: each.model for name, each in ALL_ASKED.items()}
WAYS = ("whole", "streamed")
PATIENT = Timeout(seconds=5)


class Asking:
    """Asks one provider; what fails is raised as it is."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def __call__(self, way: str, prompt: Any = "Why?", **options: Any) -> Response:
        """The answer, `whole` or `streamed`; a stream is read to its end."""
        if way == "whole":
            return await self._pipeline.complete(prompt, **options)
        async with self._pipeline.stream(prompt, **options) as answer:
            async for _ in answer:
                pass
        assert answer.response is not None
        return answer.response


def speaker(provider: str) -> Any:
    """What makes the adapter of a provider."""
    return ALL_ASKED[provider].made or adapter(provider)


@asynccontextmanager
async def asking(
    sim: Simulator,
    provider: str,
    *,
    options: Any = None,
    limits: Timeout = PATIENT,
    key: str = "sk-simulated-9999",
) -> AsyncIterator[Asking]:
    """Somebody to ask `provider`, with wire fields of their own and so much patience."""
    target = speaker(provider)(key, base_url=sim.url(provider))
    deployment = Deployment(target, MODELS.get(provider), options=options)
    async with Pipeline(Fallback(deployment), limits) as pipeline:
        yield Asking(pipeline)
