"""Several keys of one tenant, keys that change, and keys that are refused."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ranvier import (
    SHARED,
    AuthenticationError,
    CredentialLookupError,
    CredentialMissingError,
    Credentials,
    DeadlineExceededError,
    InvalidRequestError,
    Message,
    Native,
    PermissionDeniedError,
    Pipeline,
    QuotaExceededError,
    RateLimitError,
    Text,
)
from ranvier.layers import Deadline, Fallback, Retry, Throttle
from ranvier.messages.native import account_of
from ranvier.pipeline.call import Call
from ranvier.pipeline.estimate import of_call
from ranvier.testing import ScriptedProvider

pytestmark = pytest.mark.virtual_time


class Store:
    """Keys that may change; asking takes half a second."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked = 0

    async def __call__(self, tenant: str, provider: str) -> Any:
        self.asked += 1
        answer = self.answer
        await asyncio.sleep(0.5)
        return answer


class Keyed(ScriptedProvider):
    """Needs a key; notes which ones it is sent, and refuses some of them."""

    needs_credential = True

    def __init__(
        self, *, ours: str | None = None, refused: Sequence[str] = (), limited: Sequence[str] = ()
    ) -> None:
        super().__init__("one", self.judge)
        self.ours, self.refused, self.limited = ours, set(refused), set(limited)

    def credential(self) -> str | None:
        return self.ours

    def judge(self, call: Call) -> Any:
        if call.credential in self.refused:
            return AuthenticationError("no", provider="one")
        if call.credential in self.limited:
            return RateLimitError("not now", provider="one", retry_after=5)
        return "fine"

    @property
    def keys(self) -> list[str | None]:
        return [call.credential for call in self.calls]


def pipeline_of(provider: Keyed, credentials: Any) -> Pipeline:
    return Pipeline(Deadline(10), Fallback(provider), Throttle(max_wait=0), credentials=credentials)


async def ask(pipeline: Pipeline, times: int = 1, tenant: str = "acme") -> None:
    for _ in range(times):
        await pipeline.complete("Why?", tenant=tenant)


# --- several -------------------------------------------------------------------------------------


async def test_several_keys_are_used_in_turn() -> None:
    """Each tenant has turns of its own; what is no key is passed over, and ours may be among them."""
    provider = Keyed(ours="ours")
    pipeline = pipeline_of(provider, lambda tenant, name: [f"{tenant}-1", "", SHARED])
    await ask(pipeline, 3)
    await ask(pipeline, 1, tenant="globex")
    assert provider.keys == ["acme-1", "ours", "acme-1", "globex-1"]


async def test_a_key_that_is_limited_is_passed_over_until_its_time() -> None:
    """The others carry on, and nobody waits."""
    provider = Keyed(limited=["b"])
    pipeline = pipeline_of(provider, lambda tenant, name: ("a", "b", "c"))
    await ask(pipeline, 2)
    assert provider.keys == ["a", "b", "c"]
    await ask(pipeline, 3)
    assert provider.keys[3:] == ["c", "a", "c"]
    provider.limited.clear()
    await asyncio.sleep(5)
    await ask(pipeline, 3)
    assert set(provider.keys[6:]) == {"a", "b", "c"}


async def test_when_all_are_limited_the_one_that_is_free_first_is_named() -> None:
    """Its wait is what the caller is told."""
    provider = Keyed(limited=["a", "b"])
    pipeline = pipeline_of(provider, lambda tenant, name: ["a", "b"])
    with pytest.raises(RateLimitError):
        await ask(pipeline)
    await asyncio.sleep(2)
    with pytest.raises(Exception, match="try again") as refused:
        await ask(pipeline)
    assert refused.value.retry_after == 3  # type: ignore[attr-defined]


async def test_a_conversation_stays_with_the_key_that_it_was_begun_with() -> None:
    """Opaque parts are worth nothing to another account; the turns of other calls go on."""
    provider = Keyed(limited=["c"])
    pipeline = pipeline_of(provider, lambda tenant, name: ("a", "b", "c"))

    def begun_with(key: str) -> list[Message]:
        native = Native("one", {"signature": "s"}, account=account_of(key))
        return [Message.user("q"), Message("assistant", (native, Text("a"))), Message.user("Go on.")]

    for key in ("b", "b", "a"):
        await pipeline.complete(begun_with(key), tenant="acme")
    await ask(pipeline)
    assert provider.keys == ["b", "b", "a", "a"]
    await pipeline.complete(begun_with("c"), tenant="acme")  # it is limited: another key, without the parts
    await pipeline.complete(begun_with("c"), tenant="acme")
    await pipeline.complete(begun_with("of somebody else"), tenant="acme")
    assert provider.keys[4:] == ["c", "b", "b", "a"]


