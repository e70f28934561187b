"""Questions to the simulator through the real adapters, without layers that would hide a failure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from ranvier import Deployment, Pipeline, Tool
from ranvier.layers import Fallback, Timeout
from ranvier.messages import Response
from ranvier.providers import Bedrock, OpenAI, adapter
from ranvier.simulator import Simulator
from support.providers.azure_apis import ByKey
from support.providers.vertex_apis import ClaudeAtVertex, GeminiAtVertex
from support.simulator.talking import WIRES

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [Tool("get_weather", "Weather by city", CITY), Tool("get_time", "Time by city", CITY)]

RESPONSES = "openai-responses"
"""OpenAI by its Responses API: a compatible server, as far as the simulator is concerned."""

BEDROCK = "bedrock"
"""Bedrock by Converse."""

VERTEX_CLAUDE = "vertex-claude"
"""Claude at Vertex."""

AZURE_RESPONSES = "azure-responses"
"""Azure by the Responses API."""

ASKED = (*WIRES, RESPONSES, VERTEX_CLAUDE, AZURE_RESPONSES, BEDROCK)
"""Everything that an adapter speaks."""

THINKING: dict[str, dict[str, Any]] = {
    "anthropic": {"thinking": {"type": "adaptive"}},
    "openai": {"reasoning_effort": "low"},
    "gemini": {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
    "kimi": {},
    "glm": {},
    "openrouter": {"reasoning": {"effort": "low"}},
    "ollama": {"think": True},
    RESPONSES: {"reasoning": {"effort": "low", "summary": "auto"}},
    BEDROCK: {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1_024}}},
    "vertex": {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
    VERTEX_CLAUDE: {"thinking": {"type": "adaptive"}},
    "azure": {},
    AZURE_RESPONSES: {"reasoning": {"effort": "low", "summary": "auto"}},
}
"""What makes each provider show its reasoning; OpenAI never does in chat completions."""

MODELS = {
    "openai": "gpt-5.1",
    "openrouter": "anthropic/claude-sonnet-5",
    BEDROCK: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}
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
    own = {
        RESPONSES: partial(OpenAI, name=RESPONSES, api="responses"),
        "azure": ByKey,
        AZURE_RESPONSES: partial(ByKey, name=AZURE_RESPONSES, api="responses"),
        "vertex": GeminiAtVertex,
        VERTEX_CLAUDE: ClaudeAtVertex,
        BEDROCK: lambda key, **given: Bedrock("us-east-1", api="converse", api_key=key, **given),
    }
    return own.get(provider) or adapter(provider)


@asynccontextmanager
async def asking(
    sim: Simulator, provider: str, *, options: Any = None, limits: Timeout = PATIENT
) -> AsyncIterator[Asking]:
    """Somebody to ask `provider`, with wire fields of their own and so much patience."""
    target = speaker(provider)("sk-simulated-9999", base_url=sim.url(provider))
    deployment = Deployment(target, MODELS.get(provider), options=options)
    async with Pipeline(Fallback(deployment), limits) as pipeline:
        yield Asking(pipeline)


assert set(THINKING) == set(ASKED)
