"""A caller's cancellation that a provider swallows: its own error does not lead to further requests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ranvier import Pipeline, ServerError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.providers import FunctionProvider
from ranvier.testing import assert_settled

pytestmark = pytest.mark.virtual_time


class Swallowing:
    """Two targets that turn every cancellation into an error of their own."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        targets = [FunctionProvider(name, self.complete, self.stream) for name in ("one", "two")]
        self.breaker = Breaker(failure_threshold=1)
        self.pipeline = Pipeline(Deadline(60), Fallback(*targets), Retry(), self.breaker, Timeout(5))

    async def complete(self, call: Call) -> str:
        self.asked.append(call.deployment.target)
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise ServerError("aborted", provider=call.deployment.provider.name) from None
        return "never"

    async def stream(self, call: Call) -> AsyncIterator[str]:
        yield await self.complete(call)

    async def ask(self, form: str) -> Any:
        if form == "complete":
            return await self.pipeline.complete("Why?")
        async with self.pipeline.stream("Why?") as answer:
            return await answer.collect()


@pytest.mark.parametrize("form", ["complete", "stream"])
async def test_a_cancellation_that_a_provider_turns_into_an_error_ends_the_call(form: str) -> None:
    """The call is cancelled, nobody is asked again, and no circuit counts it."""
    providers = Swallowing()
    task = asyncio.create_task(providers.ask(form))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert providers.asked == ["one/one"]
    assert [circuit.failures for _, circuit in providers.pipeline.circuits] == [0]
    assert_settled(providers.pipeline)


@pytest.mark.parametrize("form", ["complete", "stream"])
async def test_a_limit_of_the_callers_holds_where_a_provider_makes_an_error_of_it(form: str) -> None:
    """`asyncio.timeout` around the call cancels it only once."""
    providers = Swallowing()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await providers.ask(form)
    assert providers.asked == ["one/one"]


@pytest.mark.parametrize("form", ["complete", "stream"])
async def test_a_limit_of_ours_that_a_provider_makes_an_error_of_leads_on(form: str) -> None:
    """The next target is asked: our own cancellations are not the caller's."""
    providers = Swallowing()
    with pytest.raises(Exception, match="two"):
        await providers.ask(form)
    assert providers.asked == ["one/one", "two/two"]
