"""What a call does after its key was at fault: another key, a newer one, or the next target."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import (
    SHARED,
    AuthenticationError,
    Credentials,
    DeadlineExceededError,
    Pipeline,
    QuotaExceededError,
    RanvierError,
    RateLimitError,
    ThrottledError,
)
from ranvier.events import CredentialLookupFailed, Event, RetryWithheld
from ranvier.layers import Deadline, Fallback, Retry, Throttle
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, after, assert_settled

pytestmark = pytest.mark.virtual_time

REJECTED = AuthenticationError("no", provider="one", status=401)
LIMITED = RateLimitError("not now", provider="one", status=429, retry_after=5)
NO_CREDIT = QuotaExceededError("no credit", provider="one", status=402)


class Server(ScriptedProvider):
    """Answers with the key of the call, but for keys that begin with the name of a fault."""

    needs_credential = True

    def __init__(self, name: str = "one", ours: str | None = None) -> None:
        super().__init__(name, self.judge)
        self.credential = lambda: ours  # type: ignore[assignment]

    def judge(self, call: Call) -> Any:
        faults = {"rejected": REJECTED, "limited": LIMITED, "broke": NO_CREDIT}
        return faults.get((call.credential or "").partition(" ")[0], call.credential or "no key")

    @property
    def keys(self) -> list[str | None]:
        return [call.credential for call in self.calls]


class Store:
    """Answers one after the other, the last one for ever; each takes half a second."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, tenant: str, provider: str) -> Any:
        await asyncio.sleep(0.5)
        return self.plain(tenant, provider)

    def plain(self, tenant: str, provider: str) -> Any:
        """The same, at once."""
        self.asked.append(provider)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def resolver(self, kind: str) -> Any:
        """The resolver of that kind."""
        return self.plain if kind == "plain" else self


either_kind = pytest.mark.parametrize("kind", ["plain", "async"])
either_way = pytest.mark.parametrize("way", ["complete", "stream"])


def pipeline_of(*targets: Any, credentials: Any, **settings: Any) -> Pipeline:
    return Pipeline(
        Deadline(60), Fallback(*targets), Retry(max_retries=2), Throttle(max_wait=0), credentials=credentials,
        **settings,
    )  # fmt: skip  # because: one line per part


async def ask(pipeline: Pipeline, way: str = "complete", **options: Any) -> Any:
    """The whole answer."""
    if way == "complete":
        return await pipeline.complete("Why?", **options)
    async with pipeline.stream("Why?", **options) as stream:
        return await stream.collect()


# --- a newer key ---------------------------------------------------------------------------------


@either_kind
@either_way
async def test_the_resolver_is_asked_once_more_by_a_call_at_a_target(kind: str, way: str) -> None:
    """However many of its keys are rejected, it may have a new one; the next target is asked instead."""
    one, two = Server(), Server("two")
    store = Store(*(f"rejected {number}" for number in range(9)))
    pipeline = pipeline_of(one, two, credentials=store.resolver(kind))
    with pytest.raises(RanvierError):
        await ask(pipeline, way)
    assert one.keys == ["rejected 0", "rejected 1"]
    assert two.keys == ["rejected 2", "rejected 3"]
    assert store.asked == ["one", "one", "two", "two"]


@either_kind
@either_way
async def test_a_newer_key_answers_within_the_call(kind: str, way: str) -> None:
    """The next call has it at once."""
    one, store = Server(), Store("rejected", "new")
    pipeline = pipeline_of(one, credentials=store.resolver(kind))
    answer = await ask(pipeline, way)
    assert (answer.text, [each.reason for each in answer.attempts]) == ("new", [None, "auth"])
    assert (await ask(pipeline, way)).text == "new"
    assert one.keys == ["rejected", "new", "new"]


@either_kind
async def test_newer_keys_take_the_place_of_those_known_before(kind: str) -> None:
    """Of several new ones each is tried; the old ones are not, which the resolver no longer returns."""
    one, store = Server(), Store(["rejected a", "rejected b"], ["limited c", "d"])
    pipeline = pipeline_of(one, credentials=store.resolver(kind))
    with pytest.raises(RateLimitError):
        await ask(pipeline)  # two further keys at most
    assert one.keys == ["rejected a", "rejected b", "limited c"]
    assert (await ask(pipeline)).text == "d"


