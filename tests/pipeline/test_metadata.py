"""`metadata=`: labels of the caller's own, which go everywhere but to a provider."""

from contextlib import suppress
from typing import Any

import httpx
import pytest

from ranvier import (
    ConfigurationError,
    Message,
    Pipeline,
    Request,
    Response,
    ServerError,
    SpendLimitExceededError,
    Usage,
)
from ranvier.events import (
    AttemptEnded,
    CallEnded,
    CallRejected,
    Event,
    FallbackTaken,
    RegistryFull,
    RetryScheduled,
)
from ranvier.layers import Breaker, Fallback, Retry, SpendLimit
from ranvier.messages.build import build_request
from ranvier.pipeline import Price
from ranvier.testing import ScriptedProvider
from support.providers.asking import opened
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

LABELS: dict[str, str | float] = {"feature": "search", "user": 7, "trial": True, "weight": 0.5}


def failing(name: str) -> ScriptedProvider:
    return ScriptedProvider(name, [ServerError("no", provider=name, status=500)] * 9)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_events_and_the_story_have_it(streamed: bool) -> None:
    """Those of retries, fallbacks, attempts and the end of the call."""
    events: list[Event] = []
    stack = Fallback(failing("one"), ScriptedProvider("two", ["fine"] * 9)), Retry(1)
    async with Pipeline(*stack) as pipeline:
        pipeline.events.add(events.append, verbose=True)
        if streamed:
            async with pipeline.stream("Hi", metadata=LABELS) as stream:
                answer = await stream.collect()
        else:
            answer = await pipeline.complete("Hi", metadata=LABELS)
        assert answer.story is not None
        assert answer.story.metadata == LABELS
        assert "  feature=search, user=7, trial=True, weight=0.5\n" in answer.explain()
        seen = {type(event): event.metadata for event in events}
        assert seen.keys() >= {RetryScheduled, FallbackTaken, AttemptEnded, CallEnded}
        assert all(metadata == LABELS for metadata in seen.values())
        without = await pipeline.complete("Hi")
        assert without.story is not None
        assert without.story.metadata == {}
        assert events[-1].metadata == {}


async def test_events_about_a_single_call_have_it() -> None:
    """Whichever layer emits them: a spend limit that no target fits, and a registry that is full."""
    events: list[Event] = []
    targets = Fallback(ScriptedProvider("one", ["fine"] * 9))
    for layers in ((SpendLimit(1, 60), targets), (targets, Breaker(max_circuits=1, failure_threshold=1))):
        pipeline = Pipeline(*layers, listeners=[events.append])
        if not isinstance(layers[0], SpendLimit):
            await pipeline.circuits.isolate("acme", "one")
        with suppress(SpendLimitExceededError):
            await pipeline.complete("Hi", tenant="globex", metadata=LABELS)
    seen = {type(event): event.metadata for event in events if event.tenant == "globex"}
    assert seen == {CallRejected: LABELS, RegistryFull: LABELS}


async def test_a_stream_that_is_entered_again_keeps_it() -> None:
    """Each use of it is a call of its own."""
    async with Pipeline(Fallback(ScriptedProvider("one", ["fine"] * 9))) as pipeline:
        pending = pipeline.stream("Hi", metadata=LABELS)
        for _ in range(2):
            async with pending as stream:
                answer = await stream.collect()
            assert answer.story is not None
            assert answer.story.metadata == LABELS


async def test_an_error_explains_it() -> None:
    """As an answer does."""
    async with Pipeline(Fallback(failing("one"))) as pipeline:
        with pytest.raises(ServerError) as caught:
            await pipeline.complete("Hi", metadata=LABELS)
    assert "feature=search" in caught.value.explain()
    assert "search" not in str(caught.value)


@pytest.mark.parametrize("provider", APIS)
async def test_no_provider_is_sent_it(provider: str) -> None:
    """The request is the same as without it."""
    plain = Request((Message.user("Hi"),))
    labelled = build_request(plain, {"metadata": {"feature": "the label"}})
    assert labelled.metadata == {"feature": "the label"}
    sent = []
    for request in (plain, labelled):
        async with opened(APIS[provider], httpx.Response(200, json={})) as server:
            sent.append(await server.sent(request))
    assert sent[0] == sent[1]


def test_it_is_a_copy() -> None:
    """What the caller changes later changes no call in flight."""
    labels: dict[str, Any] = {"feature": "search"}
    request = build_request("Hi", {"metadata": labels})
    labels["feature"] = "chat"
    assert request.metadata == {"feature": "search"}
    assert build_request(request, {}).metadata == {"feature": "search"}


@pytest.mark.parametrize(
    ("labels", "remedy"),
    [
        ("search", "give a dict of at most 16 labels"),
        ({str(number): 1 for number in range(17)}, "give a dict of at most 16 labels"),
        ({5: "x"}, "the name of a label in metadata=5"),
        ({"x" * 65: "x"}, "give 1 to 64 printable characters"),
        ({"feature": "x" * 257}, "give 1 to 256 printable characters"),
        ({"feature": "a\nb"}, "printable"),
        ({"feature": ["search"]}, "is a list: give a str, a number or a bool"),
        ({"feature": None}, "is a NoneType"),
    ],
    ids=range(8),
)
def test_it_is_bounded(labels: Any, remedy: str) -> None:
    """It goes into logs and spans."""
    with pytest.raises(ConfigurationError, match="metadata") as caught:
        build_request("Hi", {"metadata": labels})
    assert remedy in str(caught.value)


async def test_the_cost_of_each_feature_can_be_counted() -> None:
    """By a listener of a few lines."""
    prices = {"one/scripted": Price(input=1_000_000, output=2_000_000)}
    costs: dict[str, float] = {}

    def count(event: Event) -> None:
        if isinstance(event, CallEnded):
            feature = str(event.metadata.get("feature", ""))
            costs[feature] = costs.get(feature, 0.0) + event.story.cost(prices)

    answer = Response("fine", usage=Usage(1, 2, 3))
    async with Pipeline(Fallback(ScriptedProvider("one", [answer] * 9))) as pipeline:
        pipeline.events.add(count, verbose=True)
        for feature in ("search", "chat", "search"):
            await pipeline.complete("Hi", metadata={"feature": feature})
    assert costs == {"search": 10.0, "chat": 5.0}
