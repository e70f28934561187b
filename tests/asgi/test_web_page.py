"""Every code block of the page on web applications runs as it stands there, on a real uvicorn."""

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from ranvier import errors
from ranvier.providers import Anthropic, OpenAI
from ranvier.simulator import Drop, Silence, Simulator, Status
from support.asgi.serving import Served, serving

PAGE = (Path(__file__).parents[2] / "docs" / "web.md").read_text(encoding="utf-8")
FASTAPI, STARLETTE, LITESTAR, CHAT, RESOLVER = re.findall(
    r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)
QUESTION = {"text": "Why do nodes of Ranvier exist?"}


def run(code: str) -> dict[str, Any]:
    """Run code as a module, and return its names."""
    module = sys.modules["page"] = ModuleType("page")  # where frameworks look for the names of annotations
    exec(compile(code, "docs/web.md", "exec"), vars(module))
    return vars(module)


def client_of(served: Served, **headers: str) -> httpx.AsyncClient:
    """A client that looks at no environment."""
    return httpx.AsyncClient(base_url=served.url, headers=headers, trust_env=False, verify=False)


@pytest.fixture
async def simulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    """Simulated providers where the vendors' own would be, and keys in the environment."""
    async with Simulator() as running:
        monkeypatch.setattr(Anthropic, "default_base_url", running.url("anthropic"))
        monkeypatch.setattr(OpenAI, "default_base_url", running.url("openai"))
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ours")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
        yield running


@pytest.fixture
async def chat(simulator: Simulator) -> AsyncIterator[Any]:
    """The chat service, and a client of it that is a tenant."""
    names = run(CHAT)
    async with (
        serving(names["app"], lifespan="on") as served,
        client_of(served, **{"x-tenant-id": "acme"}) as one,
    ):
        names["client"] = one
        names["served"] = served
        yield names


# --- adding it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [FASTAPI, STARLETTE, LITESTAR], ids=["fastapi", "starlette", "litestar"])
async def test_each_framework_knows_who_asks(code: str) -> None:
    """The tenant of the header, nobody without it, and a 400 for one that can be none."""
    async with serving(run(code)["app"]) as served, client_of(served) as client:
        assert (await client.get("/whoami", headers={"x-tenant-id": "acme"})).json() == {"tenant": "acme"}
        assert (await client.get("/whoami")).json() == {"tenant": None}
        assert (await client.get("/whoami", headers={"x-tenant-id": 257 * "x"})).status_code == 400


async def test_a_resolver_believes_keys_and_no_header() -> None:
    """Who has the key is its tenant; whoever else is nobody, whatever the header says."""
    async with (
        serving(run(RESOLVER)["app"]) as served,
        client_of(served, **{"x-tenant-id": "globex"}) as client,
    ):
        replies = {
            key: (await client.get("/whoami", headers={"authorization": f"Bearer {key}"})).json()
            for key in ("key-of-acme", "guessed")
        }
        assert replies == {"key-of-acme": {"tenant": "acme"}, "guessed": {"tenant": None}}
        assert (await client.get("/whoami")).json() == {"tenant": None}


# --- the chat service ----------------------------------------------------------------------------


async def test_the_chat_answers_whole_and_streamed(chat: Any, simulator: Simulator) -> None:
    """Both with the same text, for the tenant of the header."""
    whole = await chat["client"].post("/chat", json=QUESTION)
    assert whole.json()["text"]
    streamed = await chat["client"].post("/chat/stream", json=QUESTION)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert [kind for kind, _ in events(streamed.text)][-2:] == ["message", "done"]
    assert "".join(data.get("text", "") for _, data in events(streamed.text))
    assert [tenant for (tenant, _), _ in chat["pipeline"].circuits] == ["acme"]


