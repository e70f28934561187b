"""Providers at the endpoint of a tenant's own: what is sent there, and what stays here."""

import json
from typing import Any

import pytest

import ranvier.providers._wire.tenants_server as module
from ranvier import SHARED, Access, Credentials, Pipeline
from ranvier.errors import AuthenticationError, ProviderError
from ranvier.layers import Fallback
from ranvier.messages import Native
from ranvier.pipeline import Call
from ranvier.providers import Anthropic, OpenAI, adapter
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._wire.preparation import Preparation
from support.providers.secrets import KEY, SECRET_SCRIPTS, shown

ANSWER = json.dumps({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]})
OURS = "sk-ours-0123456789abcdef"


async def chat(visit: Any) -> None:
    """An answer of chat completions."""
    await visit.answer(ANSWER)


def pipeline_of(provider: Any, answer: Any) -> Pipeline:
    """A pipeline whose tenants all have the same access."""
    return Pipeline(Fallback(provider), credentials=Credentials(lambda tenant, name: answer))


async def ask(provider: Any, answer: Any, *, streamed: bool = False) -> Any:
    """Ask once with that access."""
    async with pipeline_of(provider, answer) as pipeline:
        if not streamed:
            return await pipeline.complete("Hi", tenant="acme")
        async with pipeline.stream("Hi", tenant="acme") as stream:
            return await stream.collect()


