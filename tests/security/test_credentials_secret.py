"""Wherever a key comes from, and whatever goes wrong on the way: nothing shows it."""

import asyncio
import copy
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ranvier import SHARED, Pipeline
from ranvier.errors import (
    AllDeploymentsFailedError,
    ConfigurationError,
    ConnectionFailedError,
    CredentialLookupError,
    RanvierError,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.providers import ADAPTERS, Anthropic, FunctionProvider, OpenAI, adapter
from ranvier.testing import ScriptedProvider
from support.security.failing import KEY, PROMPT
from support.security.showing import held, said

pytestmark = pytest.mark.virtual_time

NOWHERE = "http://127.0.0.1:9"


async def failure(pipeline: Pipeline, *, streamed: bool = False) -> RanvierError:
    """The error for the prompt."""
    try:
        if streamed:
            async with pipeline.stream(PROMPT, tenant="acme") as answer:
                await answer.collect()
        await pipeline.complete(PROMPT, tenant="acme")
    except RanvierError as error:
        return error
    raise AssertionError("it did not fail")


def assert_hidden(error: BaseException) -> None:
    """The key is in nothing that a report of `error` would show."""
    assert KEY not in said(error)
    assert not [place for place, value in held(error).items() if KEY in value]


RESOLVERS: dict[str, Callable[[], Any]] = {
    "one": lambda: KEY,
    "several": lambda: [KEY, f"{KEY}2"],
    "one and ours": lambda: [KEY, SHARED],
    "bytes": lambda: KEY.encode(),
    "a mapping": lambda: {"key": KEY},
    "a list of bytes": lambda: [KEY, KEY.encode()],
    "with a line break": lambda: f"{KEY}\n",
}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("what", RESOLVERS)
async def test_a_resolvers_answer_is_never_shown(what: str, asynchronous: bool) -> None:
    """One that is used, one that is nonsense, and one that no header can hold."""

    def plain(tenant: str, provider: str) -> Any:
        return RESOLVERS[what]()

    async def later(tenant: str, provider: str) -> Any:
        return RESOLVERS[what]()

    pipeline = Pipeline(
        Deadline(5),
        Fallback(OpenAI(KEY, base_url=NOWHERE), Anthropic(KEY, base_url=NOWHERE)),
        Retry(1),
        Breaker(),
        Timeout(),
        credentials=later if asynchronous else plain,
    )
    async with pipeline:
        error = await failure(pipeline)
        assert isinstance(error, AllDeploymentsFailedError)
        for each in (error, *error.exceptions, copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert_hidden(each)
        assert KEY not in repr(pipeline) + str(pipeline) + repr(pipeline.credentials)


async def test_an_answer_that_has_expired_is_not_shown_by_the_failure_to_renew_it() -> None:
    """It may be a good key still."""
    answers: list[Any] = [KEY]

    async def once(tenant: str, provider: str) -> Any:
        return answers.pop()

    stack = Fallback(OpenAI(base_url=NOWHERE))
    async with Pipeline(stack, credentials=Credentials(once, ttl=0.0)) as pipeline:
        assert isinstance(await failure(pipeline), ConnectionFailedError)
        error = await failure(pipeline)
        assert isinstance(error, CredentialLookupError)
        assert_hidden(error)


async def test_a_provider_of_functions_shows_no_key_that_it_was_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the function raises, and whatever `classify` does: what is ours hides the call's key."""
    caplog.set_level(logging.DEBUG)

    async def fails(call: Any) -> str:
        raise ConnectionResetError("gone")

    async def streams(call: Any) -> Any:
        yield "x"
        raise ConnectionResetError("gone")

    def breaks(error: Exception) -> RanvierError:
        raise LookupError("I do not know either")

    for streamed in (False, True):
        for classify in (None, breaks):
            provider = FunctionProvider("own", fails, streams if streamed else None, classify)
            pipeline = Pipeline(Fallback(provider), Breaker(), credentials=lambda tenant, provider: KEY)
            async with pipeline:
                error = await failure(pipeline)
                assert_hidden(error)
                assert PROMPT not in said(error)
                assert not [place for place, value in held(error).items() if PROMPT in value]
    assert not [each for each in caplog.records if KEY in each.getMessage() or KEY in str(each.exc_info)]


async def test_what_an_os_error_of_a_function_says_is_told_without_the_key() -> None:
    """In one line; the error itself, which is the function's own, is kept as it is."""

    async def fails(call: Any) -> str:
        raise OSError(f"cannot reach\r\nhttps://x.test?key={call.credential} " + "x" * 999)

    pipeline = Pipeline(Fallback(FunctionProvider("own", fails)), credentials=lambda tenant, provider: KEY)
    async with pipeline:
        error = await failure(pipeline)
    assert isinstance(error, ConnectionFailedError)
    assert str(error).startswith("own/own: cannot reach https://x.test?key=*** xxx")
    assert len(str(error)) < 400
    assert isinstance(error.__cause__, OSError)


async def test_a_key_in_a_key_of_ours_is_hidden_by_all_that_is_printed() -> None:
    """A call, a provider, its connections, a deployment: whatever a debugger prints."""
    provider = OpenAI(KEY)
    scripted = ScriptedProvider("one")
    pipeline = Pipeline(Fallback(scripted, provider), credentials=lambda tenant, name: KEY)
    async with pipeline:
        await pipeline.complete(PROMPT, tenant="acme")
    call = scripted.calls[0]
    for thing in (
        provider,
        provider._connections,
        pipeline,
        pipeline.credentials,
        call,
        call.record,
        call.deployment,
    ):
        assert KEY not in repr(thing) + str(thing)
    assert PROMPT not in repr(call) + repr(call.record.attempts)


WRONG: list[dict[str, Any]] = [
    {"base_url": "nowhere"},
    {"name": ""},
    {"max_connections": 0},
    {"http_client": "none"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_provider_that_cannot_be_built_shows_no_key(wrong: dict[str, Any]) -> None:
    """Its constructor has been given the key, and is a frame of the traceback."""
    with pytest.raises(ConfigurationError) as caught:
        OpenAI(KEY, **wrong)
    assert_hidden(caught.value)


@pytest.mark.parametrize("kind", list(map(adapter, ADAPTERS)))
def test_a_key_under_a_misspelt_name_is_not_shown(kind: Any) -> None:
    """The name is told before any other mistake."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'apikey'") as caught:
        kind("Nowhere, at all!", apikey=KEY)
    assert_hidden(caught.value)


async def test_tasks_that_fail_together_show_no_key() -> None:
    """A group of errors is as quiet as each of them."""
    pipeline = Pipeline(Fallback(OpenAI(KEY, base_url=NOWHERE)), Retry(9, base_delay=9))

    async def ask_three_times() -> None:
        async with pipeline, asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(pipeline.complete(PROMPT, deadline=3))

    with pytest.raises(BaseExceptionGroup) as caught:
        await ask_three_times()
    assert_hidden(caught.value)


async def test_every_key_goes_to_its_own_provider_for_its_own_tenant() -> None:
    """Of many calls at once, on one client, each with the key that the resolver gave for just that."""
    sent: set[tuple[str, str, str]] = set()

    def serve(request: httpx.Request) -> httpx.Response:
        key = request.headers.get("x-api-key") or request.headers["authorization"].removeprefix("Bearer ")
        tenant = json.loads(request.content)["messages"][0]["content"]
        sent.add((request.url.host, tenant, key))
        return httpx.Response(503)

    async def resolver(tenant: str, provider: str) -> str:
        await asyncio.sleep(len(tenant))
        return f"sk-{tenant}-{provider}"

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        first = Anthropic(KEY, base_url="https://anthropic.test", http_client=client)
        second = OpenAI(KEY, base_url="https://openai.test", http_client=client)
        pipeline = Pipeline(Fallback(first, second), Retry(1), Breaker(), credentials=resolver)
        tenants = [f"t{number}" for number in range(30)]
        async with pipeline:
            asked = [pipeline.complete(tenant, tenant=tenant) for tenant in tenants for _ in range(3)]
            await asyncio.gather(*asked, return_exceptions=True)
    names = ("anthropic", "openai")
    assert sent == {(f"{name}.test", tenant, f"sk-{tenant}-{name}") for tenant in tenants for name in names}
