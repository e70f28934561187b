"""Gemini and Claude by Vertex: hosts, paths, tokens, and what each API takes there."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ranvier import ConfigurationError, Deployment, Image, Message, Pipeline, Response, Text, Tool, ToolCall
from ranvier.errors import (
    AuthenticationError,
    CredentialLookupError,
    ModelNotFoundError,
    UnsupportedRequestError,
)
from ranvier.facts.price import Price, of_target
from ranvier.layers import Fallback, Throttle, Timeout
from ranvier.messages.request import Request
from ranvier.providers import Vertex
from ranvier.simulator import Simulator, faults
from support.providers.asking import Chunks
from support.providers.seven import CITY, PNG, body

TOKEN = "ya29.sentinel-4f1d9a7c"
CLAUDE = "claude-sonnet-4-5@20250929"
GEMINI = "gemini-3.6-flash"
MODELS = (GEMINI, CLAUDE)


async def fetch() -> str:
    """A token that never expires."""
    return TOKEN


def vertex(project: str | None = "acme-prod", location: str | None = None, **given: Any) -> Vertex:
    return Vertex(project, location, token=fetch, **given)


def answer_of(model: str) -> bytes:
    return body("anthropic" if model == CLAUDE else "gemini", "answer.json")


async def sent(
    ask: Any, model: str, request: Any = "Hi", *, streamed: bool = False, **given: Any
) -> httpx.Request:
    """What is sent to a server that answers."""
    async with ask(vertex, httpx.Response(200, stream=Chunks(answer_of(model))), **given) as server:
        await server.sent(request, model=model, streamed=streamed)
        return server.requests[0]


# --- hosts and paths -----------------------------------------------------------------------------

HOSTS = {
    None: "aiplatform.googleapis.com",
    "global": "aiplatform.googleapis.com",
    "us": "aiplatform.us.rep.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
    "europe-west1": "europe-west1-aiplatform.googleapis.com",
}


@pytest.mark.parametrize("location", HOSTS)
async def test_each_location_has_its_host_and_its_path(ask: Any, location: str | None) -> None:
    """As in both SDKs."""
    request = await sent(ask, GEMINI, location=location)
    assert request.url.host == HOSTS[location]
    place = f"/v1beta1/projects/acme-prod/locations/{location or 'global'}/publishers/google/models/"
    assert request.url.path == f"{place}{GEMINI}:generateContent"
    request = await sent(ask, CLAUDE, location=location)
    assert request.url.host == HOSTS[location]
    place = f"/v1/projects/acme-prod/locations/{location or 'global'}/publishers/anthropic/models/"
    assert request.url.raw_path.decode() == f"{place}{CLAUDE}:rawPredict"


async def test_a_stream_has_a_method_of_its_own(ask: Any) -> None:
    """For each of the two APIs."""
    request = await sent(ask, GEMINI, streamed=True)
    assert str(request.url).endswith(f"/models/{GEMINI}:streamGenerateContent?alt=sse")
    request = await sent(ask, CLAUDE, streamed=True)
    assert str(request.url).endswith(f"/models/{CLAUDE}:streamRawPredict")
    assert json.loads(request.content)["stream"] is True


async def test_a_model_may_be_a_path_below_the_project(ask: Any) -> None:
    """Such as a tuned model, which facts_of tells about."""
    request = await sent(ask, "endpoints/1234")
    assert request.url.path.endswith("/projects/acme-prod/locations/global/endpoints/1234:generateContent")
    async with ask(vertex, httpx.Response(200, json={})) as server:
        with pytest.raises(ConfigurationError, match=r"must not contain '\.\.'"):
            await server.complete(model="../../other/models/x")


@pytest.mark.parametrize(("facts_of", "inside"), [("gemini-2.5-flash", False), ("gemini-3.6-flash", True)])
async def test_a_tuned_model_takes_pictures_from_tools_as_its_public_model_does(
    ask: Any, facts_of: str, inside: bool
) -> None:
    """The older ones reject a picture in a result: it follows."""
    called = Message.assistant(tool_calls=[ToolCall("c1", "look")])
    request = Request((Message.user("Hi"), called, Message.tool("c1", (Image(data=PNG),))))
    async with ask(vertex, httpx.Response(200, json={})) as server:
        fields = await server.sent(request, model="endpoints/1234", facts_of=facts_of)
    parts = fields["contents"][-1]["parts"]
    assert ("parts" in parts[0]["functionResponse"]) is inside
    assert any("inlineData" in part for part in parts) is not inside


def test_the_project_and_the_location_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the variables of Google's SDKs."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-env")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us")
    provider = vertex(None)
    assert (provider.project, provider.location) == ("from-env", "us")
    assert provider.base_url == "https://aiplatform.us.rep.googleapis.com"
    assert vertex("given", "eu").base_url == "https://aiplatform.eu.rep.googleapis.com"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"project": None}, r"Vertex\(project=\.\.\.\): give the id of a project, or set GOOGLE_CLOUD_PROJECT"),
    ({"project": "a/b"}, "project='a/b': give the id"),
    ({"project": 7}, "project=7: give the id"),
    ({"location": "Europe"}, "location='Europe': give 'global', 'us', 'eu' or a region"),
    ({"location": "x.example/"}, "location="),
    ({"quota_project": "a b"}, "give the id of a project"),
    ({"api_key": "AIza-key"}, "api_key and token are both given"),
    ({"anthropic_version": ""}, "anthropic_version"),
]


@pytest.mark.parametrize(("given", "words"), WRONG, ids=str)
def test_wrong_arguments_are_rejected_at_once(
    given: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the name of the argument, and without the key."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with pytest.raises(ConfigurationError, match=words) as raised:
        vertex(**given)
    assert "AIza" not in str(raised.value)


# --- credentials ---------------------------------------------------------------------------------


async def test_a_request_has_the_token_and_the_project_that_it_counts_against(ask: Any) -> None:
    """And no key in the URL."""
    for model in MODELS:
        async with ask(
            vertex, httpx.Response(200, content=answer_of(model)), quota_project="billing"
        ) as server:
            await server.complete(model=model, key=server.provider.credential())
            (request,) = server.requests
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["x-goog-user-project"] == "billing"
        assert server.provider.credential() not in str(request.headers)


async def test_a_key_needs_no_project_for_gemini_and_one_for_claude(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes out in a header of its own."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    async with ask(Vertex, httpx.Response(200, content=answer_of(GEMINI)), api_key="AIza-key") as server:
        await server.complete(model=GEMINI, key="AIza-key")
        (request,) = server.requests
        with pytest.raises(UnsupportedRequestError, match="needs a project"):
            await server.complete(model=CLAUDE, key="AIza-key")
    assert request.headers["x-goog-api-key"] == "AIza-key"
    assert "authorization" not in request.headers
    assert str(request.url) == (
        f"https://aiplatform.googleapis.com/v1beta1/publishers/google/models/{GEMINI}:generateContent"
    )


async def test_a_tenants_own_token_is_sent_as_it_is(ask: Any) -> None:
    """A resolver answered with it."""
    async with ask(vertex, httpx.Response(200, content=answer_of(CLAUDE))) as server:
        await server.complete(model=CLAUDE, key="ya29.of-a-tenant")
    assert server.requests[0].headers["authorization"] == "Bearer ya29.of-a-tenant"


# --- what is sent --------------------------------------------------------------------------------


async def test_claude_gets_the_version_in_place_of_the_model(ask: Any) -> None:
    """The documented one, or another."""
    fields = json.loads((await sent(ask, CLAUDE)).content)
    assert fields["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in fields
    fields = json.loads((await sent(ask, CLAUDE, anthropic_version="2026-10-21")).content)
    assert fields["anthropic_version"] == "2026-10-21"
    own = Request((Message.user("Hi"),), extra={"anthropic_version": "own"})
    assert json.loads((await sent(ask, CLAUDE, own)).content)["anthropic_version"] == "own"


CACHED: list[tuple[tuple[Message, ...], Any]] = [
    ((Message.user("Hi"),), [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]),
    (
        (Message("user", [Text("one"), Text("two")]),),
        [
            {"type": "text", "text": "one"},
            {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}},
        ],
    ),
]


@pytest.mark.parametrize(("messages", "content"), CACHED, ids=["a text", "parts"])
async def test_the_mark_for_the_cache_is_on_the_last_block(
    ask: Any, messages: tuple[Message, ...], content: Any
) -> None:
    """The field for the whole request does not work there."""
    fields = json.loads((await sent(ask, CLAUDE, Request(messages, cache=True))).content)
    assert "cache_control" not in fields
    assert fields["messages"][-1]["content"] == content


async def test_marks_in_the_conversation_replace_that_of_the_option(ask: Any) -> None:
    """Too many are rejected."""
    marked = Text("Hi", extra={"cache_control": {"type": "ephemeral", "ttl": "1h"}})
    request = Request(
        (Message("user", [marked]), Message.assistant("Yes?"), Message.user("Why?")), cache=True
    )
    fields = json.loads((await sent(ask, CLAUDE, request)).content)
    assert json.dumps(fields).count("cache_control") == 1
    assert fields["messages"][-1]["content"] == "Why?"


async def test_what_a_model_accepts_follows_from_its_plain_name(ask: Any) -> None:
    """Without its date: the limit of its answers, for example."""
    dated = json.loads((await sent(ask, "claude-haiku-4-5@20251001")).content)
    plain = json.loads((await sent(ask, "claude-haiku-4-5")).content)
    assert dated == plain
    assert vertex().knows_model("claude-haiku-4-5@20251001")
    assert vertex().knows_model("gemini-2.5-pro")
    assert not vertex().knows_model("llama-4")


async def test_an_extra_may_address_the_vendor_or_the_provider(ask: Any) -> None:
    """The provider's name wins; what is for another vendor is not sent."""
    extra = {
        "anthropic": {"top_k": 1, "stop_sequences": ["a"]},
        "vertex": {"top_k": 2},
        "gemini": {"labels": {"team": "a"}},
    }
    fields = json.loads((await sent(ask, CLAUDE, Request((Message.user("Hi"),), extra=extra))).content)
    assert (fields["top_k"], fields["stop_sequences"]) == (2, ["a"])
    assert "labels" not in fields
    fields = json.loads((await sent(ask, GEMINI, Request((Message.user("Hi"),), extra=extra))).content)
    assert fields["labels"] == {"team": "a"}
    assert "stop_sequences" not in fields


