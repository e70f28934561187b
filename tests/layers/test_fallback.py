"""Fallback: who is asked, in which order, and what is raised when nobody answers."""

import asyncio
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    CredentialUnusableError,
    DeadlineExceededError,
    Deployment,
    InvalidRequestError,
    ModelNotFoundError,
    Pipeline,
    ProviderError,
    RateLimitError,
    ServerError,
    UnsupportedRequestError,
)
from ranvier.events import Event, FallbackTaken
from ranvier.layers import Balance, Breaker, Deadline, Fallback, Retry, SharedCircuits
from ranvier.testing import ScriptedProvider, after
from support.scenes import time

pytestmark = pytest.mark.virtual_time


def down(name: str) -> ScriptedProvider:
    """A provider that fails."""
    return ScriptedProvider(name, [ServerError(f"{name} is down", provider=name)])


def too_long(name: str) -> ScriptedProvider:
    """A provider whose model finds the prompt too long."""
    return ScriptedProvider(name, [ContextLengthError("too long", provider=name)])


async def asked(pipeline: Pipeline, **options: Any) -> list[str]:
    """Whom a call asks, in order; all of them fail, or the last one answers."""
    try:
        return [each.target for each in (await pipeline.complete("Why?", **options)).attempts]
    except Exception as error:
        return [each.target for each in error.attempts]  # type: ignore[attr-defined]


# --- the order -----------------------------------------------------------------------------------


async def test_targets_are_asked_in_their_order_until_one_answers() -> None:
    """Each once; those after the answer are left in peace."""
    last = ScriptedProvider("last")
    pipeline = Pipeline(Fallback(down("a"), down("b"), ScriptedProvider("c"), last))
    answer = await pipeline.complete("Why?")
    assert [each.target for each in answer.attempts] == ["a/scripted", "b/scripted", "c/scripted"]
    assert [each.reason for each in answer.attempts] == [None, "server_error", "server_error"]
    assert (answer.provider, last.calls) == ("c", [])


@pytest.mark.parametrize(
    ("to", "targets"),
    [
        (None, ["a/one", "a/two", "b/scripted", "c/scripted"]),
        ("a", ["a/one", "a/two", "b/scripted", "c/scripted"]),
        ("a/two", ["a/two", "b/scripted", "c/scripted"]),
        ("b", ["b/scripted", "c/scripted"]),
        ("c/scripted", ["c/scripted"]),
    ],
)
async def test_to_says_where_a_call_starts(to: str | None, targets: list[str]) -> None:
    """By provider or by target; from there the others follow in their order."""
    a = down("a")
    pipeline = Pipeline(Fallback(Deployment(a, "one"), Deployment(a, "two"), down("b"), down("c")))
    assert await asked(pipeline, to=to) == targets


@pytest.mark.parametrize(
    ("to", "targets"),
    [
        (None, ["a/scripted", "c/scripted", "d/scripted"]),
        ("a", ["a/scripted", "c/scripted", "d/scripted"]),
        ("a/scripted", ["a/scripted", "c/scripted", "d/scripted"]),
        ("b", ["b/scripted", "c/scripted"]),
    ],
)
async def test_a_primary_may_have_a_chain_of_its_own(to: str | None, targets: list[str]) -> None:
    """It replaces the usual order for calls that start there, and may name targets that no other call has."""
    d = down("d")
    pipeline = Pipeline(Fallback(down("a"), down("b"), down("c"), chains={"a": ["c", d]}))
    assert await asked(pipeline, to=to) == targets


async def test_a_chain_and_weights_may_come_from_generators() -> None:
    """They are read once, and no target is lost."""
    chains: Any = {"a": (each for each in (down("b"), down("c")))}
    assert await asked(Pipeline(Fallback(down("a"), chains=chains))) == [
        "a/scripted",
        "b/scripted",
        "c/scripted",
    ]
    weights: Any = (each for each in (1, 3))
    assert Balance(down("a"), down("b"), weights=weights).weights == (1.0, 3.0)


def test_names_mean_the_providers_that_are_given_beside_them() -> None:
    """A string takes the provider of that name from the other targets, so that there is one of each."""
    a = ScriptedProvider("a")
    fallback = Fallback(Deployment(a, "one"), "a/two", "a", chains={"a/two": ["a/three", "a"]})
    assert [each.target for each in fallback.targets] == ["a/one", "a/two", "a/scripted"]
    assert [each.target for each in fallback.deployments()] == ["a/one", "a/two", "a/scripted", "a/three"]
    assert {id(each.provider) for each in fallback.deployments()} == {id(a)}
    assert repr(fallback) == "Fallback(a/one -> a/two -> a/scripted)"