async def test_the_chat_asks_who_it_is(chat: Any, simulator: Simulator) -> None:
    """Nobody gets a 401, and no provider is asked."""
    async with client_of(chat["served"]) as nobody:
        for path in ("/chat", "/chat/stream"):
            assert (await nobody.post(path, json=QUESTION)).status_code == 401
    assert simulator.total == 0


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (Status(429, retry_after=30.5), 429),
        (Status(400, reason="context_length"), 413),
        (Status(401), 403),
    ],
    ids=str,
)
async def test_what_all_providers_say_is_the_status(
    chat: Any, simulator: Simulator, said: Status, status: int
) -> None:
    """For a stream too, since none of it was sent; and again where the key is throttled from then on.

    Where all refuse the request itself, the first refusal is raised as it is.
    """
    error = "context_length" if status == 413 else "all_failed"
    simulator.always("anthropic", said)
    simulator.always("openai", said)
    for path in ("/chat", "/chat/stream"):
        reply = await chat["client"].post(path, json=QUESTION)
        assert (reply.status_code, reply.json()) == (status, {"error": error})


async def test_the_shortest_wait_is_told_in_whole_seconds(chat: Any, simulator: Simulator) -> None:
    """Rounded up, and 503 where the providers do not say the same."""
    simulator.always("anthropic", Status(429, retry_after=41.2))
    simulator.always("openai", Status(402, reason="quota_exhausted"))
    reply = await chat["client"].post("/chat", json=QUESTION)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "42")


async def test_a_stream_that_breaks_ends_with_an_event(chat: Any, simulator: Simulator) -> None:
    """What came before stays, and the client is told that it is not all."""
    simulator.always("anthropic", Drop(after=3))
    reply = await chat["client"].post("/chat/stream", json=QUESTION)
    assert reply.status_code == 200
    *words, (kind, data) = events(reply.text)
    assert words
    assert (kind, data) == ("error", {"error": "stream_dropped"})


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
async def test_the_chat_stops_asking_for_a_client_that_has_gone(
    chat: Any, simulator: Simulator, path: str
) -> None:
    """Within 100 ms."""
    simulator.always("anthropic", Silence())
    async with chat["served"].caller() as caller:
        caller.ask(path, (b"x-tenant-id", b"acme"), body=json.dumps(QUESTION).encode())
        await simulator.busy()
        await caller.leave()
        await simulator.idle(within=0.1)
    assert [exchange.end for exchange in simulator.requests] == ["client_left"]


def events(text: str) -> list[tuple[str, Any]]:
    """The events of a body, each with its kind and its data."""
    found = re.findall(r"(?:event: (\w+)\n)?data: (.*)\n\n", text)
    return [(kind or "message", json.loads(data)) for kind, data in found]


# --- what it says in its table -------------------------------------------------------------------


def test_the_table_of_statuses_is_that_of_the_service() -> None:
    """Each error of the table gets the status that stands beside it, and no kind is left out."""
    page = run(CHAT)
    rows = re.findall(r"^\| (`\w+`.*?) \| (\d{3}) \|", PAGE, re.MULTILINE)
    told = {name: int(status) for names, status in rows for name in re.findall(r"`(\w+)`", names)}
    errors_told = [(getattr(errors, name)("x", **facts(name)), status) for name, status in told.items()]
    assert {error.kind for error, _ in errors_told} >= page["STATUSES"].keys()
    assert [page["status_of"](error) for error, _ in errors_told] == list(told.values())
    assert page["status_of"](errors.ThrottledError("x", **facts("CircuitOpenError"), reason="auth")) == 403  # type: ignore[arg-type]


def facts(name: str) -> dict[str, str]:
    """What the error of that name has to be told."""
    if name == "SpendLimitExceededError":
        return {"tenant": "acme"}
    if name in ("CircuitOpenError", "BulkheadFullError", "PacedError"):
        return {"tenant": "acme", "provider": "openai"}
    of_provider = issubclass(getattr(errors, name), errors.ProviderError | errors.AttemptTimeoutError)
    return {"provider": "openai"} if of_provider else {}
