"""`Fallback(open=True)`: a call may name any model of a provider that the route has."""

from typing import Any

import pytest

from ranvier import (
    CircuitOpenError,
    ConfigurationError,
    Deployment,
    Image,
    Message,
    NotAllowedError,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    UnknownProviderError,
    Usage,
    resilient,
)
from ranvier.layers import Breaker, Fallback, Retry, SharedCircuits, Throttle, Timeout
from ranvier.layers.fallback import targets
from ranvier.pipeline import Call, Price
from ranvier.pipeline.estimate import of_call
from ranvier.providers import OpenAI, Stub
from ranvier.testing import ScriptedProvider, assert_settled, stall

pytestmark = pytest.mark.virtual_time


class Models(Stub):
    """A provider with any model; some of them are down."""

    def __init__(self, name: str, **down: RanvierError) -> None:
        super().__init__(name=name)
        self.down = down
        self.asked: list[str] = []

    async def complete(self, call: Call) -> Response:
        """The name of the model."""
        model = call.deployment.model
        self.asked.append(model)
        if model in self.down:
            raise self.down[model]
        return Response(model, usage=Usage(1, 1, 2))

    stream = None  # type: ignore[assignment]


def failure(kind: type[Any] = ServerError, **facts: Any) -> Any:
    return kind("no", provider="one", **facts)


# --- where a call may start ----------------------------------------------------------------------


async def test_a_call_goes_to_a_model_that_is_not_listed() -> None:
    """At the provider of the route, with its key and its connections."""
    one, two = Models("one"), Models("two")
    route = Fallback(Deployment(one, "a"), Deployment(two, "b"), open=True)
    async with Pipeline(route) as pipeline:
        for start, target in (("two/new", "two/new"), ("one/org/new:1", "one/org/new:1"), ("two", "two/b")):
            answer = await pipeline.complete("Hi", to=start)
            assert [each.target for each in answer.attempts] == [target]
    assert (one.asked, two.asked) == (["org/new:1"], ["new", "b"])
    assert repr(route) == "Fallback(one/a -> two/b, open=True)"


async def test_the_chain_of_its_provider_follows() -> None:
    """As with a call that starts at the provider; a provider of a chain only is followed by the usual one."""
    down = {name: failure() for name in ("new", "x")}
    one, two, three = Models("one", **down), Models("two", **down), Models("three", **down)
    route = Fallback(
        Deployment(one, "a"),
        Deployment(two, "b"),
        chains={"two": [Deployment(three, "c"), "one/a"]},
        open=True,
    )
    async with Pipeline(route, Retry(0)) as pipeline:
        for start, answered in (("one/x", "one/a"), ("two/new", "two/b"), ("three/x", "one/a")):
            answer = await pipeline.complete("Hi", to=start)
            assert [each.target for each in answer.attempts] == [start, answered]
    assert_settled(pipeline)


async def test_a_listed_target_has_its_options_wherever_a_call_starts() -> None:
    """Also one that is only in the chain of another target."""
    route = Fallback(
        Deployment(Models("one"), "a"),
        chains={"one": [Deployment(Models("three"), "c", context_window=7)]},
        open=True,
    )
    seen = []

    def allow(call: Call, at: Deployment) -> bool:
        seen.append(at.context_window)
        return True

    async with Pipeline(route, allow=allow) as pipeline:
        assert (await pipeline.complete("Hi", to="three/c")).text == "c"
    assert seen[-1] == 7


async def test_without_open_the_error_says_what_to_write() -> None:
    """If the provider is one of the route; else it would not help."""
    async with Pipeline(Fallback(Deployment(Models("one"), "a"), Models("two"))) as pipeline:
        with pytest.raises(
            UnknownProviderError, match=r"accept any model of one with Fallback\(..., open=True\)"
        ):
            await pipeline.complete("Hi", to="one/new")
        for start in ("three/new", "three", "one/", ""):
            with pytest.raises(UnknownProviderError) as caught:
                await pipeline.complete("Hi", to=start)
            assert "open=True" not in str(caught.value)


async def test_with_open_other_names_are_refused() -> None:
    """At once: an unknown provider, no model, and a name that no header could hold."""
    async with Pipeline(Fallback(Models("one"), open=True)) as pipeline:
        for start in ("three/new", "three", "one/", ""):
            with pytest.raises(UnknownProviderError, match="another model of one"):
                pipeline.complete("Hi", to=start)
        for start in ("one/a\nb", "one/" + "x" * 257):
            with pytest.raises(ConfigurationError, match="printable characters"):
                pipeline.complete("Hi", to=start)


# --- the layers ----------------------------------------------------------------------------------


async def test_its_circuit_is_its_own() -> None:
    """A model that fails closes no listed one, although the route lists one model of the provider only."""
    one = Models("one", new=failure(), a=failure())
    pipeline = Pipeline(Fallback(Deployment(one, "a"), open=True), Retry(0), Breaker(failure_threshold=1))
    async with pipeline:
        one.down.pop("a")
        assert (await pipeline.complete("Hi", to="one/new")).text == "a"
        assert pipeline.circuits.state("default", "one/new") == "open"
        assert pipeline.circuits.state("default", "one") == "closed"
        assert (await pipeline.complete("Hi", to="one/new")).story.skips[0].reason == "circuit_open"
        one.down["a"] = failure()
        with pytest.raises(ServerError):
            await pipeline.complete("Hi")
        with pytest.raises(CircuitOpenError):
            await pipeline.complete("Hi")
        assert await pipeline.circuits.reset("default", "one/new")
        assert (await pipeline.complete("Hi", to="one/other")).text == "other"
    assert_settled(pipeline)