async def test_a_request_goes_to_the_tenants_endpoint_with_its_key_and_headers(loopback: Any) -> None:
    """And to no other; the provider keeps its own for other tenants."""
    async with loopback(chat) as theirs, loopback(chat) as ours:
        provider = OpenAI(OURS, api="chat", base_url=ours.url)
        access = Access(KEY, base_url=theirs.url, headers={"X-Team": "seven", "User-Agent": "acme"})
        assert (await ask(provider, access)).text == "Hello."
        assert not ours.visits
        assert (await ask(provider, SHARED)).text == "Hello."
    headers = theirs.visits[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (headers["x-team"], headers["user-agent"]) == ("seven", "acme")
    assert ours.visits[0].headers["authorization"] == f"Bearer {OURS}"


@pytest.mark.parametrize("vendor", ["anthropic", "gemini", "glm", "kimi", "ollama", "openai", "openrouter"])
async def test_every_provider_heeds_it(loopback: Any, vendor: str) -> None:
    """By the path and the headers of its own API."""

    async def refuse(visit: Any) -> None:
        await visit.answer('{"error": {"message": "no"}}', status="401 No")

    async with loopback(refuse) as theirs:
        provider = adapter(vendor)(OURS)
        with pytest.raises(AuthenticationError):
            await ask(provider, Access(KEY, base_url=theirs.url, headers={"x-team": "seven"}))
    (visit,) = theirs.visits
    assert visit.headers["x-team"] == "seven"
    assert KEY in visit.head
    assert OURS not in visit.head


async def test_the_api_follows_from_the_endpoint(loopback: Any) -> None:
    """OpenAI's own API is not that of every server."""
    async with loopback(chat) as theirs:
        assert (await ask(OpenAI(OURS), Access(KEY, base_url=theirs.url))).text == "Hello."
    assert theirs.visits[0].head.startswith("POST /chat/completions ")


class Signed(Preparation):
    """Adds a token of ours."""

    async def prepared(self, call: Call, request: HttpRequest) -> HttpRequest:
        """The token."""
        return request.adding(headers={"x-token": OURS})


@pytest.mark.parametrize("streamed", [False, True])
async def test_nothing_of_ours_leaves_for_the_endpoint_of_a_tenant(loopback: Any, streamed: bool) -> None:
    """Neither our key nor our headers, parameters and tokens."""

    async def both(visit: Any) -> None:
        await visit.answer(ANSWER)

    async with loopback(both) as theirs:
        provider = OpenAI(OURS, api="chat", headers={"x-ours": OURS}, params={"ours": OURS})
        provider.preparations = (Signed(),)
        await ask(provider, Access(base_url=theirs.url), streamed=streamed)
    assert OURS not in theirs.visits[0].head
    assert "authorization" not in theirs.visits[0].headers


async def test_a_key_of_ours_in_a_header_is_never_sent_for_a_tenant(loopback: Any) -> None:
    """The tenant's key stays; our other headers are sent to our endpoint."""
    async with loopback(chat) as ours:
        headers = {"authorization": f"Bearer {OURS}", "x-gateway": "seven"}
        provider = OpenAI(api="chat", base_url=ours.url, headers=headers)
        provider.preparations = (Signed(),)
        await ask(provider, KEY)
        await ask(provider, Access(headers={"authorization": f"Basic {KEY}"}))
        await ask(provider, SHARED)
    sent = [(each.headers["authorization"], each.headers["x-gateway"]) for each in ours.visits]
    assert sent == [(f"Bearer {KEY}", "seven"), (f"Basic {KEY}", "seven"), (f"Bearer {OURS}", "seven")]
    assert ["x-token" in each.headers for each in ours.visits] == [False, False, True]


async def test_a_fix_is_remembered_for_the_endpoint(loopback: Any) -> None:
    """Our own server may accept what another one rejects."""

    async def old(visit: Any) -> None:
        if "max_tokens" in visit.body:
            words = "Unsupported parameter: 'max_tokens' is not supported, use 'max_completion_tokens'."
            error = {"message": words, "param": "max_tokens", "code": "unsupported_parameter"}
            await visit.answer(json.dumps({"error": error}), status="400 No")
        else:
            await visit.answer(ANSWER)

    async with loopback(old) as theirs, loopback(chat) as ours:
        provider = OpenAI(OURS, api="chat", name="gpu", base_url=ours.url)
        turns = [Access(KEY, base_url=theirs.url)] * 2 + [SHARED]
        async with Pipeline(Fallback(provider), credentials=lambda tenant, name: turns.pop(0)) as pipeline:
            for _ in range(3):
                await pipeline.complete("Hi", max_tokens=50)
    assert ["max_tokens" in each.body for each in theirs.visits] == [True, False, False]
    assert ["max_tokens" in each.body for each in ours.visits] == [True]


async def test_opaque_parts_belong_to_the_endpoint(loopback: Any) -> None:
    """What one endpoint has signed is not sent to another."""

    async def thinks(visit: Any) -> None:
        blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Hi"}]
        await visit.answer(json.dumps({"type": "message", "content": blocks, "stop_reason": "end_turn"}))

    async with loopback(thinks) as theirs:
        answer = await ask(Anthropic(OURS), Access(KEY, base_url=theirs.url))
        by_header = await ask(Anthropic(OURS), Access(base_url=theirs.url, headers={"x-api-key": KEY}))
    (native,), (same,) = (
        [part for part in each.parts if isinstance(part, Native)] for each in (answer, by_header)
    )
    assert native.endpoint == theirs.url
    assert native.account == same.account != ""


async def test_endpoints_are_remembered_within_bounds(loopback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was used the longest time ago is forgotten first."""
    monkeypatch.setattr(module, "MAX_SERVERS", 2)
    async with loopback(chat) as theirs:
        provider = OpenAI(OURS, api="chat")
        for path in ("/a", "/b", "/a", "/c"):
            await ask(provider, Access(KEY, base_url=theirs.url + path))
        assert [each[-2:] for each in provider.servers] == ["/a", "/c"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("where", ["key", "header"])
@pytest.mark.parametrize("name", SECRET_SCRIPTS)
async def test_no_error_shows_a_secret(loopback: Any, name: str, where: str, streamed: bool) -> None:
    """Neither an error nor its causes nor any local of their tracebacks."""
    async with loopback(SECRET_SCRIPTS[name]) as theirs:
        access = Access(KEY if where == "key" else "k", base_url=theirs.url, headers={"x-team": KEY})
        with pytest.raises(ProviderError) as caught:
            await ask(OpenAI(OURS, api="chat"), access, streamed=streamed)
    assert KEY in theirs.visits[0].head
    assert KEY not in "\n".join(shown(caught.value))