@either_kind
@either_way
@pytest.mark.parametrize("failure", [OSError("sk-secret"), 42, None, "rejected", []], ids=repr)
async def test_a_resolver_without_a_newer_key_leaves_the_rejection_as_it_is(
    kind: str, way: str, failure: Any
) -> None:
    """That it failed stands in the report and is told to listeners; the next target is asked."""
    heard: list[Any] = []
    one, store = Server(), Store("rejected", failure, "mine")
    pipeline = pipeline_of(one, Server("two"), credentials=store.resolver(kind), listeners=[heard.append])
    answer = await ask(pipeline, way)
    assert (answer.text, one.keys) == ("mine", ["rejected"])
    assert [(each.provider, each.reason) for each in answer.attempts] == [("one", None), ("two", "auth")]
    cause = {OSError: "OSError", int: "TypeError"}.get(type(failure))
    assert [each.kind for each in heard if isinstance(each, CredentialLookupFailed)] == [cause][: bool(cause)]
    assert (f"resolver failed: {cause} (one" in answer.explain()) == bool(cause)
    assert "sk-secret" not in answer.explain()


@either_way
async def test_a_call_out_of_time_in_its_second_lookup_is_out_of_time(way: str) -> None:
    """As in its first."""
    store = Store("rejected", "new")
    pipeline = pipeline_of(Server(), Server("two"), credentials=store)
    with pytest.raises(DeadlineExceededError) as raised:
        await ask(pipeline, way, deadline=0.75)
    assert asyncio.get_running_loop().time() == 0.75
    assert [each.outcome for each in raised.value.attempts] == ["auth"]
    await pipeline.aclose()
    assert_settled(pipeline)


@either_way
async def test_a_call_cancelled_in_its_second_lookup_is_cancelled(way: str) -> None:
    """Nothing is left of it, no failure is told, and who waits for the same key asks again."""
    heard: list[Any] = []
    one, store = Server(), Store("rejected", "new")
    pipeline = pipeline_of(one, credentials=store, listeners=[heard.append])
    first, second = (asyncio.ensure_future(ask(pipeline, way)) for _ in range(2))
    await asyncio.sleep(0.75)
    assert one.keys == ["rejected"]  # the second call found the gate of the key closed
    first.cancel()
    assert (await second).text == "new"
    assert first.cancelled()
    assert asyncio.get_running_loop().time() == 1.25
    assert not any(isinstance(each, CredentialLookupFailed) for each in heard)
    await pipeline.aclose()
    assert_settled(pipeline)


