"""Azure: where its requests go, with which key or token, and what its deployments take."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ranvier import SHARED, Access, Deployment, Pipeline
from ranvier.errors import (
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ModelNotFoundError,
    ProviderError,
)
from ranvier.layers import Fallback
from ranvier.messages import FinishReason
from ranvier.providers import Azure
from ranvier.simulator import Simulator, Status
from support.providers.secrets import KEY, SECRET_SCRIPTS, shown

pytest.importorskip("uvicorn", reason="the simulator is an extra")

VERSION = "2025-04-01-preview"
ACME = "https://acme.openai.azure.com"
JWT = "eyJ0eXAi.eyJhdWQi.c2lnbmF0dXJl"
ANSWER = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A simulator."""
    async with Simulator() as simulator:
        yield simulator


async def ask(provider: Any, *, streamed: bool = False, **arguments: Any) -> Any:
    """Ask a deployment once."""
    credentials = arguments.pop("credentials", None)
    target = Deployment(provider, arguments.pop("model", "chat"))
    async with Pipeline(Fallback(target), credentials=credentials) as pipeline:
        if not streamed:
            return await pipeline.complete("Why?", **arguments)
        async with pipeline.stream("Why?", **arguments) as stream:
            return await stream.collect()


# --- where requests go ---------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("version", "api", "path"),
    [
        (None, "auto", "/openai/v1/chat/completions"),
        ("v1", "responses", "/openai/v1/responses"),
        (VERSION, "auto", "/openai/deployments/chat/chat/completions"),
        (VERSION, "responses", "/openai/responses"),
    ],
)
async def test_the_version_selects_the_path(
    sim: Simulator, version: Any, api: Any, path: str, streamed: bool
) -> None:
    """The simulator checks the version and the key, as Azure does."""
    provider = Azure(sim.url("azure"), version, api_key="a-key", api=api)
    answer = await ask(provider, streamed=streamed)
    assert answer.text
    (request,) = sim.requests_to("azure")
    assert f"/{request.path}" == path
    assert request.body["model"] == "chat"
    assert request.headers["api-key"] == "a-key"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("end", ["", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"])
def test_the_endpoint_may_be_copied_from_anywhere(end: str) -> None:
    """From the portal, or from another client."""
    assert Azure(ACME + end).base_url == f"{ACME}/openai/v1"
    assert Azure(ACME + end, VERSION).base_url == f"{ACME}/openai"


async def test_the_version_is_in_the_query_and_the_name_is_quoted(ask: Any) -> None:
    """A parameter of the user's does not replace it."""
    arguments = {"endpoint": ACME, "api_version": VERSION, "params": {"api-version": "2020-01-01", "a": "b"}}
    async with ask(Azure, httpx.Response(200, json=ANSWER), **arguments) as asked:
        await asked.complete(model="my/chat v2")
        with pytest.raises(ConfigurationError, match="give the name of a deployment"):
            await asked.complete(model="..")
    (request,) = asked.requests
    assert request.url.raw_path == (
        f"/openai/deployments/my%2Fchat%20v2/chat/completions?api-version={VERSION}&a=b".encode()
    )


async def test_the_environment_is_that_of_openais_client(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a program may move without new settings."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", sim.url("azure"))
    monkeypatch.setenv("OPENAI_API_VERSION", VERSION)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", JWT)
    await ask(Azure())
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "a-key")
    await ask(Azure())
    await ask(Azure(api_version="v1"))
    sent = [(each.headers.get("api-key"), each.headers.get("authorization")) for each in sim.requests]
    assert sent == [(None, f"Bearer {JWT}"), ("a-key", None), ("a-key", None)]
    assert [each.path.split("/")[1] for each in sim.requests] == ["deployments", "deployments", "v1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "give the URL of your resource, .* or set AZURE_OPENAI_ENDPOINT"),
        ({"endpoint": "acme"}, "endpoint='acme'"),
        ({"endpoint": ACME, "api_version": "v2"}, "api_version='v2': give a dated version"),
        ({"endpoint": ACME, "api_key": KEY, "token": lambda: KEY}, "give one of them"),
        ({"endpoint": ACME, "deployments": ["chat"]}, "deployments is a list: give a dict"),
        ({"endpoint": ACME, "deployments": {"chat": "my-model"}}, r"deployments\['chat'\]='my-model': give"),
        ({"endpoint": ACME, "token": "t"}, "token=str: give a function"),
    ],
)
def test_mistakes_are_refused_at_once(arguments: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the remedy, and without a secret."""
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    with pytest.raises(ConfigurationError, match=words) as caught:
        Azure(**arguments)
    assert KEY not in "\n".join(shown(caught.value))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("base_url", r"write endpoint="),
        ("azure_endpoint", r"write endpoint="),
        ("azure_ad_token_provider", r"write token="),
        ("azure_deployment", r"name it in the target"),
        ("max_retries", r"Retry\("),
    ],
)
def test_names_of_other_clients_have_a_remedy(name: str, words: str) -> None:
    """Those of OpenAI's own above all."""
    with pytest.raises(TypeError, match=f"{name}.*{words}"):
        Azure(ACME, **{name: "x"})  # type: ignore[arg-type]


# --- keys and tokens -----------------------------------------------------------------------------


async def test_a_token_comes_from_a_function_and_is_renewed_after_a_401(sim: Simulator) -> None:
    """The first one has expired on the server, although it looks valid here."""
    tokens = [f"a-until-{int(time.time()) - 5}", "b"]
    provider = Azure(sim.url("azure"), token=lambda: tokens.pop(0))
    assert (await ask(provider)).text
    first, second = sim.requests_to("azure")
    assert first.headers["authorization"].startswith("Bearer a-until-")
    assert second.headers["authorization"] == "Bearer b"
    assert "api-key" not in second.headers


async def test_a_tenant_has_its_key_or_its_own_resource(sim: Simulator) -> None:
    """And never our token."""
    accesses = {
        "key": "key-of-a-tenant",
        "token": JWT,
        "own": Access("key-of-own", base_url=sim.url("azure-eu"), headers={"x-team": "seven"}),
        "ours": SHARED,
    }
    provider = Azure(sim.url("azure"), VERSION, token=lambda: "our-token")
    for tenant in accesses:
        await ask(provider, tenant=tenant, credentials=lambda tenant, name: accesses[tenant])
    sent = [(each.headers.get("api-key"), each.headers.get("authorization")) for each in sim.requests]
    assert sent == [
        ("key-of-a-tenant", None),
        (None, f"Bearer {JWT}"),
        ("key-of-own", None),
        (None, "Bearer our-token"),
    ]
    (own,) = sim.requests_to("azure-eu")
    assert own.headers["x-team"] == "seven"
    assert own.path == "openai/deployments/chat/chat/completions"


async def test_the_simulator_takes_no_request_with_both(sim: Simulator) -> None:
    """Nor one without a version, or without a key."""
    url = sim.url("azure")
    body = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]}
    v1, classic = f"{url}/openai/v1/chat/completions", f"{url}/openai/deployments/chat/chat/completions"
    key, token = {"api-key": "k"}, {"authorization": "Bearer t"}
    cases = [
        (v1, key, 200),
        (f"{v1}?api-version=preview", token, 200),
        (v1, {**key, **token}, 401),
        (v1, {}, 401),
        (f"{v1}?api-version={VERSION}", key, 404),
        (classic, key, 404),
        (f"{classic}?api-version=v1", key, 404),
        (f"{classic}?api-version={VERSION}", key, 200),
        (f"{url}/openai/deployments/other/chat/completions?api-version={VERSION}", key, 404),
    ]
    async with httpx.AsyncClient() as client:
        for address, headers, status in cases:
            reply = await client.post(address, headers=headers, json=body)
            assert reply.status_code == status, address


