"""The option `reasoning`, from the call to the answer, at every simulated provider."""

import pytest

from ranvier import Deployment, Pipeline
from ranvier.layers import Fallback
from ranvier.providers import Ollama
from support.simulator.asking_adapters import ASKED, WAYS, asking

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("one_tls_context")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("provider", ASKED)
async def test_thoughts_are_shown_or_there_are_none(sim, provider, way):
    """Whole and streamed; the models of OpenAI show none in chat completions."""
    async with asking(sim, provider) as ask:
        thoughtful = await ask(way, reasoning="high", reasoning_summary=True, max_tokens=40_000)
        assert bool(thoughtful.reasoning) is (provider not in ("openai", "azure"))
        assert thoughtful.text
        quick = await ask(way, reasoning="off", reasoning_summary=True, cache=True, seed=1)
        assert not quick.reasoning
        assert quick.text
    assert [exchange.refused for exchange in sim.requests] == [None, None]


async def test_a_model_that_does_not_think_is_asked_once_more_without_it(sim):
    """Ollama says so itself; from then on nothing is sent for it."""
    target = Deployment(Ollama(base_url=sim.url("ollama")), "llama3")
    async with Pipeline(Fallback(target)) as pipeline:
        for _ in range(2):
            assert (await pipeline.complete("Why?", reasoning="high")).text
    assert [exchange.refused is None for exchange in sim.requests] == [False, True, True]
    assert "think" not in sim.requests[-1].body
