"""Options that are named once for all providers: type checkers know their values."""

import pytest

from ranvier import ConfigurationError, Pipeline, Request, resilient
from ranvier.testing import ScriptedProvider


async def ask(pipeline: Pipeline) -> str:
    first = await pipeline.complete("Hi", reasoning="high", reasoning_summary=True, seed=7)
    async with pipeline.stream("Hi", reasoning=5_000, cache="1h", cache_key="acme") as stream:
        second = (await stream.collect()).text
    third = await pipeline.complete("Hi", reasoning=None, cache=True, keep_raw=True)
    return first.text + second + third.text


async def test_options_are_taken() -> None:
    """By a whole answer and by a stream."""
    provider = ScriptedProvider("anthropic", ["a", "b", "c"])
    assert await ask(resilient(provider)) == "abc"
    request: Request = provider.calls[1].request
    assert (request.reasoning, request.cache, request.cache_key) == (5_000, "1h", "acme")


def test_other_values_are_errors_to_type_checkers_too() -> None:
    """At run time the error names what to give."""
    pipeline = resilient(ScriptedProvider("anthropic"))
    with pytest.raises(ConfigurationError, match="give one of 'off', 'minimal'"):
        pipeline.complete("Hi", reasoning="much")  # type: ignore[arg-type, unused-coroutine]  # because: it is the mistake
    with pytest.raises(ConfigurationError, match="give True, or a time out of '5m'"):
        pipeline.stream("Hi", cache="2h")  # type: ignore[arg-type]  # because: it is the mistake
