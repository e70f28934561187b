"""Bedrock: which API carries a request, where it goes, and its key, token or signature."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.errors import (
    AuthenticationError,
    ConfigurationError,
    CredentialLookupError,
    CredentialMissingError,
)
from ranvier.layers import Fallback
from ranvier.providers import Bedrock
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._models.models import Facts
from ranvier.providers._tokens.token import Token
from ranvier.providers.bedrock import signing
from ranvier.providers.bedrock.models import facts_of_id
from ranvier.simulator import Rule, Simulator, Status
from ranvier.simulator.wires.clouds.aws.sigv4 import secret_of
from support.oracles import botocore_model
from support.providers.asking import opened

pytestmark = pytest.mark.skipif(bool(botocore_model.ABSENT), reason=botocore_model.ABSENT)

NOTHING = httpx.Response(200, json={})
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
APIS = ("messages", "converse", "responses", "chat")

in_region = partial(Bedrock, "us-east-1")


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Nobody's own credentials, and no question to the metadata of a machine."""
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an access key in the environment, with the secret that the simulator expects."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_of("AKIAEXAMPLE"))
    return "AKIAEXAMPLE"


@pytest.fixture
async def sim() -> Any:
    """A simulator, which checks keys and signatures."""
    async with Simulator() as simulator:
        yield simulator


async def ask(sim: Simulator, model: str = CLAUDE, **given: Any) -> Any:
    """The answer to a question through a pipeline, whole and then streamed."""
    target = Deployment(Bedrock("us-east-1", base_url=sim.url("bedrock"), **given), model)
    async with Pipeline(Fallback(target)) as pipeline:
        async with pipeline.stream("Why?") as stream:
            async for _ in stream:
                pass
        answer = await pipeline.complete("Why?")
        assert stream.response is not None
        assert answer.text == stream.response.text
    return answer


# --- models and addresses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        (CLAUDE, Facts("anthropic", "claude-sonnet-4-5-20250929")),
        ("anthropic.claude-sonnet-5", Facts("anthropic", "claude-sonnet-5")),
        (f"{ARN}{CLAUDE}", Facts("anthropic", "claude-sonnet-4-5-20250929")),
        ("claude-sonnet-4.6", Facts("anthropic", "claude-sonnet-4.6")),
        ("us-gov.amazon.nova-pro-v1:0", Facts("amazon", "nova-pro")),
        (GPT, Facts("openai", "gpt-oss-120b-1:0")),
        ("global.moonshotai.kimi-k3.1", Facts("kimi", "kimi-k3.1")),
        ("deepseek.v3.2", Facts("deepseek", "v3.2")),
        (f"{ARN.replace('inference-profile', 'application-inference-profile')}abc", None),
        ("m", Facts("", "m")),
    ],
)
def test_a_model_is_known_by_its_id(given: str, facts: Facts | None) -> None:
    """Whatever region, version or profile is around it."""
    assert facts_of_id(given) == (facts or Facts("", given))


ADDRESSES = [
    ({}, CLAUDE, "https://bedrock-runtime.us-east-1.amazonaws.com/anthropic/v1/messages"),
    ({}, NOVA, "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-2-lite-v1%3A0/converse"),
    ({"api": "chat"}, GPT, "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions"),
    ({"api": "responses"}, GPT, "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/responses"),
    (
        {"endpoint": "mantle"},
        "anthropic.claude-sonnet-5",
        "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages",
    ),
    ({"endpoint": "mantle"}, GPT, "https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions"),
    (
        {"endpoint": "mantle", "api": "responses"},
        "openai.gpt-6-luna",
        "https://bedrock-mantle.us-east-1.api.aws/openai/v1/responses",
    ),
    ({"base_url": "https://vpce.test/x/"}, CLAUDE, "https://vpce.test/x/anthropic/v1/messages"),
]


@pytest.mark.parametrize(("given", "model", "address"), ADDRESSES)
async def test_a_request_goes_where_its_model_is_served(given: Any, model: str, address: str) -> None:
    """With the key as a bearer token, and the version of the API where one is asked for."""
    async with opened(in_region, NOTHING, **given) as server:
        await server.sent(model=model)
    (request,) = server.requests
    assert str(request.url) == address
    assert request.headers["authorization"] == "Bearer secret-key"
    assert request.headers.get("anthropic-version") == ("2023-06-01" if "anthropic" in address else None)


def test_regions_of_other_partitions_have_other_domains() -> None:
    """China and the sovereign cloud of Europe."""
    assert Bedrock("cn-north-1").base_url == "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"
    assert Bedrock("eusc-de-east-1").base_url == "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu"