# --- against the simulator -----------------------------------------------------------------------

WEATHER = Tool("get_weather", "Weather by city", CITY)


async def asked(
    provider: Any, model: str, prompt: Any = "Why?", *, streamed: bool = False, **given: Any
) -> Response:
    async with Pipeline(Fallback(Deployment(provider, model)), Timeout(5)) as pipeline:
        if not streamed:
            return await pipeline.complete(prompt, **given)
        async with pipeline.stream(prompt, **given) as answer:
            return await answer.collect()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", MODELS)
async def test_both_vendors_answer_at_the_simulator(model: str, streamed: bool) -> None:
    """Which checks the path, the version and the token; with instructions, a picture, tools and a schema."""
    async with Simulator(seed=1) as sim:
        provider = vertex(base_url=sim.url("vertex"))
        answer = await asked(provider, model, streamed=streamed, system="Be terse.", cache=True)
        assert answer.text
        assert answer.provider == "vertex"
        question = [Message("user", [Text("What is this?"), Image(data=PNG, media_type="image/png")])]
        assert (await asked(provider, model, question, streamed=streamed)).text
        assert (await asked(provider, model, streamed=streamed, schema={**CITY, "title": "City"})).parsed
        called = await asked(
            provider, model, "Weather?", streamed=streamed, tools=[WEATHER], tool_choice="required"
        )
        (call,) = called.tool_calls
        history = [Message.user("Weather?"), called.message, Message.tool(call.id, "Sunny")]
        assert (await asked(provider, model, history, streamed=streamed, tools=[WEATHER])).text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", MODELS)
