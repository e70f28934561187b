"""Whose key is used at which target."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from ranvier import (
    SHARED,
    AllDeploymentsFailedError,
    ConfigurationError,
    CredentialMissingError,
    Credentials,
    DeadlineExceededError,
    Pipeline,
)
from ranvier.layers import Deadline, Fallback, Retry
from ranvier.testing import ScriptedProvider, broken, stall, stream

pytestmark = pytest.mark.virtual_time


class Keyed(ScriptedProvider):
    """Needs a key, and may have one of ours."""

    needs_credential = True
    environment = ("ONE_API_KEY", "ONE_KEY")

    def __init__(self, name: str, script: Any = ("ok",), *, key: str | None = None) -> None:
        super().__init__(name, script)
        self.key = key

    def credential(self) -> str | None:
        return self.key

    @property
    def keys(self) -> list[str | None]:
        return [call.credential for call in self.calls]


def pipeline_of(*targets: Any, credentials: Any = None) -> Pipeline:
    return Pipeline(Deadline(10), Fallback(*targets), Retry(base_delay=1), credentials=credentials)


# --- without a resolver --------------------------------------------------------------------------


async def test_our_own_key_is_asked_of_the_provider_for_each_call() -> None:
    """It may change; `credential = None` is a provider that has none."""
    provider: Any = ScriptedProvider("one", ["a", "b"])
    provider.credential = None
    pipeline = Pipeline(Fallback(provider))
    await pipeline.complete("Why?")
    provider.credential = lambda: "new"
    await pipeline.complete("Why?")
    assert [call.credential for call in provider.calls] == [None, "new"]


async def test_without_a_resolver_our_own_key_is_used() -> None:
    """For every tenant, and asked for at the call: a key may come later than the provider."""
    provider = Keyed("one", key="ours")
    pipeline = pipeline_of(provider)
    await pipeline.complete("Why?", tenant="acme")
    provider.key = "newer"
    await pipeline.complete("Why?")
    assert provider.keys == ["ours", "newer"]


async def test_a_missing_key_is_an_error_of_the_call_that_says_where_to_put_it() -> None:
    """Nothing is sent; the next target is asked, if there is one."""
    provider, other = Keyed("one"), ScriptedProvider("two", ["fine"])
    with pytest.raises(CredentialMissingError, match=r"no key for one: set ONE_API_KEY or ONE_KEY, or"):
        await pipeline_of(provider).complete("Why?")
    answer = await pipeline_of(provider, other).complete("Why?")
    assert (answer.text, answer.attempts[0].reason) == ("fine", "credential_unusable")
    assert provider.calls == []


async def test_a_provider_that_needs_no_key_is_never_skipped() -> None:
    """Not even where a resolver says that the tenant has none."""
    provider = ScriptedProvider("one")
    for credentials in (None, lambda *who: None, lambda *who: SHARED):
        assert (await pipeline_of(provider, credentials=credentials).complete("Why?")).text == "ok"
    assert [call.credential for call in provider.calls] == [None] * 3


# --- with one ------------------------------------------------------------------------------------


async def test_a_resolver_is_asked_once_per_target_and_call() -> None:
    """With the tenant and the provider's name; retries use the same key."""
    asked: list[Any] = []

    def resolve(tenant: str, provider: str) -> str:
        asked.append((tenant, provider))
        return f"key {len(asked)}"

    first, second = Keyed("one", [broken()]), Keyed("two")
    await pipeline_of(first, second, credentials=resolve).complete("Why?", tenant="acme")
    assert asked == [("acme", "one"), ("acme", "two")]
    assert (first.keys, second.keys) == (["key 1"] * 4, ["key 2"])


async def test_shared_means_ours_and_none_means_that_the_tenant_has_none() -> None:
    """A tenant without a key never falls back on ours unasked."""
    provider = Keyed("one", key="ours")
    keys = {"acme": "theirs", "globex": SHARED}
    pipeline = pipeline_of(provider, credentials=lambda tenant, provider: keys.get(tenant))
    await pipeline.complete("Why?", tenant="acme")
    await pipeline.complete("Why?", tenant="globex")
    with pytest.raises(CredentialMissingError, match="tenant 'initech' has no key for one"):
        await pipeline.complete("Why?", tenant="initech")
    assert provider.keys == ["theirs", "ours"]
    assert repr(SHARED) == "SHARED"


async def test_shared_without_a_key_of_ours_is_a_missing_key() -> None:
    """And an empty string is no key."""
    for answer in (SHARED, ""):
        with pytest.raises(CredentialMissingError):
            await pipeline_of(Keyed("one"), credentials=lambda *who, a=answer: a).complete("Why?")


