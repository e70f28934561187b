"""The simulator's answers, read by the official SDKs over real sockets, beside our adapters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ranvier.simulator import CallTool, Say, Simulator
from support.oracles.answers import our_reading
from support.oracles.asking_both import (
    ADAPTERS,
    MODELS,
    SIMULATED,
    Question,
    calling,
    formed,
    limited,
    plain,
    thinking,
)
from support.oracles.vendors import KEY, READING

pytestmark = pytest.mark.once

CUT_SHORT = ("length", "max_tokens", "MAX_TOKENS", "max_output_tokens")
THINK_UNASKED = {"kimi", "glm"}
THINK_ALOUD = {"anthropic", "gemini", "openrouter", "responses", *THINK_UNASKED}
"""Not OpenAI's models in chat completions, which think to themselves."""

GIVES_NO_IDS = {"gemini"}
UNLIKE = {"glm": {"id"}}
"""Fields that differ between two requests: in GLM's ids stands the second in which they were made."""

SERVED = [provider for provider in READING if SIMULATED.get(provider, provider) in Simulator().urls]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("question", [plain, limited, thinking, calling, formed])
@pytest.mark.parametrize("provider", SERVED)
async def test_both_read_the_same(provider: str, question: Callable[[str], Question], streamed: bool) -> None:
    """What the simulator says to the vendor's SDK is what it says to our adapter, field by field."""
    request, options, fields = question(provider)
    thoughtful = THINK_ALOUD if question is thinking else THINK_UNASKED
    model, at = MODELS[provider], SIMULATED.get(provider, provider)
    async with Simulator(seed=1) as sim, READING[provider](sim.url(at)) as sdk:
        official = await sdk(model=model, streamed=streamed, **fields)
        assert [exchange.refused for exchange in sim.requests] == [None]
    async with Simulator(seed=1) as sim, our_reading(ADAPTERS[provider], sim.url(at)) as adapter:
        own = await adapter(
            request=request,
            model=model,
            streamed=streamed,
            options=options,
            key=KEY,
            body=b"" if provider in GIVES_NO_IDS else None,
        )
    assert own.unlike(official).keys() <= UNLIKE.get(provider, set())
    assert len(own.id or "") == len(official.id or "") > 0
    assert bool(official.tools) == (question is calling)
    assert bool(official.text) == (question is not calling)
    assert (official.finish in CUT_SHORT) == (question is limited)
    assert bool(official.reasoning) == (provider in thoughtful)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", SERVED)
async def test_both_read_what_a_script_says(provider: str, streamed: bool) -> None:
    """Words that are not ASCII, thoughts before them and two calls after them arrive in one answer."""
    request, options, fields = thinking(provider)
    calls = CallTool("now", {"zone": "UTC"}, "Voilà 🧠.") & CallTool("off")
    said = Say("Voilà 🧠.", reasoning="Hm, ja.") & calls
    model, body = MODELS[provider], b"" if provider in GIVES_NO_IDS else None
    at = SIMULATED.get(provider, provider)
    async with Simulator(seed=1) as sim, READING[provider](sim.url(at)) as sdk:
        sim.play(at, said)
        official = await sdk(model=model, streamed=streamed, **fields)
    async with Simulator(seed=1) as sim, our_reading(ADAPTERS[provider], sim.url(at)) as adapter:
        sim.play(at, said)
        how = {"model": model, "streamed": streamed, "options": options, "key": KEY, "body": body}
        own = await adapter(request=request, **how)
    assert own.unlike(official).keys() <= UNLIKE.get(provider, set())
    assert (official.text, official.reasoning) == ("Voilà 🧠.", "Hm, ja.")
    assert [call[1:] for call in official.tools] == [("now", {"zone": "UTC"}), ("off", {})]