async def test_a_target_that_is_asked_although_its_shared_circuit_is_open_says_why() -> None:
    """The record and the events have the way back to it."""
    events: list[Event] = []
    replies: dict[str, Any] = {}
    a, b = (ScriptedProvider(name, lambda call, name=name: replies.get(name, "fine")) for name in "ab")  # type: ignore[misc]
    shared = SharedCircuits(votes=2)
    shared.rng = lambda: 0.0  # both circuits probe at the same time: the first one is asked
    pipeline = Pipeline(
        Fallback(a, b), Breaker(failure_threshold=1000, shared=shared), listeners=[events.append]
    )
    replies.update({name: ServerError("down", provider=name) for name in "ab"})
    for number in range(4):
        with pytest.raises(AllDeploymentsFailedError):
            await pipeline.complete("Why?", tenant=f"tenant {number}")
    replies.clear()
    events.clear()
    answer = await pipeline.complete("Why?", tenant="another")
    assert [(each.target, each.reason) for each in answer.attempts] == [("a/scripted", "shared_circuit_open")]
    taken = [(each.provider, each.to) for each in events if isinstance(each, FallbackTaken)]
    assert taken == [("a", "b/scripted"), ("b", "a/scripted")]


# --- what is raised ------------------------------------------------------------------------------


async def test_one_target_raises_its_own_error() -> None:
    """No group of one."""
    with pytest.raises(ServerError, match="a is down") as failure:
        await Pipeline(Fallback(down("a"))).complete("Why?")
    assert [each.outcome for each in failure.value.attempts] == ["server_error"]


async def test_two_targets_raise_a_group_with_one_error_each() -> None:
    """In their order, each and the group with all attempts."""
    busy = ScriptedProvider("b", [RateLimitError("busy", provider="b", retry_after=40.0)])
    pipeline = Pipeline(Fallback(down("a"), busy, down("c")), Retry(max_retries=1, base_delay=0))
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await pipeline.complete("Why?")
    group = failure.value
    assert [(type(each), each.provider) for each in group.exceptions] == [  # type: ignore[attr-defined]
        (ServerError, "a"),
        (RateLimitError, "b"),
        (ServerError, "c"),
    ]
    assert str(group).startswith(
        "none of 3 targets answered: a/scripted (server_error), b/scripted (rate_limit), c/scripted"
    )
    assert [each.target[0] for each in group.attempts] == ["a", "a", "b", "c", "c"]
    assert all(each.attempts == group.attempts for each in group.exceptions)
    assert (group.retry_after, group.nothing_sent) == (40, False)
    assert group.primary is group.exceptions[0]


async def test_a_skipped_target_counts_as_tried() -> None:
    """Its error is in the group; where nothing was sent at all, the group says so."""
    pipeline = Pipeline(Fallback(down("a"), down("b")), Breaker(failure_threshold=1, cooldown=60))
    assert len(await asked(pipeline)) == 2
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await pipeline.complete("Why?")
    group = failure.value
    assert [each.kind for each in group.exceptions] == ["circuit_open", "circuit_open"]
    assert (group.nothing_sent, group.attempts) == (True, ())
    assert 60 <= group.retry_after <= 72
    assert group.primary is group.exceptions[0]


async def test_the_primary_error_is_of_the_first_target_that_was_sent_anything() -> None:
    """Not of one that was skipped for want of a key."""

    class Locked(ScriptedProvider):
        needs_credential = True

    pipeline = Pipeline(Fallback(Locked("a"), down("b")))
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await pipeline.complete("Why?")
    skipped, sent = failure.value.exceptions
    assert type(skipped) is CredentialUnusableError
    assert failure.value.primary is sent


async def test_what_does_not_fall_over_is_raised_bare_at_once() -> None:
    """Also as the second error: a wrong request is no reason to look further."""
    third = ScriptedProvider("c")
    wrong = ScriptedProvider("b", [InvalidRequestError("no such field", provider="b")])
    with pytest.raises(InvalidRequestError) as failure:
        await Pipeline(Fallback(down("a"), wrong, third)).complete("Why?")
    assert [each.outcome for each in failure.value.attempts] == ["server_error", "invalid_request"]
    assert third.calls == []


@pytest.mark.parametrize("kind", [InvalidRequestError, ContentFilterError])
async def test_an_error_that_knows_better_goes_on_all_the_same(kind: type[ProviderError]) -> None:
    """What its class would keep for itself, an instance may say that the next target will answer."""
    ours = kind("only here", provider="a")
    ours.fails_over = True
    answer = await Pipeline(Fallback(ScriptedProvider("a", [ours]), ScriptedProvider("b"))).complete("Why?")
    assert answer.provider == "b"


def refusing(name: str, kind: type[InvalidRequestError]) -> ScriptedProvider:
    """A provider that refuses the request itself, and whose class or instance says that another may not."""
    error = kind(f"not by {name}", provider=name)
    error.fails_over = True
    return ScriptedProvider(name, [error])


