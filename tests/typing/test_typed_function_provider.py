"""Functions behind the same layers: whole, streamed, and errors of another library."""

from collections.abc import AsyncIterator
from typing import Any, assert_type

from ranvier import Pipeline, RanvierError, RateLimitError, Response, StreamEvent, resilient
from ranvier.layers import Fallback, Retry
from ranvier.pipeline import Call
from ranvier.providers import FunctionProvider


class BusyError(Exception):
    """Of a library that calls a model for us."""


async def ask(call: Call) -> str:
    if call.attempt == 1:
        raise BusyError
    return f"hello, {call.tenant}"


async def ask_fully(call: Call) -> Response:
    return Response("hello", provider="mine")


async def steps(call: Call) -> AsyncIterator[str]:
    yield "hel"
    yield "lo"


async def events(call: Call) -> AsyncIterator[StreamEvent]:
    yield StreamEvent(text="hello")


def classify(error: BaseException) -> RanvierError | None:
    return RateLimitError("busy", provider="mine", retry_after=0.01) if isinstance(error, BusyError) else None


def client_of(settings: dict[str, Any]) -> FunctionProvider:
    """A closure is a function too."""

    async def complete(call: Call) -> str:
        return str(settings["answer"])

    return FunctionProvider("closure", complete)


async def test_functions_answer() -> None:
    """After a retry, at a later target, and as a stream."""
    mine = FunctionProvider("mine", ask, steps, classify)
    pipeline = Pipeline(Fallback(mine, FunctionProvider("full", ask_fully, stream=events)), Retry(2))
    answer = await pipeline.complete("Hi", tenant="acme")
    assert_type(answer.attempts[0].outcome, str)
    assert answer.text == "hello, acme"
    assert [attempt.outcome for attempt in answer.attempts] == ["rate_limit", "succeeded"]
    for target in ("mine", "full"):
        async with pipeline.stream("Hi", to=target) as stream:
            assert (await stream.collect()).text == "hello"
    assert (await resilient(client_of({"answer": 5})).complete("Hi")).text == "5"
