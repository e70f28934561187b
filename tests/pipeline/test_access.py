"""A tenant's own endpoint and headers: `Access`, and what is kept apart for it."""

import asyncio
from typing import Any

import pytest

import ranvier.layers.breaker.shared.targets as shared_targets
from ranvier import (
    SHARED,
    Access,
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    CredentialLookupError,
    CredentialUnusableError,
    Deployment,
    Message,
    Pipeline,
    RateLimitError,
    ServerError,
    ThrottledError,
)
from ranvier.events import CircuitChanged, Event
from ranvier.layers import AdaptiveLimit, Breaker, Bulkhead, Fallback, Pacing, SharedCircuits, Throttle
from ranvier.messages import Native, Text, ToolCall, ToolResult
from ranvier.messages.native import account_of
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, assert_settled
from support.providers.secrets import KEY, shown

pytestmark = pytest.mark.virtual_time

ACME = "https://llm.acme.example/v1"
HERE = Access("key-of-acme", base_url=ACME)
THERE = Access("key-of-acme", base_url="https://eu.acme.example/v1")
DOWN = ServerError("internal error", provider="one", status=500)
REJECTED = AuthenticationError("no", provider="one", status=401)
LIMITED = RateLimitError("not now", provider="one", status=429, retry_after=50)


# --- what it may be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "give a key, a base_url or headers"),
        ({"key": ""}, "give a str that is not empty"),
        ({"key": KEY.encode()}, "give a str that is not empty"),
        ({"key": KEY, "base_url": "llm.acme.example"}, "base_url='llm.acme.example'"),
        ({"key": KEY, "base_url": f"https://x.test/?key={KEY}"}, "base_url='https://x.test/'"),
        ({"key": KEY, "base_url": f"https://me:{KEY}@x.test"}, "base_url has a user"),
        ({"key": KEY, "headers": {"x": f"{KEY}\n"}}, r"Access\(headers\): the value of 'x' has invalid"),
        ({"key": KEY, "headers": {"host": KEY}}, "'host' belongs to the connection"),
        ({"key": KEY, "headers": [KEY]}, "it is a list"),
        ({"key": SHARED, "base_url": ACME}, "our own key does not go to an endpoint of a tenant's"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_made(arguments: Any, words: str) -> None:
    """With the remedy, and without a secret."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        Access(**arguments)
    assert KEY not in str(caught.value)


def test_a_name_of_another_library_shows_no_secret() -> None:
    """Neither does the traceback with the variables of our frames."""
    with pytest.raises(TypeError, match="write key=") as caught:
        Access(api_key=KEY, headers={"x-team": KEY})  # type: ignore[arg-type]
    assert not [each for each in shown(caught.value) if KEY in each]


def test_it_shows_no_secret_and_does_not_change() -> None:
    """Neither when it is printed, nor by its name."""
    access = Access(KEY, base_url=ACME, headers={"X-Team": KEY})
    assert repr(access) == f"<Access at {access.endpoint}>"
    assert access.endpoint is not None
    assert access.endpoint.startswith("llm.acme.example-")
    assert KEY not in repr(access) + access.endpoint
    assert access.headers == {"x-team": KEY}
    with pytest.raises(AttributeError):
        access.key = "another"  # type: ignore[misc]
    with pytest.raises(TypeError):
        access.headers["x-team"] = "another"  # type: ignore[index]


def test_two_with_the_same_values_are_the_same() -> None:
    """A resolver makes a new one each time."""
    one, same = (Access("k", base_url=ACME, headers={"a": "b"}) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != Access("k", base_url=ACME)
    assert Access("k", base_url=f"{ACME}/a").endpoint != Access("k", base_url=f"{ACME}/b").endpoint


# --- from the resolver to the provider -----------------------------------------------------------


async def sent(answer: Any, ours: str | None = None, **arguments: Any) -> Call:
    """The call as the provider receives it, where the resolver returns this answer."""
    provider = ScriptedProvider("one")
    provider.credential, provider.needs_credential = lambda: ours, True
    async with Pipeline(Fallback(provider), credentials=lambda tenant, name: answer) as pipeline:
        await pipeline.complete("Why?", tenant="acme", **arguments)
    return provider.calls[0]


async def test_the_provider_gets_it_with_its_key() -> None:
    """As the tenant's own."""
    call = await sent(HERE)
    assert (call.credential, call.access, call.tenants_key) == ("key-of-acme", HERE, True)


async def test_one_without_a_key_needs_none() -> None:
    """Its endpoint needs none, or a header has it."""
    for access in (Access(base_url=ACME), Access(headers={"authorization": "Basic abc"})):
        call = await sent(access, "our-key")
        assert (call.credential, call.access, call.tenants_key) == (None, access, True)


async def test_headers_go_with_our_own_key_too() -> None:
    """`SHARED` is the provider's key, and such a call is none of the tenant's."""
    access = Access(SHARED, headers={"openai-project": "acme"})
    call = await sent(access, "our-key")
    assert (call.credential, call.access, call.tenants_key) == ("our-key", access, False)


async def test_one_with_only_a_key_is_that_key() -> None:
    """There is nothing else to remember."""
    call = await sent(Access("key-of-acme"))
    assert (call.credential, call.access) == ("key-of-acme", None)


async def test_a_provider_that_does_not_heed_it_is_not_asked() -> None:
    """The request would go elsewhere than the tenant wants."""
    provider = ScriptedProvider("one")
    provider.takes_access = False
    async with Pipeline(Fallback(provider), credentials=lambda tenant, name: HERE) as pipeline:
        with pytest.raises(CredentialUnusableError, match="one takes no base_url or headers of a tenant"):
            await pipeline.complete("Why?")
    assert not provider.calls


async def test_a_resolver_that_cannot_make_one_has_failed() -> None:
    """An invalid row in the database is no missing key."""
    provider = ScriptedProvider("one")
    async with Pipeline(Fallback(provider), credentials=lambda tenant, name: Access("k", base_url="x")) as it:
        with pytest.raises(CredentialLookupError, match="ConfigurationError"):
            await it.complete("Why?")


async def test_several_are_used_in_turn() -> None:
    """A rejected one is left at once, also where only the endpoint differs."""
    provider = ScriptedProvider("one", lambda call: REJECTED if call.access == HERE else "fine")
    answer: list[Any] = [HERE, THERE, "plain-key"]
    async with Pipeline(Fallback(provider), Throttle(), credentials=lambda tenant, name: answer) as pipeline:
        for _ in range(3):
            await pipeline.complete("Why?", tenant="acme")
    assert [call.access or call.credential for call in provider.calls] == [HERE, THERE, THERE, "plain-key"]


async def test_a_rejected_one_is_looked_up_again() -> None:
    """The cached answer of an async resolver is dropped with it."""
    provider = ScriptedProvider("one", lambda call: REJECTED if call.access == HERE else "fine")
    answers = [HERE, THERE]

    async def resolver(tenant: str, name: str) -> Any:
        await asyncio.sleep(0)
        return answers.pop(0)

    async with Pipeline(Fallback(provider), credentials=resolver) as pipeline:
        await pipeline.complete("Why?")
        await pipeline.complete("Why?")
    assert [call.access for call in provider.calls] == [HERE, THERE, THERE]


async def test_a_conversation_stays_at_the_endpoint_that_issued_its_parts() -> None:
    """Also where two have the same key."""
    signed = Native("one", {"signature": "s"}, THERE.base_url, account_of("key-of-acme"), "scripted")
    history = [
        Message.user("Why?"),
        Message("assistant", (signed, Text("Let me look."), ToolCall("c1", "look"))),
        Message("user", (ToolResult("c1", "fine"),)),
    ]
    provider = ScriptedProvider("one")
    async with Pipeline(Fallback(provider), credentials=lambda tenant, name: [HERE, THERE]) as pipeline:
        for _ in range(3):
            await pipeline.complete(history)
    assert [call.access for call in provider.calls] == [THERE] * 3


def test_an_endpoint_is_not_at_another_whose_url_begins_alike() -> None:
    """But at each URL below its own."""
    first = Access("k", base_url="https://x.test/t1")
    assert first.is_at("https://x.test/t1")
    assert first.is_at("https://x.test/t1/openai/v1")
    assert not first.is_at("https://x.test/t10")
    assert not first.is_at("")
    assert Access("k", headers={"x-team": "a"}).is_at("https://anywhere.test")


# --- what is kept apart --------------------------------------------------------------------------


class Router:
    """Resolves the tenant `own` to its own endpoint, and the others to our key."""

    def __init__(self, **own: Any) -> None:
        self.own = own

    def __call__(self, tenant: str, provider: str) -> Any:
        return self.own.get(tenant, "key-of-acme")


def down_at(*accesses: Access) -> ScriptedProvider:
    """A provider whose endpoints are down, and which works elsewhere."""
    return ScriptedProvider("one", lambda call: DOWN if call.access in accesses else "fine")


async def test_an_endpoint_has_a_circuit_of_its_own() -> None:
    """It opens alone, under the name of the endpoint, in the registry and in events."""
    turns, events = [HERE], []
    heard: list[Event] = events
    pipeline = Pipeline(
        Fallback(down_at(HERE)),
        Breaker(failure_threshold=2),
        credentials=lambda tenant, name: turns[0],
        listeners=[heard.append],
    )
    async with pipeline:
        for _ in range(2):
            with pytest.raises(ServerError):
                await pipeline.complete("Why?", tenant="acme")
        with pytest.raises(CircuitOpenError, match=f"at one@{HERE.endpoint} is open"):
            await pipeline.complete("Why?", tenant="acme")
        turns[0] = THERE
        assert (await pipeline.complete("Why?", tenant="acme")).text == "fine"
    states = {key: snapshot.state.value for key, snapshot in pipeline.circuits}
    assert states == {("acme", f"one@{HERE.endpoint}"): "open", ("acme", f"one@{THERE.endpoint}"): "closed"}
    changes = [event.provider for event in heard if isinstance(event, CircuitChanged)]
    assert changes == [f"one@{HERE.endpoint}"]
    assert pipeline.circuits.state("acme", f"one@{HERE.endpoint}") is not None


async def test_an_attempt_says_where_it_was_sent() -> None:
    """In the record, and in words."""
    turns: list[Any] = [HERE, "plain-key"]
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), credentials=lambda tenant, name: turns.pop(0))
    async with pipeline:
        own, ours = await pipeline.complete("Why?"), await pipeline.complete("Why?")
    assert [each.story.attempts[0].endpoint for each in (own, ours)] == [HERE.endpoint, None]
    assert f"one/scripted at {HERE.endpoint}, attempt 1" in own.explain()
    assert "one/scripted, attempt 1" in ours.explain()


