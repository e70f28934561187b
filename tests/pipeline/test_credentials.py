"""Whose key is used at which target."""

import asyncio
import functools
import gc
import weakref
from typing import Any
from unittest.mock import Mock

import pytest

from ranvier import (
    SHARED,
    AllDeploymentsFailedError,
    ConfigurationError,
    CredentialLookupError,
    CredentialMissingError,
    Credentials,
    DeadlineExceededError,
    Deployment,
    Pipeline,
)
from ranvier.events import CredentialLookupFailed, Event
from ranvier.layers import Deadline, Fallback, Retry
from ranvier.pipeline import Call
from ranvier.providers import Anthropic, FunctionProvider, Ollama, OpenAI, Stub
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


async def test_a_provider_that_needs_no_key_is_asked_without_one() -> None:
    """Where nobody is asked for keys, and where the resolver says so."""
    provider = ScriptedProvider("one")
    for credentials in (None, lambda *who: SHARED):
        assert (await pipeline_of(provider, credentials=credentials).complete("Why?")).text == "ok"
    assert [call.credential for call in provider.calls] == [None] * 2


WITHOUT_KEYS: dict[str, Any] = {
    "scripted": lambda: ScriptedProvider("local"),
    "stub": lambda: Stub("here", name="local"),
    "function": lambda: FunctionProvider("local", _here),
    "ollama": lambda: Ollama(name="local"),
    "server": lambda: OpenAI(name="local", base_url="http://127.0.0.1:9/v1"),
    "openai": lambda: OpenAI("sk-ours", name="local"),
    "anthropic": lambda: Anthropic("sk-ours", name="local"),
}


async def _here(call: Call) -> str:
    return "here"


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("answer", [None, "", [], [""]], ids=repr)
@pytest.mark.parametrize("name", WITHOUT_KEYS)
async def test_where_a_tenant_has_no_key_nothing_is_sent(name: str, answer: Any, kind: str) -> None:
    """Whatever the server would do without one, and whether or not we have one."""
    resolver = _plainly(answer) if kind == "plain" else Vault(answer)
    async with pipeline_of(
        Deployment(WITHOUT_KEYS[name](), "m"), ScriptedProvider("two"), credentials=resolver
    ) as pipeline:
        with pytest.raises(AllDeploymentsFailedError) as raised:
            await pipeline.complete("Why?", tenant="acme")
    assert [type(each) for each in raised.value.exceptions] == [CredentialMissingError] * 2
    assert "tenant 'acme' has no key for local" in str(raised.value.exceptions[0])
    assert raised.value.nothing_sent


async def test_a_skipped_server_that_needs_no_key_says_how_it_is_named() -> None:
    """By `SHARED`; for a provider that needs a key there is nothing to add."""
    for provider, end in ((ScriptedProvider("one"), "; return SHARED if it needs none"), (Keyed("one"), "")):
        with pytest.raises(CredentialMissingError) as raised:
            await pipeline_of(provider, credentials=_plainly(None)).complete("Why?", tenant="acme")
        assert str(raised.value) == f"tenant 'acme' has no key for one{end}"


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


@pytest.mark.parametrize("failure", [OSError("vault down"), 42, b"key", object(), ["key", 1]])
async def test_a_resolver_that_fails_or_answers_nonsense_skips_the_target(failure: Any) -> None:
    """Each time: nonsense is not remembered as a key. The cause is told, and the next target is asked."""
    for kind in (Vault(failure), _plainly(failure)):
        provider, other = Keyed("one"), Keyed("two")
        pipeline = pipeline_of(provider, credentials=kind)
        for _ in range(2):
            with pytest.raises(CredentialLookupError, match="tenant 'acme' at one") as raised:
                await pipeline.complete("Why?", tenant="acme")
            assert isinstance(raised.value.__cause__, (OSError, TypeError))
        with pytest.raises(AllDeploymentsFailedError) as both:
            await pipeline_of(provider, other, credentials=kind).complete("Why?")
        assert both.value.nothing_sent
        assert {each.kind for each in both.value.exceptions} == {"credential_lookup"}
        assert provider.calls == other.calls == []


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_failed_lookup_is_told_by_the_class_of_its_error(kind: str, way: str) -> None:
    """In the report of the call and in one event, for the operator: a text might hold a secret."""
    failure = OSError("cannot unlock sk-secret")
    heard: list[Event] = []

    def resolve(tenant: str, provider: str) -> Any:
        return "key" if provider == "two" else (_plainly if kind == "plain" else Vault)(failure)("", "")

    pipeline = Pipeline(Fallback(Keyed("one"), Keyed("two")), credentials=resolve, listeners=[heard.append])
    pending = pipeline.complete("Why?") if way == "complete" else (await pipeline.stream("Why?")).collect()
    story = (await pending).explain()
    assert "the credentials resolver failed: OSError (one/scripted)" in story
    assert "one/scripted skipped because of credential lookup" in story
    (failed,) = [each for each in heard if isinstance(each, CredentialLookupFailed)]
    assert (failed.provider, failed.model, failed.kind) == ("one", "scripted", "OSError")
    assert "sk-secret" not in story + repr(heard)


async def test_calls_that_wait_for_a_failed_lookup_all_report_it_and_listeners_hear_of_it_once() -> None:
    """It is one failure of the resolver."""
    heard: list[Event] = []
    pipeline = Pipeline(Fallback(Keyed("one")), credentials=Vault(OSError("down")), listeners=[heard.append])
    calls = [pipeline.complete("Why?") for _ in range(3)]
    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(error, CredentialLookupError)
        assert "resolver failed: OSError" in error.explain()
    assert sum(isinstance(each, CredentialLookupFailed) for each in heard) == 1


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
    with pytest.raises(CredentialLookupError):
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
    with pytest.raises(CredentialLookupError) as raised:
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


def of_nobody() -> str:
    return "key"


def of_a_tenant(tenant: str) -> str:
    return "key"


async def of_more(tenant: str, provider: str, model: str, vault: str = "hvs.secret") -> str:
    return "key"


def by_name(*, tenant: str, provider: str) -> str:
    return "key"


class Shop:
    """Its resolver takes one argument too few."""

    def __call__(self, tenant: str) -> str:
        return "key"


@pytest.mark.parametrize("resolver", [of_nobody, of_a_tenant, of_more, by_name, Shop()])
@pytest.mark.parametrize("way", [lambda resolver: resolver, Credentials])
def test_a_resolver_of_other_arguments_is_refused(resolver: Any, way: Any) -> None:
    """When the pipeline is built, and not by the first call; no default is shown, which may be a secret."""
    with pytest.raises(ConfigurationError, match=r"two arguments, \(tenant, provider\)") as raised:
        pipeline_of(Keyed("one"), credentials=way(resolver))
    assert "secret" not in str(raised.value)


def with_a_default(tenant: str, provider: str, region: str = "eu") -> str:
    return "key"


@pytest.mark.parametrize(
    "resolver",
    [
        with_a_default,
        lambda *who: "key",
        functools.partial(with_a_default, region="us"),
        Vault("key"),
        Mock(return_value="key"),
        {"acme": "key"}.get,
        min,  # a function of C without a signature
    ],
)
async def test_any_function_of_a_tenant_and_a_provider_is_a_resolver(resolver: Any) -> None:
    """Whatever kind of function it is."""
    answer = await pipeline_of(Keyed("one"), credentials=resolver).complete("Why?", tenant="acme")
    assert answer.text == "ok"


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
    with pytest.raises(CredentialLookupError) as kept:
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