@pytest.mark.parametrize("kind", [UnsupportedRequestError, ContextLengthError, ModelNotFoundError])
async def test_where_all_targets_refuse_the_request_the_first_refusal_is_raised(
    kind: type[InvalidRequestError],
) -> None:
    """Bare, so that it is caught as what it is; the record has what the others said."""
    pipeline = Pipeline(Fallback(refusing("a", UnsupportedRequestError), refusing("b", kind)))
    with pytest.raises(UnsupportedRequestError, match="not by a") as failure:
        await pipeline.complete("Why?")
    assert [each.outcome for each in failure.value.attempts] == ["invalid_request", kind.kind]


async def test_a_refusal_beside_a_failure_is_one_of_two_errors() -> None:
    """Whoever failed for another reason may well have answered."""
    pipeline = Pipeline(Fallback(refusing("a", UnsupportedRequestError), down("b")))
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await pipeline.complete("Why?")
    assert [each.kind for each in failure.value.exceptions] == ["invalid_request", "server_error"]


async def test_an_unknown_exception_passes_through_unchanged() -> None:
    """A bug is no reason to ask another provider."""
    second = ScriptedProvider("b")
    with pytest.raises(ZeroDivisionError):
        await Pipeline(Fallback(ScriptedProvider("a", [ZeroDivisionError()]), second)).complete("Why?")
    assert second.calls == []


# --- prompts that are too long -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("windows", "targets"),
    [
        ((100, 100, 100), "a"),
        ((100, 50, 200), "ac"),
        ((100, None, 200), "abc"),
        ((100, 200, 150), "ab"),
        ((None, 100, 100), "ab"),
        ((None, None, None), "abc"),
        ((100, None, 50), "ab"),
    ],
)
async def test_a_prompt_too_long_goes_on_only_to_windows_that_are_larger_or_unknown(
    windows: tuple[int | None, ...], targets: str
) -> None:
    """Never to one known to be no larger than one that was too small."""
    pipeline = Pipeline(
        Fallback(
            *(
                Deployment(too_long(name), context_window=window)
                for name, window in zip("abc", windows, strict=True)
            )
        )
    )
    assert [target[0] for target in await asked(pipeline)] == list(targets)


async def test_a_prompt_too_long_for_a_key_goes_on_to_any_window() -> None:
    """It was larger than a limit of that key or server, which says nothing about windows."""
    alone = ContextLengthError("request too large: Limit 10, Requested 20", provider="a")
    alone.fails_over = True
    first = Deployment(ScriptedProvider("a", [alone]), context_window=100)
    second = Deployment(ScriptedProvider("b"), context_window=100)
    answer = await Pipeline(Fallback(first, second)).complete("Why?")
    assert [each.target[0] for each in answer.attempts] == ["a", "b"]


async def test_a_prompt_too_long_for_one_target_is_its_own_error() -> None:
    """Where no larger one is left, it is raised bare if it is the only one."""
    small = Deployment(ScriptedProvider("b"), context_window=50)
    pipeline = Pipeline(Fallback(Deployment(too_long("a"), context_window=100), small))
    with pytest.raises(ContextLengthError):
        await pipeline.complete("Why?")


# --- time, keys, events --------------------------------------------------------------------------


async def test_no_further_target_is_asked_when_the_time_is_over() -> None:
    """The deadline is raised, caused by what the last target said."""
    second = ScriptedProvider("b")
    late = ScriptedProvider("a", [after(5, ServerError("down", provider="a"))])
    pipeline = Pipeline(Deadline(5), Fallback(late, second))
    task = asyncio.create_task(pipeline.complete("Why?"))
    with pytest.raises(DeadlineExceededError):
        await task
    assert (time(), second.calls) == (5, [])


async def test_the_key_is_asked_for_once_per_target_and_call() -> None:
    """A tenant without a key at one target is served by the next."""
    told: list[tuple[str, str]] = []

    def key(tenant: str, provider: str) -> str | None:
        told.append((tenant, provider))
        return None if provider == "a" else f"key of {tenant}"

    class Locked(ScriptedProvider):
        needs_credential = True

    b = Locked("b", [ServerError("down", provider="b"), "ok"])
    pipeline = Pipeline(Fallback(Locked("a"), b), Retry(base_delay=0), credentials=key)
    await pipeline.complete("Why?", tenant="acme")
    assert told == [("acme", "a"), ("acme", "b")]
    assert [call.credential for call in b.calls] == ["key of acme", "key of acme"]


async def test_an_event_tells_of_every_fallback() -> None:
    """Who failed, why, and who is asked next."""
    heard: list[Event] = []
    wrong = ScriptedProvider("b", [AuthenticationError("no", provider="b")])
    pipeline = Pipeline(Fallback(down("a"), wrong, ScriptedProvider("c")), listeners=[heard.append])
    await pipeline.complete("Why?", tenant="acme")
    facts: dict[str, Any] = {"tenant": "acme", "model": "scripted"}
    assert heard == [
        FallbackTaken(**facts, provider="a", to="b/scripted", kind="server_error"),
        FallbackTaken(**facts, provider="b", to="c/scripted", kind="auth"),
    ]