# --- deployments ---------------------------------------------------------------------------------


def test_the_first_deployment_is_the_default() -> None:
    """Of a target that names none."""
    provider = Azure(ACME, deployments={"chat": "gpt-5.2", "small": "gpt-5-mini"})
    assert str(Deployment(provider)) == "azure/chat"
    assert str(Deployment(provider, "gpt", facts_of="gpt-5.2")) == "azure/gpt"


async def test_a_listed_deployment_gets_what_its_model_takes(sim: Simulator) -> None:
    """Another one gets what is given, and the errors of the server tell."""
    provider = Azure(sim.url("azure"), api_key="k", deployments={"chat": "gpt-5"})
    await ask(provider, temperature=0.5)
    await ask(provider, temperature=0.5, model="other")
    listed, other = (each.body for each in sim.requests_to("azure"))
    assert "temperature" not in listed
    assert other["temperature"] == 0.5


# --- the content filter --------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_filtered_prompt_is_a_content_filter_error(sim: Simulator, streamed: bool) -> None:
    """No other target would be asked for it in vain."""
    sim.always("azure", Status(400, reason="content_filter"))
    with pytest.raises(ContentFilterError, match="content management policy"):
        await ask(Azure(sim.url("azure"), api_key="k"), streamed=streamed)


async def test_the_results_of_the_filter_are_no_content(sim: Simulator) -> None:
    """The first chunk of a stream has no choices."""
    answer = await ask(Azure(sim.url("azure"), api_key="k"), streamed=True)
    assert answer.text
    assert answer.finish_reason is FinishReason.STOP
    assert answer.usage.complete


async def test_a_deployment_that_does_not_exist_is_no_model(sim: Simulator) -> None:
    """The error names the deployment."""
    sim.always("azure", Status(404, reason="model_not_found"))
    with pytest.raises(ModelNotFoundError, match=r"azure/chat.*deployment for this resource does not exist"):
        await ask(Azure(sim.url("azure"), api_key="k"))


async def test_a_wrong_key_is_a_rejected_key(sim: Simulator) -> None:
    """By the words of Azure's gateway."""
    sim.always("azure", Status(401))
    with pytest.raises(AuthenticationError, match="invalid subscription key"):
        await ask(Azure(sim.url("azure"), api_key="a-key-of-azure"))


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("where", ["key", "token"])
@pytest.mark.parametrize("name", SECRET_SCRIPTS)
async def test_no_error_shows_a_key_or_a_token(loopback: Any, name: str, where: str, streamed: bool) -> None:
    """Neither an error nor its causes nor any local of their tracebacks."""
    given: dict[str, Any] = {"api_key": KEY} if where == "key" else {"token": lambda: KEY}
    async with loopback(SECRET_SCRIPTS[name]) as server:
        provider = Azure(server.url, VERSION, **given)
        with pytest.raises(ProviderError) as caught:
            await ask(provider, streamed=streamed)
    assert KEY in server.visits[0].head
    assert KEY not in "\n".join(shown(caught.value)) + repr(provider) + repr(provider.preparations)