def test_a_region_is_found_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else it has to be given."""
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        Bedrock()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Bedrock().region == "eu-west-1"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"region": "Ireland"}, "give a region of AWS"),
        ({"region": 7}, "give a region of AWS"),
        ({"api": "invoke"}, "api='invoke'"),
        ({"endpoint": "edge"}, "endpoint='edge'"),
        ({"endpoint": "mantle", "api": "converse"}, "choose 'runtime'"),
        ({"api_key": "k", "token": lambda: "k"}, "api_key and token"),
        ({"profile": "p", "token": lambda: "k"}, "token and profile"),
        ({"timeout": 3}, "timeout"),
    ],
)
def test_bad_arguments_are_refused_at_once(given: Any, message: str) -> None:
    """With what to write instead."""
    with pytest.raises((ConfigurationError, TypeError), match=message):
        Bedrock(**{"region": "us-east-1", **given})


async def test_a_profile_that_names_no_model_may_say_whose_it_is() -> None:
    """Claude's API and parameters follow from `facts_of`."""
    profile = f"{ARN.replace('inference-profile', 'application-inference-profile')}abc"
    sent: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(400)

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        provider = in_region(api_key="k", http_client=client)
        for facts_of in (None, "anthropic.claude-sonnet-4-5"):
            async with Pipeline(Fallback(Deployment(provider, profile, facts_of=facts_of))) as pipeline:
                with pytest.raises(Exception, match="400"):
                    await pipeline.complete("Hi")
    assert sent[0].url.path.endswith("/converse")
    assert sent[1].url.path == "/anthropic/v1/messages"
    assert json.loads(sent[1].content)["max_tokens"] == 64_000


# --- keys and tokens -----------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
async def test_every_api_is_asked_with_a_key(sim: Simulator, api: Any) -> None:
    """Of the argument, or of the environment."""
    model = CLAUDE if api in ("messages", "converse") else GPT
    assert (await ask(sim, model, api=api, api_key="key-of-ours")).text
    assert {exchange.key for exchange in sim.requests} == {"key-of-ours"}
    assert [exchange.refused for exchange in sim.requests] == [None, None]


async def test_a_key_in_the_environment_goes_before_credentials(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """But not before a profile that is named."""
    provider = Bedrock("us-east-1", base_url=sim.url("bedrock"))
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key-of-env")
    async with Pipeline(Fallback(Deployment(provider, CLAUDE))) as pipeline:
        await pipeline.complete("Why?")
        monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
        await pipeline.complete("Why?")
    assert [exchange.key for exchange in sim.requests] == ["key-of-env", account]


async def test_a_function_gives_short_term_keys(sim: Simulator) -> None:
    """It is called once, and again after Bedrock has rejected what it gave."""
    given = iter(("key-1", "key-2"))
    provider = Bedrock("us-east-1", base_url=sim.url("bedrock"), token=lambda: next(given))
    async with Pipeline(Fallback(Deployment(provider, NOVA))) as pipeline:
        await asyncio.gather(*(pipeline.complete("Why?") for _ in range(3)))
        sim.refuse_key("key-1")
        assert (await pipeline.complete("Why?")).text
    assert [exchange.key for exchange in sim.requests] == ["key-1"] * 4 + ["key-2"]


# --- signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["aiohttp", "httpx"])
@pytest.mark.parametrize("api", APIS)
async def test_every_api_is_asked_with_a_signature(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, account: str, api: Any, engine: Any
) -> None:
    """Over either engine, of a path that has to be quoted twice, and of a user's parameters and headers."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session/token+==")
    model = f"{ARN}{CLAUDE}" if api in ("messages", "converse") else GPT
    params = {"b c": "d/ü+", "a": "~"}
    await ask(sim, model, api=api, engine=engine, params=params, headers={"x-note": "a  b"})
    assert [(exchange.key, exchange.refused) for exchange in sim.requests] == [(account, None)] * 2
    assert {exchange.headers["x-amz-security-token"] for exchange in sim.requests} == {"session/token+=="}


async def test_a_wrong_secret_is_an_authentication_error(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """Which neither says the secret nor retries."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret")
    with pytest.raises(AuthenticationError, match="does not match") as caught:
        await ask(sim)
    assert "a-wrong-secret" not in repr(caught.value)
    assert not caught.value.retryable


def test_the_service_of_an_endpoint_is_signed_for() -> None:
    """Mantle has another one; what was signed is left as it is, and no error shows the signature."""
    for endpoint, service in (("runtime", "bedrock"), ("mantle", "bedrock-mantle")):
        (signs,) = in_region(endpoint=endpoint).preparations  # type: ignore[arg-type]
        request = HttpRequest("https://one.test/v1?b=2&a=1", {"content-type": "x"}, b"{}", provider="bedrock")
        signed = signs.put(request, Token(f"AKIAONE:{secret_of('AKIAONE')}:", None))  # type: ignore[attr-defined]
        assert f"/us-east-1/{service}/aws4_request" in signed.headers["authorization"]
        assert "authorization" not in request.headers
        assert "AKIAONE" not in signed.masked(signed.headers["authorization"])