async def test_an_expired_token_is_renewed_and_the_request_sent_again(model: str, streamed: bool) -> None:
    """The server answers 401; the caller sees the answer only."""
    tokens = [f"ya29.until-{int(time.time()) - 5}", f"ya29.until-{int(time.time()) + 3600}"]

    async def next_token() -> str:
        return tokens.pop(0)

    async with Simulator(seed=1) as sim:
        provider = Vertex("acme-prod", token=next_token, base_url=sim.url("vertex"))
        assert (await asked(provider, model, streamed=streamed)).text
        assert [exchange.status for exchange in sim.requests] == [401, 200]
    assert tokens == []


@pytest.mark.parametrize("model", MODELS)
async def test_a_project_without_rights_is_an_authentication_error(model: str) -> None:
    """After the one renewal; its words show no token."""
    token = f"ya29.sentinel-until-{int(time.time()) - 5}"

    async def expired() -> str:
        return token

    async with Simulator(seed=1) as sim:
        provider = Vertex("acme-prod", token=expired, base_url=sim.url("vertex"))
        with pytest.raises(AuthenticationError) as raised:
            await asked(provider, model)
        assert "sentinel" not in str(raised.value) + repr(vars(raised.value))
        assert len(sim.requests) == 1  # the same token again


async def test_a_gate_that_a_rejected_token_closed_opens_for_a_newer_one() -> None:
    """Gates belong to the source of the tokens: a new token has no gate of its own, and waits no longer."""
    valid = False

    async def token() -> tuple[str, float]:
        return f"ya29.until-{int(time.time()) + (3600 if valid else -5)}", time.time() + 3600

    async with Simulator(seed=1) as sim:
        provider = Vertex("acme-prod", token=token, base_url=sim.url("vertex"))
        pipeline = Pipeline(Fallback(Deployment(provider, GEMINI)), Throttle(auth_cooldown=0.05), Timeout(5))
        async with pipeline:
            with pytest.raises(AuthenticationError):
                await pipeline.complete("Why?")
            valid = True
            await asyncio.sleep(0.06)
            assert (await pipeline.complete("Why?")).text
            assert (await pipeline.complete("Why?")).text