class Vault:
    """An async resolver that counts."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    async def __call__(self, tenant: str, provider: str) -> Any:
        self.asked.append((tenant, provider))
        await asyncio.sleep(0.5)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def test_the_answer_of_an_async_resolver_is_believed_for_a_minute() -> None:
    """Per tenant and provider; after that it is asked anew."""
    provider, vault = Keyed("one"), Vault("old", "of globex", "new")
    pipeline = pipeline_of(provider, credentials=vault)
    await pipeline.complete("Why?", tenant="acme")
    await pipeline.complete("Why?", tenant="acme")
    await pipeline.complete("Why?", tenant="globex")
    await asyncio.sleep(60)
    await pipeline.complete("Why?", tenant="acme")
    assert provider.keys == ["old", "old", "of globex", "new"]


async def test_the_cache_of_answers_is_bounded() -> None:
    """The oldest answer goes first."""
    vault = Vault("key")
    pipeline = pipeline_of(Keyed("one"), credentials=Credentials(vault, max_entries=2))
    for tenant in ("a", "b", "c", "b", "a"):
        await pipeline.complete("Why?", tenant=tenant)
    assert [tenant for tenant, _ in vault.asked] == ["a", "b", "c", "a"]


@pytest.mark.parametrize("failure", [OSError("vault down"), 42, b"key", object()])
async def test_a_resolver_that_fails_or_answers_nonsense_skips_the_target(failure: Any) -> None:
    """Each time: nonsense is not remembered as a key. The cause is told, and the next target is asked."""
    for kind in (Vault(failure), _plainly(failure)):
        provider, other = Keyed("one"), Keyed("two")
        pipeline = pipeline_of(provider, credentials=kind)
        for _ in range(2):
            with pytest.raises(CredentialMissingError, match="tenant 'acme' at one") as raised:
                await pipeline.complete("Why?", tenant="acme")
            assert isinstance(raised.value.__cause__, (OSError, TypeError))
        with pytest.raises(AllDeploymentsFailedError) as both:
            await pipeline_of(provider, other, credentials=kind).complete("Why?")
        assert both.value.nothing_sent
        assert provider.calls == other.calls == []


def _plainly(answer: Any) -> Any:
    def resolve(tenant: str, provider: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return resolve


async def test_a_failing_resolver_is_asked_again() -> None:
    """Only answers are remembered."""
    provider = Keyed("one")
    pipeline = pipeline_of(provider, credentials=Vault(OSError("down"), "key"))
    with pytest.raises(CredentialMissingError):
        await pipeline.complete("Why?")
    await pipeline.complete("Why?")
    assert provider.keys == ["key"]


async def test_a_resolver_works_under_the_deadline() -> None:
    """It may be slow; the call is then out of time, and no other target is asked."""

    async def hang(tenant: str, provider: str) -> str:
        await asyncio.sleep(1000)
        return "late"

    provider, other = Keyed("one"), ScriptedProvider("two")
    with pytest.raises(DeadlineExceededError):
        await pipeline_of(provider, other, credentials=hang).complete("Why?", deadline=3)
    assert asyncio.get_running_loop().time() == 3
    assert other.calls == []


async def test_no_key_is_ever_shown() -> None:
    """Not in a repr, nor in the error of a resolver that wrote it into its message."""
    secret = "sk-very-secret"
    provider = Keyed("one", key=secret)
    pipeline = pipeline_of(provider, credentials=_plainly(OSError(f"cannot unlock {secret}")))
    with pytest.raises(CredentialMissingError) as raised:
        await pipeline.complete("Why?")
    assert secret not in str(raised.value) + repr(raised.value) + repr(pipeline) + str(pipeline)
    kept = pipeline_of(provider)
    await kept.complete("Why?")
    assert secret not in repr(provider.calls[0]) + repr(kept) + repr(provider.calls[0].record.attempts)


@pytest.mark.parametrize("credentials", ["key", {"acme": "key"}, 7])
def test_a_resolver_that_cannot_be_called_is_refused(credentials: Any) -> None:
    """When the pipeline is built, without showing what was given."""
    with pytest.raises(ConfigurationError, match=r"credentials=\w+: give a function") as raised:
        pipeline_of(Keyed("one"), credentials=credentials)
    assert "key" not in str(raised.value)


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_the_error_of_a_shared_lookup_holds_nothing_of_the_call_that_asked() -> None:
    """Whoever waited for it may keep the error, and the stream that the other call got is still its own."""

    async def resolver(tenant: str, provider: str) -> Any:
        await asyncio.sleep(1)
        if provider == "one":
            raise LookupError("the vault is sealed")
        return "key"

    first, second = ScriptedProvider("one"), ScriptedProvider("two", lambda call: stream("a", stall()))
    pipeline = Pipeline(Fallback(first, second), credentials=resolver)
    asking = asyncio.create_task(_awaited(pipeline.stream("Why?")))
    await asyncio.sleep(0.5)
    alone = Pipeline(Fallback(first), credentials=pipeline.credentials)
    with pytest.raises(CredentialMissingError) as kept:
        await alone.complete("Why?")
    stream_of_other = weakref.ref(await asking)
    del asking
    gc.collect()
    await asyncio.sleep(0)
    assert isinstance(kept.value.__cause__, LookupError)
    assert stream_of_other() is None
    await pipeline.aclose()
    await alone.aclose()


async def _awaited(pending: Any) -> Any:
    return await pending