async def test_its_gate_is_its_own() -> None:
    """A rate limit of one model stops no other one; a rejected key stops all of them."""
    one = Models("one", new=failure(RateLimitError, retry_after=60, status=429))
    pipeline = Pipeline(Fallback(Deployment(one, "a"), open=True), Retry(0), Throttle(max_wait=0))
    async with pipeline:
        for _ in range(2):
            assert (await pipeline.complete("Hi", to="one/new")).text == "a"
        assert one.asked == ["new", "a", "a"]


async def test_allow_and_prices_see_it() -> None:
    """The function is asked about the model that the call names; a target without a price has no cost."""
    seen: list[tuple[str, float | None]] = []

    def allow(call: Call, deployment: Deployment) -> bool | str:
        seen.append((deployment.target, call.estimated_cost))
        return deployment.model != "dear" or "too dear"

    prices = {"one/cheap": Price(1_000_000, 1_000_000)}
    pipeline = Pipeline(Fallback(Deployment(Models("one"), "a"), open=True), allow=allow, prices=prices)
    async with pipeline:
        answer = await pipeline.complete("Hihi", to="one/dear", max_tokens=2)
        assert answer.text == "a"
        assert [(skip.target, skip.detail) for skip in answer.story.skips] == [
            ("one/dear", "not allowed: too dear")
        ]
        answer = await pipeline.complete("Hihi", to="one/cheap", max_tokens=2)
        assert answer.story.cost(prices) == 2.0
    assert ("one/cheap", 3.0) in seen
    assert ("one/dear", None) in seen
    alone = Pipeline(Fallback(Deployment(Models("one"), "dear2"), open=True), allow=lambda call, at: "no")
    async with alone:
        with pytest.raises(NotAllowedError):
            await alone.complete("Hi", to="one/other")


async def test_what_it_cannot_do_is_known() -> None:
    """By the table of models, before anything is sent."""
    seeing = ScriptedProvider("seeing", ["a cat"])
    route = Fallback(seeing, chains={"seeing": [Deployment(OpenAI("sk-test"), "gpt-5.2")]}, open=True)
    picture = Message("user", ["What is this?", Image("https://example.com/cat.png")])
    async with Pipeline(route) as pipeline:
        answer = await pipeline.complete([picture], to="openai/gpt-3.5-turbo")
        assert answer.text == "a cat"
        assert [skip.target for skip in answer.story.skips] == ["openai/gpt-3.5-turbo"]


async def test_a_silent_one_is_hedged_and_detected() -> None:
    """Its times are learned like those of any target."""
    one = ScriptedProvider("one", [stall(), *["late"] * 3])
    two = ScriptedProvider("two", ["quick"] * 9)
    route = Fallback(Deployment(one, "a"), two, hedge_after=1, reserve=5, open=True)
    async with Pipeline(route, Timeout(60, first_token=20)) as pipeline:
        answer = await pipeline.complete("Hi", to="one/new")
        assert [(each.target, each.outcome) for each in answer.attempts] == [
            ("one/new", "hedge_lost"),
            ("one/a", "succeeded"),
        ]
        assert "one/new: p99 of first content unknown" in str(pipeline)
    assert_settled(pipeline)


def test_the_worst_case_has_one_target_more() -> None:
    """A named model, and then the chain of its provider."""
    listed = Deployment(Models("one"), "a"), Deployment(Models("two"), "b")
    closed, opened = (Pipeline(Fallback(*listed, open=each), Retry(0), Timeout(10)) for each in (False, True))
    assert of_call(closed).attempts == 2
    assert of_call(opened).attempts == 3


async def test_resilient_takes_it() -> None:
    """With patience for models that are not listed, since they may think silently."""
    one = Models("one")
    async with resilient(Deployment(one, "a"), open=True) as pipeline:
        assert (await pipeline.complete("Hi", to="one/new")).text == "new"
        timeout = next(layer for layer in pipeline.layers if isinstance(layer, Timeout))
        assert timeout.limits_at(Deployment(one, "new")).first_token == 120
        assert timeout.limits_at(Deployment(one, "a")).first_token == 20


# --- bounds --------------------------------------------------------------------------------------


async def test_a_million_models_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recently used is forgotten; one that is in use goes on."""
    monkeypatch.setattr(targets, "MAX_UNLISTED", 5)
    monkeypatch.setattr("ranvier.layers.breaker.shared.targets.MAX_TARGETS", 8)
    one = Models("one", bad=failure())
    breaker = Breaker(failure_threshold=1, max_circuits=7, shared=SharedCircuits(votes=2))
    route = Fallback(Deployment(one, "a"), hedge_after=5, reserve=5, open=True)
    async with Pipeline(route, Retry(0), Throttle(), breaker, Timeout(60)) as pipeline:
        await pipeline.complete("Hi")
        for number in range(100):
            assert (await pipeline.complete("Hi", to=f"one/m{number}")).text == f"m{number}"
            assert (await pipeline.complete("Hi", to="one/kept")).text == "kept"
        known = [each.target for each in route.deployments()]
        assert known == ["one/a", "one/m96", "one/m97", "one/m98", "one/m99", "one/kept"]
        assert len(pipeline.circuits) <= 7
        shared = [each.target for each in pipeline.circuits.shared]
        assert len(shared) <= 9
        assert "one/a" in shared
        assert "one/m99" in shared
    assert_settled(pipeline)