@pytest.mark.parametrize("model", ["gemini-9", "claude-9"])
async def test_an_unknown_model_is_an_error_of_its_own(model: str) -> None:
    """Of either API, so that the next target is asked."""
    async with Simulator() as sim:
        sim.always("vertex", faults.Status(404, "model_not_found"))
        with pytest.raises(ModelNotFoundError):
            await asked(vertex(base_url=sim.url("vertex")), model)


# --- whose the reasoning is ----------------------------------------------------------------------

THOUGHTS = {GEMINI: ("gemini", "CusBc2lnbmVk"), CLAUDE: ("anthropic", "EoQD-signed")}


@pytest.mark.parametrize("model", MODELS)
async def test_reasoning_goes_back_to_its_project_with_any_token_and_to_no_other(
    ask: Any, model: str
) -> None:
    """Also in a new process, where the function for tokens is another object."""
    vendor, signature = THOUGHTS[model]

    async def other_token() -> str:
        return "ya29.other"

    async with ask(vertex, httpx.Response(200, content=body(vendor, "tools.json"))) as server:
        called = await server.complete(model=model, key=server.provider.credential())
    (call,) = called.tool_calls
    history = Request((Message.user("Weather?"), called.message, Message.tool(call.id, "Sunny")))

    async def again(**given: Any) -> str:
        async with ask(Vertex, httpx.Response(200, json={}), token=other_token, **given) as server:
            return json.dumps(await server.sent(history, model=model, key=server.provider.credential()))

    assert signature in await again(project="acme-prod")
    assert signature not in await again(project="another")
    assert signature not in await again(project="acme-prod", location="us")


def test_a_version_has_the_price_of_its_plain_name() -> None:
    """Unless it has one of its own."""
    plain, own = Price(1, 2), Price(3, 4)
    prices = {"vertex/claude-sonnet-4-5": plain, "vertex/claude-opus-4-5@20251101": own}
    assert of_target(prices, "vertex/claude-sonnet-4-5@20250929") is plain
    assert of_target(prices, "vertex/claude-opus-4-5@20251101") is own
    assert of_target(prices, "vertex/claude-opus-4-5") is None


# --- google-auth ---------------------------------------------------------------------------------


async def test_without_google_auth_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first call, and the next target is asked."""
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(CredentialLookupError, match=r"pip install 'ranvier\[vertex\]', or give token="):
        await asked(Vertex("acme-prod", base_url="http://127.0.0.1:9"), GEMINI)


async def test_default_credentials_are_refreshed_without_blocking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token server runs on the same event loop, so a refresh that blocked it would never end."""
    pytest.importorskip("google.auth")
    issued: list[str] = []

    async def issue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        issued.append(f"ya29.{len(issued)}-until-{int(time.time()) + (3600 if issued else -5)}")
        content = json.dumps({"access_token": issued[-1], "expires_in": 3600, "token_type": "Bearer"})
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        writer.write(f"{head}connection: close\r\n\r\n{content}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(issue, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = {
        "type": "service_account",
        "project_id": "acme-prod",
        "private_key": rsa.generate_private_key(65537, 2048)
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
        "client_email": "ranvier@acme-prod.iam.gserviceaccount.com",
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    (tmp_path / "account.json").write_text(json.dumps(account), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with server, Simulator() as sim:
        provider = Vertex("acme-prod", base_url=sim.url("vertex"))
        assert (await asked(provider, GEMINI)).text
        assert [exchange.key for exchange in sim.requests] == issued
    assert len(issued) == 2