async def test_each_model_of_an_endpoint_has_its_circuit_too() -> None:
    """Where the stack has several models of the provider."""
    provider = ScriptedProvider("one")
    models = Deployment(provider, "a"), Deployment(provider, "b")
    pipeline = Pipeline(Fallback(*models), Breaker(), credentials=lambda tenant, name: HERE)
    async with pipeline:
        await pipeline.complete("Why?", tenant="acme", to="one/b")
    assert [key for key, _ in pipeline.circuits] == [("acme", f"one@{HERE.endpoint}/b")]


async def test_an_endpoint_has_gates_of_its_own() -> None:
    """The same key elsewhere is not limited there."""
    turns = [HERE]
    provider = ScriptedProvider("one", lambda call: LIMITED if call.access == HERE else "fine")
    throttle = Throttle(max_wait=0)
    pipeline = Pipeline(Fallback(provider), throttle, credentials=lambda tenant, name: turns[0])
    async with pipeline:
        with pytest.raises(RateLimitError):
            await pipeline.complete("Why?")
        with pytest.raises(ThrottledError):
            await pipeline.complete("Why?")
        turns[0] = THERE
        await pipeline.complete("Why?")
    assert len(provider.calls) == 2
    assert len(throttle.gates.known) == 1


async def test_an_endpoint_has_places_and_limits_of_its_own() -> None:
    """Calls of others do not wait behind it."""
    bulkhead, adaptive, pacing = Bulkhead(1), AdaptiveLimit(), Pacing()
    layers = Fallback(ScriptedProvider("one")), bulkhead, adaptive, pacing
    pipeline = Pipeline(*layers, credentials=Router(own=HERE))
    async with pipeline:
        await pipeline.complete("Why?", tenant="own")
        await pipeline.complete("Why?", tenant="other")
    assert {each.key for each in bulkhead.places} == {"one", f"one@{HERE.endpoint}"}
    assert len(list(adaptive.places)) == len(pacing.allowances.known) == 2
    assert_settled(pipeline)


