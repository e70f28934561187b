"""Fields of an `extra` under the name of a provider, in pipelines of several providers."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ranvier import Pipeline
from ranvier.layers import Fallback
from ranvier.providers import FunctionProvider, Stub
from support.providers.openai_apis import Chat
from support.providers.seven import APIS, body

MINE = {"flavour": "mint"}


class Server:
    """Answers every request, and keeps what was sent."""

    def __init__(self, wire: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self._answer = httpx.Response(200, content=body(wire, "answer.json"))
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._serve))

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(json.loads(request.content))
        return self._answer


class Wrapper:
    """A user's provider that passes every call on to another one."""

    name = default_model = "wrapper"

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.open, self.aclose, self.complete = inner.open, inner.aclose, inner.complete

    def credential(self) -> str:
        """The key of the other one."""
        return "sk-wrapped"


@pytest.fixture
async def openai() -> AsyncIterator[Server]:
    """A server of OpenAI."""
    server = Server("openai")
    async with server.client:
        yield server


@pytest.mark.parametrize("wire", APIS)
async def test_a_wrapped_provider_gets_the_fields_under_its_own_name(wire: str) -> None:
    """The stack knows only the wrapper."""
    server = Server(wire)
    inner = APIS[wire]("sk-inner", name="mine", http_client=server.client)
    async with server.client, Pipeline(Fallback(Wrapper(inner))) as pipeline:
        await pipeline.complete("Hi", extra={"mine": MINE, "wrapper": {"flavour": "no"}})
    (sent,) = server.sent
    assert sent["flavour"] == "mint"
    assert not {"mine", "wrapper"} & sent.keys()


@pytest.mark.parametrize("name", ["local", "stub", "mine", "anthropic"])
async def test_fields_for_another_provider_of_the_stack_are_not_sent(openai: Server, name: str) -> None:
    """Whether it is a function, a stub, has a name of its own, or is only a vendor that we know."""
    first = Chat("sk", name="first", http_client=openai.client)
    mine = Chat("sk", name="mine", base_url="http://mine.test", http_client=openai.client)
    local = FunctionProvider("local", complete=_answer)
    async with Pipeline(Fallback(first, local, Stub(), mine)) as pipeline:
        await pipeline.complete("Hi", extra={name: MINE, "first": {"user": "u1"}})
    (sent,) = openai.sent
    assert sent["user"] == "u1"
    assert not {name, "first", "flavour"} & sent.keys()


async def test_pipelines_that_share_a_provider_address_it_alike(openai: Server) -> None:
    """A pipeline built later, with other providers, changes nothing for an earlier one."""
    shared = Chat("sk", name="shared", http_client=openai.client)
    one = Pipeline(Fallback(shared))
    other = Pipeline(Fallback(shared, FunctionProvider("metadata", complete=_answer)))
    async with one, other:
        for pipeline in (one, other):
            await pipeline.complete("Hi", extra={"shared": MINE, "metadata": {"a": "b"}})
    assert [sent["flavour"] for sent in openai.sent] == ["mint", "mint"]
    assert ["metadata" in sent for sent in openai.sent] == [True, False]


async def _answer(call: Any) -> str:
    return "unasked"