@either_kind
@pytest.mark.parametrize("last", ["rejected", "new"])
async def test_a_call_with_a_key_that_another_call_found_rejected_uses_the_newer_one(
    kind: str, last: str
) -> None:
    """It is not skipped meanwhile, and asks nobody on its own: one lookup does for all."""
    one, store = Server(), Store("rejected", last)
    pipeline = pipeline_of(one, credentials=store.resolver(kind))
    calls = [ask(pipeline) for _ in range(9)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    texts = [getattr(each, "text", type(each).__name__) for each in ended]
    assert texts == ["new"] * 9 if last == "new" else set(texts) == {"AuthenticationError", "ThrottledError"}
    assert one.keys.count("rejected") == 1
    assert kind == "plain" or len(store.asked) == 2


# --- another key ---------------------------------------------------------------------------------


@either_kind
@pytest.mark.parametrize("forgotten", [True, False])
async def test_a_key_that_is_no_longer_the_tenants_is_not_tried(kind: str, forgotten: bool) -> None:
    """The resolver returns another one, or an operator said that the keys have changed."""
    one, store = Server(), Store(["a", "b"], "limited c")
    credentials = Credentials(store.resolver(kind), ttl=1)
    pipeline = pipeline_of(one, credentials=credentials)
    await ask(pipeline)
    if forgotten:
        credentials.forget("default")
    else:
        await asyncio.sleep(1)
    with pytest.raises(RateLimitError):
        await ask(pipeline)
    assert set(one.keys) == {"a", "limited c"}


async def test_a_call_in_flight_does_not_try_a_key_that_was_forgotten_meanwhile() -> None:
    """It was removed because it has leaked, for example."""
    provider = ScriptedProvider("one", lambda call: after(1, LIMITED))
    pipeline = Pipeline(Fallback(provider), credentials=lambda tenant, name: ["a", "b"])
    asking = asyncio.ensure_future(ask(pipeline, tenant="acme"))
    await asyncio.sleep(0.5)
    pipeline.credentials.forget("acme", "one")
    with pytest.raises(RateLimitError):
        await asking
    assert [call.credential for call in provider.calls] == ["a"]


@either_kind
async def test_a_call_whose_key_is_limited_while_it_waits_goes_on_with_another(kind: str) -> None:
    """It waits for a connection, and the gate of its key closes: nothing is sent with that key."""

    def judge(call: Call) -> Any:
        return after(1, LIMITED if call.credential == "limited" else call.credential)

    provider = ScriptedProvider("one", judge)
    provider.slots = asyncio.Semaphore(1)
    pipeline = pipeline_of(provider, credentials=Store(["limited", "good"]).resolver(kind))
    calls = [ask(pipeline) for _ in range(3)]
    answers = await asyncio.gather(*calls)
    assert [answer.text for answer in answers] == ["good"] * 3
    assert [call.credential for call in provider.calls].count("limited") == 1


@pytest.mark.parametrize(
    ("reason", "about_key"),
    [("rate_limit", True), ("auth", True), ("quota_exhausted", True), ("overloaded", False)],
)
def test_a_closed_gate_is_about_the_key_unless_the_provider_is_overloaded(
    reason: str, about_key: bool
) -> None:
    """Another key does not help then."""
    assert ThrottledError(tenant="acme", provider="one", reason=reason).about_key == about_key


# --- the retry budget ----------------------------------------------------------------------------


class Budget:
    """A budget of so many attempts; notes who asks, and when."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked: list[tuple[str, str, float]] = []

    def first(self, tenant: str, provider: str, now: float) -> None:
        """It does not count first attempts."""

    def take(self, tenant: str, provider: str, now: float) -> bool:
        self.asked.append((tenant, provider, now))
        self.left -= 1
        return self.left >= 0


@pytest.mark.parametrize("fault", ["limited", "rejected", "broke"])
@pytest.mark.parametrize(("left", "keys"), [(1, 3), (0, 2)])
async def test_further_keys_after_the_first_count_against_the_retry_budget(
    fault: str, left: int, keys: int
) -> None:
    """Without any left, the next target is asked, and the report says why."""
    one, two, budget = Server(), ScriptedProvider("two"), Budget(left)
    resolver = lambda tenant, name: [f"{fault} {number}" for number in range(9)]  # noqa: E731
    pipeline = pipeline_of(one, two, credentials=resolver)
    pipeline.retry_budget = budget
    events: list[Event] = []
    pipeline.events.add(events.append)
    answer = await ask(pipeline, tenant="acme")
    assert (answer.provider, len(one.calls)) == ("two", keys)
    assert budget.asked == [("acme", "one", 0.0)]
    assert ("retry withheld: budget (one/scripted)" in answer.explain()) == (left == 0)
    assert sum(isinstance(event, RetryWithheld) for event in events) == (left == 0)


async def test_no_budget_is_used_where_there_is_no_key_to_try() -> None:
    """It is left to those that can be helped."""
    budget = Budget(9)
    pipeline = pipeline_of(Server(), credentials=lambda tenant, name: ["rejected 1", "rejected 2"])
    pipeline.retry_budget = budget
    with pytest.raises(AuthenticationError):
        await ask(pipeline)
    assert budget.asked == []


# --- whose key -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "tenants"),
    [
        ("theirs", [True]),
        ("ours", [False]),
        (SHARED, [False]),
        (["limited theirs", SHARED], [True, False]),
        (["limited theirs", "ours"], [True, False]),
        (["limited theirs", "theirs"], [True, True]),
    ],
    ids=str,
)
@either_kind
@either_way
async def test_a_call_knows_whether_its_key_is_the_tenants_own(
    answer: Any, tenants: list[bool], kind: str, way: str
) -> None:
    """For each key anew; our key is ours, whoever names it."""
    one = Server(ours="ours")
    await ask(pipeline_of(one, credentials=Store(answer).resolver(kind)), way)
    assert [call.tenants_key for call in one.calls] == tenants


async def test_the_key_of_a_pipeline_without_a_resolver_is_ours() -> None:
    """And where the server needs none, it is nobody's."""
    for provider, resolver in ((Server(ours="ours"), None), (ScriptedProvider("one"), lambda *who: SHARED)):
        await ask(pipeline_of(provider, credentials=resolver))
        assert [call.tenants_key for call in provider.calls] == [False]


@pytest.mark.parametrize("answer", ["limited", "rejected"])
async def test_whose_key_it_is_ends_with_the_target(answer: str) -> None:
    """At the next target the call has another one, and a retry has the same."""
    one, two = Server(), Server("two", ours="ours")
    resolver: Callable[..., Any] = lambda tenant, name: answer if name == "one" else SHARED  # noqa: E731
    await ask(pipeline_of(one, two, credentials=resolver))
    assert {call.tenants_key for call in one.calls} == {True}
    assert [call.tenants_key for call in two.calls] == [False]


async def test_a_tenant_with_a_key_of_its_own_does_not_need_ours() -> None:
    """Not even where our key cannot be read; who shares it is told of the error."""
    one = ScriptedProvider("one", lambda call: call.credential)

    def unset() -> str:
        raise KeyError("ONE_API_KEY")

    one.credential = unset
    keys = {"acme": "theirs", "trial": SHARED}
    pipeline = pipeline_of(one, credentials=lambda tenant, name: keys[tenant])
    assert (await ask(pipeline, tenant="acme")).text == "theirs"
    assert one.calls[0].tenants_key
    with pytest.raises(KeyError):
        await ask(pipeline, tenant="trial")