async def test_endpoints_vote_in_shared_circuits_of_their_own() -> None:
    """Five tenants whose own endpoints are down do not open the circuit of the others."""
    own = {f"t{number}": Access("k", base_url=f"https://t{number}.example") for number in range(6)}
    breaker = Breaker(shared=SharedCircuits())
    pipeline = Pipeline(Fallback(down_at(*own.values())), breaker, credentials=Router(**own))
    async with pipeline:
        for tenant in own:
            with pytest.raises(ServerError):
                await pipeline.complete("Why?", tenant=tenant)
        await pipeline.complete("Why?", tenant="other")
    assert breaker.circuits.shared is not None
    seen = {each.target: each.failing for each in breaker.circuits.shared}
    assert seen["one/scripted"] == seen["one"] == 0
    assert all(seen[f"one@{access.endpoint}/scripted"] == 1 for access in own.values())


async def test_shared_circuits_of_endpoints_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a model and those of a whole endpoint; the oldest goes first."""
    monkeypatch.setattr(shared_targets, "MAX_TARGETS", 3)
    turns: list[Access] = []
    breaker = Breaker(shared=SharedCircuits())
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one")), breaker, credentials=lambda tenant, name: turns[-1]
    )
    async with pipeline:
        for number in range(10):
            turns.append(Access("k", base_url=f"https://t{number}.example"))
            await pipeline.complete("Why?")
    assert breaker.circuits.shared is not None
    assert len(breaker.circuits.shared) == 2 * 3


async def test_a_refusal_to_stream_holds_for_the_endpoint() -> None:
    """Another one may stream with the same key."""
    provider = ScriptedProvider("one")
    pipeline = Pipeline(Fallback(provider), credentials=Router(own=HERE))
    async with pipeline:
        await pipeline.complete("Why?", tenant="own")
    call = provider.calls[0]
    call.deployment.ask_whole(hash(HERE))
    assert not call.deployment.streams(hash(HERE))
    assert call.deployment.streams(hash(THERE))
    assert call.deployment.streams(hash("key-of-acme"))


def test_the_resolver_that_fails_shows_no_secret() -> None:
    """Neither the error nor its causes, nor any local of ours."""

    def resolver(tenant: str, name: str) -> Any:
        return Access(KEY, headers={"x": f"{KEY}\n"})

    async def ask() -> None:
        async with Pipeline(Fallback(ScriptedProvider("one")), credentials=resolver) as pipeline:
            await pipeline.complete("Why?")

    with pytest.raises(CredentialLookupError) as caught:
        asyncio.run(ask())
    assert KEY not in "\n".join(shown(caught.value))
