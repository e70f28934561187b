"""The simulator's answers have the headers that the real providers send, and every engine passes them on."""

import json
import math
from typing import Any

import pytest

from ranvier import Deployment, Pipeline
from ranvier.layers import Fallback, Pacing, Timeout
from ranvier.messages import Response
from ranvier.simulator import Simulator, Status
from support.simulator.asking_adapters import ASKED, MODELS, WAYS, speaker
from support.simulator.talking import Talk

pytestmark = [pytest.mark.once, pytest.mark.integration]

KEY = "sk-simulated-9999"

REQUEST_IDS = {
    "anthropic": "req_011",
    "openai": "req_",
    "openai-responses": "req_",
    "kimi": "req_",
    "openrouter": "gen-",
    "vertex-claude": "req_",
    "azure": "req_",
    "azure-responses": "req_",
    "bedrock": "0000",
    "glm": "",
    "ollama": "",
}
"""How the id of a request begins; Gemini sends none."""

OF_OPENAI = ("openai", "openai-responses", "azure", "azure-responses")

RESPONSES = ("openai-responses", "azure-responses")

TIERS = {"anthropic": "standard", **dict.fromkeys(OF_OPENAI, "default")}


async def ask(sim: Simulator, name: str, engine: str, way: str, **options: Any) -> Response:
    """The answer of the provider, by that engine."""
    provider = speaker(name)(KEY, base_url=sim.url(name), engine=engine)
    stack = Fallback(Deployment(provider, MODELS.get(name))), Pacing(), Timeout(5)
    async with Pipeline(*stack) as pipeline:
        if way == "whole":
            return await pipeline.complete("Why?", **options)
        async with pipeline.stream("Why?", **options) as stream:
            return await stream.collect()


@pytest.mark.parametrize("engine", ["aiohttp", "httpx"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ASKED)
async def test_answers_have_the_id_and_the_limits(
    sim: Simulator, one_tls_context: None, name: str, way: str, engine: str
) -> None:
    """Of OpenAI and Anthropic; the others say nothing of limits, and Gemini has no ids."""
    response = await ask(sim, name, engine, way)
    begins = REQUEST_IDS.get(name)
    assert (response.request_id is None) == (begins is None)
    assert (response.request_id or "").startswith(begins or "")
    assert response.attempts[-1].request_id == response.request_id
    assert response.headers["content-type"]
    assert all(header == header.lower() for header in response.headers)
    assert KEY not in str(response.headers)
    limits = response.rate_limit
    if name not in ("anthropic", *OF_OPENAI):
        assert limits is None
        return
    assert limits is not None
    one = 1 if name == "anthropic" else 0.006
    assert limits.requests is not None
    assert limits.tokens is not None
    assert limits.requests.reset == pytest.approx(one, abs=1)
    for each in (limits.requests, limits.tokens):
        assert each.limit is not None
        assert each.remaining is not None
        assert 0 < each.remaining < each.limit
        assert each.reset is not None
        assert math.isfinite(each.reset)
    assert (limits.input_tokens is not None) == (name == "anthropic")
    assert response.service_tier == TIERS[name]


@pytest.mark.parametrize("engine", ["aiohttp", "httpx"])
@pytest.mark.parametrize("name", ASKED)
async def test_the_raw_answer_is_what_was_sent(
    sim: Simulator, one_tls_context: None, name: str, engine: str
) -> None:
    """Whole, and the events of a stream that are kept add up to the same words."""
    whole = await ask(sim, name, engine, "whole")
    assert whole.text[:9] in json.dumps(whole.raw, ensure_ascii=False)
    assert (await ask(sim, name, engine, "streamed")).raw is None or name in RESPONSES
    kept = (await ask(sim, name, engine, "streamed", keep_raw=True)).raw
    assert isinstance(kept, dict if name in RESPONSES else list)
    assert len(kept) > 3


async def test_an_error_tells_only_its_own_limits(sim: Simulator, talk: Talk) -> None:
    """What is left according to an answer is not sent with a refusal."""
    sim.play("openai", Status(429, retry_after=2))
    reply = await talk("openai")
    assert reply.response.headers.get_list("x-ratelimit-remaining-requests") == ["0"]
    assert "x-ratelimit-remaining-tokens" not in reply.response.headers
    sim.play("anthropic", Status(500))
    assert not [name for name in (await talk("anthropic")).response.headers if "ratelimit" in name]