async def test_a_conversation_stays_with_tokens_of_ours_whatever_stands_for_them() -> None:
    """Their account is that of the provider; keys of one account are still used in turn."""
    provider = Keyed(ours="token-5f3a")
    provider.account_for = lambda key: account_of(  # type: ignore[attr-defined]
        "azure" if key == "token-5f3a" else "theirs"
    )
    pipeline = pipeline_of(provider, lambda tenant, name: (SHARED, "a", "b"))
    for account in ("azure", "azure", "theirs", "theirs", "theirs", "theirs"):
        native = Native("one", {"signature": "s"}, account=account_of(account))
        history = [Message.user("q"), Message("assistant", (native, Text("a"))), Message.user("Go on.")]
        await pipeline.complete(history, tenant="acme")
    assert provider.keys[:2] == ["token-5f3a", "token-5f3a"]
    assert set(provider.keys[2:]) == {"a", "b"}


async def test_turns_are_remembered_for_so_many_tenants() -> None:
    """The oldest starts from its first key again."""
    provider = Keyed()
    credentials = Credentials(lambda tenant, name: ["1", "2"], max_entries=2)
    pipeline = pipeline_of(provider, credentials)
    for tenant in ("a", "b", "c", "a", "c"):
        await ask(pipeline, tenant=tenant)
    assert provider.keys == ["1", "1", "1", "1", "2"]


# --- change --------------------------------------------------------------------------------------


async def test_a_refused_key_is_looked_up_anew_by_the_next_call() -> None:
    """So that a key that was changed at its source takes effect at once."""
    provider, store = Keyed(refused=["old"]), Store("old")
    pipeline = pipeline_of(provider, store)
    with pytest.raises(AuthenticationError):
        await ask(pipeline)
    store.answer = "new"
    await ask(pipeline, 2)
    assert (provider.keys, store.asked) == (["old", "new", "new"], 3)


async def test_a_late_refusal_of_an_old_key_does_not_forget_the_new_one() -> None:
    """Only the answer that held the refused key is dropped."""
    store = Store("new")
    credentials = Credentials(store)
    provider = Keyed()
    pipeline = pipeline_of(provider, credentials)
    await ask(pipeline)
    late = provider.calls[0].to(provider.calls[0].deployment, "old")
    credentials.invalidate(late)
    await ask(pipeline)
    assert store.asked == 1


@pytest.mark.parametrize(("provider_name", "asked"), [(None, 2), ("one", 2), ("two", 1)])
async def test_what_is_forgotten_is_asked_again(provider_name: str | None, asked: int) -> None:
    """For one tenant, at one provider or everywhere."""
    store = Store("key")
    credentials = Credentials(store)
    pipeline = pipeline_of(Keyed(), credentials)
    await ask(pipeline)
    assert repr(credentials) == "Credentials(ttl=60.0, 1 answers cached)"
    credentials.forget("globex")
    credentials.forget("acme", provider_name)
    await ask(pipeline)
    assert store.asked == asked


async def test_a_key_that_changes_while_it_is_looked_up_is_looked_up_again() -> None:
    """Nobody is given the answer to a question that was asked before the change."""
    store = Store("old")
    provider, credentials = Keyed(), Credentials(store)
    pipeline = pipeline_of(provider, credentials)
    calls = [asyncio.ensure_future(pipeline.complete("Why?", tenant="acme")) for _ in range(2)]
    await asyncio.sleep(0.1)
    store.answer = "new"
    credentials.forget("acme", "two")
    assert store.asked == 1
    credentials.forget("acme")
    await asyncio.gather(*calls)
    assert (provider.keys, store.asked) == (["new", "new"], 2)


async def test_that_a_tenant_has_no_key_is_believed_for_five_seconds() -> None:
    """A customer who has just entered one does not wait for a minute."""
    provider, store = Keyed(), Store(None)
    pipeline = pipeline_of(provider, store)
    for _ in range(2):
        with pytest.raises(CredentialMissingError):
            await ask(pipeline)
    store.answer = "key"
    await asyncio.sleep(5)
    await ask(pipeline)
    assert (provider.keys, store.asked) == (["key"], 2)


# --- many at once --------------------------------------------------------------------------------


async def test_a_thousand_calls_ask_an_async_resolver_once() -> None:
    """Whoever wants to know the same waits for the same answer."""
    provider, store = Keyed(), Store("key")
    pipeline = pipeline_of(provider, store)
    await asyncio.gather(*(pipeline.complete("Why?", tenant="acme") for _ in range(1000)))
    assert (len(provider.keys), store.asked) == (1000, 1)


async def test_when_whoever_asks_is_cancelled_another_asks() -> None:
    """The others wait on, and nothing of the question is left."""
    provider, store = Keyed(), Store("key")
    pipeline = pipeline_of(provider, store)
    first, second = (asyncio.ensure_future(pipeline.complete("Why?", tenant="acme")) for _ in range(2))
    await asyncio.sleep(0.1)
    first.cancel()
    assert (await second).text == "fine"
    assert (provider.keys, store.asked) == (["key"], 2)
    assert first.cancelled()


