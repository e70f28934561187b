"""Which error is retried, which counts, and which goes on to the next target: the table, as one test."""

import inspect
from dataclasses import dataclass, field
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    AuthenticationError,
    ConnectionFailedError,
    ContentFilterError,
    ContextLengthError,
    DeadlineExceededError,
    InvalidRequestError,
    InvalidResponseError,
    LayerError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    Pipeline,
    ProviderError,
    QuotaExceededError,
    RanvierError,
    RateLimitError,
    RejectedError,
    ServerError,
    StreamInterruptedError,
    UnsupportedRequestError,
)
from ranvier.layers import Breaker, Fallback, Retry
from ranvier.testing import ScriptedProvider, broken, cut, stream
from support.scenes import time

pytestmark = pytest.mark.virtual_time

RETRIES = 2


@dataclass
class Row:
    """An error, and what has to follow from it."""

    error: BaseException
    retried: bool
    counts: bool
    goes_on: bool
    retry: dict[str, Any] = field(default_factory=dict)
    fallback: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        settings = "".join(f"-{name}" for name in (*self.retry, *self.fallback))
        return f"{type(self.error).__name__}{getattr(self.error, 'phase', '')}{settings}"


def of(kind: type[ProviderError], **facts: Any) -> ProviderError:
    return kind("it failed", provider="first", **facts)


def slow(phase: str) -> AttemptTimeoutError:
    return AttemptTimeoutError("too slow", phase=phase, provider="first")


def all_kinds(kind: type[RanvierError]) -> set[type[RanvierError]]:
    """A class of errors and all below it."""
    return {kind}.union(*(all_kinds(each) for each in kind.__subclasses__()))


def refusal(kind: Any) -> RejectedError:
    """One that we raise ourselves, before anything is sent."""
    whose = {"tenant", "provider"} & set(inspect.signature(kind).parameters)
    return kind("refused", **dict.fromkeys(whose, "first"))


ON_TIMEOUT = {"on_timeout": True}
TABLE = [
    Row(of(ConnectionFailedError), True, True, True),
    Row(of(ServerError), True, True, True),
    Row(of(OverloadedError), True, True, True),
    Row(of(InvalidResponseError), True, True, True),
    Row(slow("connect"), True, True, True),
    Row(slow("first_token"), False, True, True),
    Row(slow("idle"), False, True, True),
    Row(slow("attempt"), False, True, True),
    Row(slow("first_token"), True, True, True, retry=ON_TIMEOUT),
    Row(slow("idle"), True, True, True, retry=ON_TIMEOUT),
    Row(slow("attempt"), True, True, True, retry=ON_TIMEOUT),
    Row(of(RateLimitError), True, False, True),
    Row(of(RateLimitError, retry_after=31.0), False, False, True),
    Row(of(QuotaExceededError), False, False, True),
    Row(of(QuotaExceededError, retry_after=1.0), False, False, True),
    Row(of(AuthenticationError), False, False, True),
    Row(of(PermissionDeniedError), False, False, True),
    Row(of(ModelNotFoundError), False, False, True),
    Row(of(UnsupportedRequestError), False, False, True),
    Row(of(InvalidRequestError), False, False, False),
    Row(of(InvalidRequestError), False, False, True, fallback={"on_invalid_request": True}),
    Row(of(InvalidRequestError), False, False, False, fallback={"on_content_filter": True}),
    Row(of(ContextLengthError), False, False, True),
    Row(of(ContentFilterError), False, False, False),
    Row(of(ContentFilterError), False, False, True, fallback={"on_content_filter": True}),
    Row(of(ContentFilterError), False, False, False, fallback={"on_invalid_request": True}),
    *(Row(refusal(kind), False, False, True) for kind in sorted(all_kinds(RejectedError), key=str)),
    Row(DeadlineExceededError("out of time"), False, False, False),
    Row(LayerError("it failed", "Cache"), False, False, False),
    Row(ValueError("a bug"), False, False, False),
]


class Scene:
    """Two targets, of which the first always fails."""

    def __init__(self, row: Row, script: Any) -> None:
        self.first = ScriptedProvider("first", [script])
        self.second = ScriptedProvider("second")
        self.breaker = Breaker(failure_threshold=100)
        self.pipeline = Pipeline(
            Fallback(self.first, self.second, **row.fallback),
            Retry(max_retries=RETRIES, base_delay=0, **row.retry),
            self.breaker,
        )

    def assert_followed(self, row: Row) -> None:
        attempts = 1 + RETRIES * row.retried
        assert len(self.first.calls) == attempts
        assert len(self.second.calls) == row.goes_on
        circuit = dict(self.breaker.circuits)["default", "first"]
        assert (circuit.failures, circuit.in_flight) == (attempts * row.counts, 0)
        assert time() == 0


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_what_follows_from_an_error(row: Row, way: str) -> None:
    """Retried at the same target, counted by the circuit, taken to the next target: for both ways alike."""
    scene = Scene(row, row.error)

    async def ask() -> str:
        if way == "complete":
            return (await scene.pipeline.complete("Why?")).provider
        async with scene.pipeline.stream("Why?") as answer:
            return (await answer.collect()).provider

    if row.goes_on:
        assert await ask() == "second"
    else:
        with pytest.raises(type(row.error)) as failure:
            await ask()
        assert type(failure.value) is type(row.error)
    scene.assert_followed(row)


@pytest.mark.parametrize("end", [broken(), cut(), of(OverloadedError, in_stream=True)])
async def test_what_follows_from_a_stream_that_breaks_before_its_hand_out(end: Exception) -> None:
    """It is an error like any other."""
    row = Row(end, True, True, True)
    scene = Scene(row, stream(end))
    async with scene.pipeline.stream("Why?") as answer:
        assert (await answer.collect()).provider == "second"
    scene.assert_followed(row)


@pytest.mark.parametrize(
    ("end", "counts"),
    [(broken(), True), (cut(), True), (of(RateLimitError), False), (ValueError("?"), False)],
)
async def test_what_follows_from_a_stream_that_breaks_after_its_hand_out(
    end: Exception, counts: bool
) -> None:
    """Nothing is repeated; it counts as the kind underneath does."""
    row = Row(end, False, counts, False)
    scene = Scene(row, stream("one", end))
    async with scene.pipeline.stream("Why?") as answer:
        with pytest.raises(StreamInterruptedError) as failure:
            await answer.collect()
    assert failure.value.counts_against_provider is counts
    assert failure.value.reason == getattr(end, "kind", "unknown")
    scene.assert_followed(row)


def test_the_table_leaves_out_no_error_that_a_call_can_end_with() -> None:
    """A new error needs a row."""
    told = {type(row.error) for row in TABLE} | {StreamInterruptedError}
    untold = {each.__name__ for each in all_kinds(RanvierError) - told if not each.__name__.startswith("_")}
    assert untold == {
        "RanvierError",
        "TimedOutError",
        "ProviderError",
        "AllDeploymentsFailedError",
        "ConfigurationError",
        "HedgeLostError",  # never leaves the route
        "StoreError",  # never leaves the fleet
        "InvalidDumpError",
        "LayerOrderError",
        "UnknownProviderError",
    }
