"""A thousand calls of one tenant against a provider that says "come back in two seconds"."""

import asyncio
from typing import Any

import pytest

from ranvier import Deployment, Pipeline, RateLimitError, ThrottledError, resilient
from ranvier.layers import Breaker, Fallback, Throttle
from ranvier.pipeline.call import Call
from ranvier.providers import OpenAI
from ranvier.simulator import Simulator, Status
from ranvier.testing import ScriptedProvider, after

CALLS = 1000
WAIT = 2.0
CONNECTIONS = 50

LIMITED = RateLimitError("slow down", provider="one", retry_after=WAIT)


def gaps_after_the_first_answer(sent: list[float], answered: float) -> list[float]:
    """Seconds between one request and the next, of those that were sent after the first refusal was read."""
    later = sorted(moment for moment in sent if moment > answered)
    return [after - before for before, after in zip([answered, *later], later, strict=False)]


@pytest.mark.virtual_time
@pytest.mark.parametrize("keys", [1, 2])
async def test_after_the_first_answer_one_request_per_key_finds_out_whether_the_storm_is_over(
    keys: int,
) -> None:
    """Every two seconds, with each key; whoever else waits is neither sent nor counted by the circuit."""
    sent: list[tuple[str | None, float]] = []

    def refuse(call: Call) -> Any:
        sent.append((call.credential, asyncio.get_running_loop().time()))
        return after(0.1, LIMITED)

    provider = ScriptedProvider("one", refuse)
    provider.slots = asyncio.Semaphore(CONNECTIONS)
    names = [f"key-{number}" for number in range(keys)]
    pipeline = resilient(provider, credentials=lambda tenant, name: names)
    calls = [pipeline.complete("Why?", tenant="acme", deadline=30) for _ in range(CALLS)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in ended} <= {RateLimitError, ThrottledError}
    for name in names:
        moments = [moment for key, moment in sent if key == name]
        assert min(gaps_after_the_first_answer(moments, 0.1)) >= WAIT
    assert len(sent) <= CONNECTIONS + keys * 30 / WAIT
    assert pipeline.circuits.state("acme", "one") == "closed"


@pytest.mark.integration
@pytest.mark.once
async def test_over_real_sockets_the_storm_stops_after_the_first_answer() -> None:
    """The provider's own log shows it, for two keys of one tenant, while the next target serves everybody."""
    async with Simulator() as simulator:
        simulator.always("openai", Status(429, retry_after=WAIT))
        limited = OpenAI(base_url=simulator.url("openai"), max_connections=CONNECTIONS)
        rescue = ScriptedProvider("rescue", lambda call: "fine")
        pipeline = Pipeline(
            Fallback(Deployment(limited, "gpt-5.2"), rescue),
            Throttle(max_wait=WAIT + 1),
            Breaker(failure_threshold=1),
            credentials=lambda tenant, name: ["key-1", "key-2"],
        )
        async with pipeline:
            answers = await asyncio.gather(*(pipeline.complete("Why?", tenant="acme") for _ in range(CALLS)))
            assert pipeline.circuits.state("acme", "openai") == "closed"
        log = list(simulator.requests)
    assert {answer.text for answer in answers} == {"fine"}
    # What each key had sent when its first answer came, and one request of each after two seconds.
    assert len(log) <= 2 * CONNECTIONS + 2
    assert {exchange.key for exchange in log} == {"key-1", "key-2"}