async def test_when_whoever_asks_is_out_of_time_another_asks() -> None:
    """Its deadline is its own."""
    store = Store("key")
    pipeline = pipeline_of(Keyed(), store)
    hurried = asyncio.ensure_future(pipeline.complete("Why?", tenant="acme", deadline=0.2))
    patient = asyncio.ensure_future(pipeline.complete("Why?", tenant="acme"))
    assert (await patient).text == "fine"
    with pytest.raises(DeadlineExceededError):
        await hurried
    assert store.asked == 2


async def test_a_failure_is_told_to_all_who_waited() -> None:
    """And remembered for none of those who come later."""

    class Broken(Store):
        async def __call__(self, tenant: str, provider: str) -> Any:
            answer = await super().__call__(tenant, provider)
            if self.asked == 1:
                raise OSError("the vault is down")
            return answer

    provider, store = Keyed(), Broken("key")
    pipeline = pipeline_of(provider, store)
    calls = [pipeline.complete("Why?", tenant="acme") for _ in range(3)]
    for each in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(each, CredentialLookupError)
        assert isinstance(each.__cause__, OSError)
    await ask(pipeline)
    assert (provider.keys, store.asked) == (["key"], 2)


# --- another key within the call -----------------------------------------------------------------


ABOUT_KEYS = RateLimitError, QuotaExceededError, AuthenticationError, PermissionDeniedError


def keyring(kind: str, *keys: Any) -> Any:
    """A resolver, plain or async, that answers with these keys."""
    return Store(list(keys)) if kind == "async" else lambda tenant, provider: list(keys)


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("error", ABOUT_KEYS)
async def test_a_call_goes_on_with_another_key_at_once(kind: str, way: str, error: Any) -> None:
    """Without a sleep, whatever the provider asks for; the record has both attempts, and why."""

    def judge(call: Call) -> Any:
        return error("no", provider="one", retry_after=5) if call.credential == "bad" else call.credential

    provider = ScriptedProvider("one", judge)
    pipeline = Pipeline(
        Fallback(provider), Retry(max_retries=3), Throttle(), credentials=keyring(kind, "bad", "good")
    )
    if way == "complete":
        answer = await pipeline.complete("Why?")
    else:
        async with pipeline.stream("Why?") as stream:
            answer = await stream.collect()
    assert answer.text == "good"
    assert asyncio.get_running_loop().time() <= 0.5
    assert [(attempt.outcome, attempt.reason) for attempt in answer.attempts] == [
        (error.kind, None),
        ("succeeded", error.kind),
    ]


async def test_a_call_tries_two_further_keys_at_most_and_then_the_next_target() -> None:
    """However many there are, and nobody is asked twice with the same."""
    one = Keyed(refused=[f"key {n}" for n in range(9)])
    two = ScriptedProvider("two")
    pipeline = Pipeline(
        Fallback(one, two), Retry(), credentials=lambda tenant, provider: [f"key {n}" for n in range(9)]
    )
    assert (await pipeline.complete("Why?")).provider == "two"
    assert one.keys == ["key 0", "key 1", "key 2"]


async def test_the_last_error_is_raised_where_no_key_helps() -> None:
    """As it is, and a limited key is waited for again once no other is left."""
    provider = Keyed(limited=["a", "b"])
    pipeline = Pipeline(
        Fallback(provider), Retry(max_retries=1, jitter="none"), credentials=keyring("plain", "a", "b")
    )
    with pytest.raises(RateLimitError):
        await pipeline.complete("Why?")
    assert provider.keys == ["a", "b", "b"]
    assert asyncio.get_running_loop().time() >= 5


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_call_whose_key_is_refused_asks_the_resolver_once_more(kind: str) -> None:
    """A key may have expired since it was given, and the store has a newer one."""
    store = Store("old")
    provider = Keyed(refused=["old"])
    resolver = store if kind == "async" else lambda tenant, name: store.answer
    pipeline = pipeline_of(provider, resolver)
    if kind == "async":
        with pytest.raises(AuthenticationError):
            await pipeline.complete("Why?")
        assert store.asked == 2
    store.answer = "new"
    provider.refused = {"old"}
    provider.calls.clear()
    assert (await pipeline.complete("Why?")).text == "fine"
    assert provider.keys[-1] == "new"


async def test_an_invalid_request_tries_no_other_key() -> None:
    """It would be as wrong with any."""
    provider = ScriptedProvider("one", [InvalidRequestError("no", provider="one")])
    pipeline = Pipeline(Fallback(provider), credentials=keyring("plain", "a", "b"))
    with pytest.raises(InvalidRequestError):
        await pipeline.complete("Why?")
    assert len(provider.calls) == 1


async def test_the_most_attempts_of_a_call_count_further_keys() -> None:
    """Where a resolver gives several, each may be tried as often as the first."""
    layers = Fallback(ScriptedProvider("one", streaming=False)), Retry(max_retries=1)
    plain = of_call(Pipeline(*layers), refusals=False)
    keyed = of_call(Pipeline(*layers, credentials=keyring("plain", "a")), refusals=False)
    assert (plain.attempts, keyed.attempts) == (2, 6)