async def test_without_credentials_the_next_target_is_asked(sim: Simulator) -> None:
    """The error says what found none."""
    with pytest.raises(CredentialLookupError, match=r"profile=default gave .*: NoCredentials"):
        await ask(sim)
    with pytest.raises(CredentialLookupError, match=r"profile=ours gave .*: ProfileNotFound"):
        await ask(sim, profile="ours")
    assert not sim.requests


async def test_without_botocore_it_is_said_what_to_install(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or which key to give; with a key nothing is missing."""
    monkeypatch.setattr(signing, "has_botocore", lambda: False)
    with pytest.raises(CredentialMissingError, match=r"ranvier\[bedrock\]") as caught:
        await ask(sim)
    assert "AWS_BEARER_TOKEN_BEDROCK" in str(caught.value)
    assert (await ask(sim, api_key="key")).text


class Chain:
    """Stands for botocore's chain: credentials that expire.

    Attributes:
        threads: Where it was asked.
    """

    def __init__(self, keys: Iterator[str], life: timedelta) -> None:
        self.threads: list[str] = []
        self._keys = keys
        self._life = life

    def __call__(self) -> tuple[str, datetime]:
        self.threads.append(threading.current_thread().name)
        key = next(self._keys)
        return f"{key}:{secret_of(key)}:", datetime.now(UTC) + self._life


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replace the chain of each provider from now on."""

    def replace(*keys: str, life: timedelta = timedelta(hours=1)) -> Chain:
        chain = Chain(iter(keys), life)
        monkeypatch.setattr(signing, "CredentialChain", lambda profile: chain)
        return chain

    return replace


async def test_credentials_are_looked_up_once_for_all_in_a_thread(sim: Simulator, chain: Any) -> None:
    """The event loop is not blocked, and the call that began it may be cancelled."""
    asked = chain("AKIAONE")
    provider = Bedrock("us-east-1", base_url=sim.url("bedrock"))
    async with Pipeline(Fallback(Deployment(provider, NOVA))) as pipeline:
        calls = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(5)]
        await asyncio.sleep(0)
        calls[0].cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [exchange.key for exchange in sim.requests] == ["AKIAONE"] * 4
    assert len(asked.threads) == 1
    assert asked.threads[0] != threading.main_thread().name


async def test_expired_credentials_are_looked_up_again(sim: Simulator, chain: Any) -> None:
    """Before they are sent, and once after AWS has rejected them."""
    chain("AKIAONE", "AKIATWO", "AKIATHREE", life=timedelta(seconds=0.2))
    provider = Bedrock("us-east-1", base_url=sim.url("bedrock"))
    async with Pipeline(Fallback(Deployment(provider, NOVA))) as pipeline:
        await pipeline.complete("Why?")
        await asyncio.sleep(0.25)
        await pipeline.complete("Why?")
        sim.add(Rule(Status(403, "auth"), provider="bedrock", key="AKIATWO"))
        assert (await pipeline.complete("Why?")).text
    assert list(dict.fromkeys(exchange.key for exchange in sim.requests)) == [
        "AKIAONE",
        "AKIATWO",
        "AKIATHREE",
    ]


async def test_a_tenants_key_is_sent_as_it_is(sim: Simulator, account: str) -> None:
    """Neither signed nor replaced."""
    provider = Bedrock("us-east-1", base_url=sim.url("bedrock"))
    keys = {"acme": "key-of-acme"}
    async with Pipeline(
        Fallback(Deployment(provider, NOVA)), credentials=lambda tenant, _: keys[tenant]
    ) as one:
        await one.complete("Why?", tenant="acme")
    assert [exchange.key for exchange in sim.requests] == ["key-of-acme"]


async def test_reasoning_goes_back_to_the_same_credentials_after_their_renewal() -> None:
    """An account outlasts its credentials, on every wire; another profile is another account."""
    accounts: list[set[str]] = []
    for given in ({}, {}, {"profile": "other"}):
        accounts.append(set())
        for api in APIS:
            async with opened(in_region, NOTHING, api=api, **given) as server:
                call = server.call(model=CLAUDE, key=server.provider.credential())
                wire = server.provider.wire_for(call)
                accounts[-1].add(wire.account_for(call.credential))
    assert accounts[0] == accounts[1] != accounts[2]
    assert [len(each) for each in accounts] == [1, 1, 1]
    assert "" not in set().union(*accounts)


def test_a_profile_goes_before_a_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a function for keys does."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key-of-env")
    assert in_region().credential() == "key-of-env"
    assert in_region(profile="prod").credential() != "key-of-env"
    assert in_region(token=lambda: "k").credential() != "key-of-env"
