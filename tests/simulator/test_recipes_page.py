"""The recipes for other servers and gateways: their code runs as it stands there, and its requests are good.

A transport sends them to the simulator, whatever host they are for. Where requests to that host were
recorded, ours have the same path, and the same kinds of fields.
"""

import ast
import inspect
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Message, Pipeline
from ranvier.layers import Fallback
from ranvier.providers._wire.adapter import Adapter
from ranvier.simulator import Simulator
from support.providers.recordings import ABSENT, RECORDINGS, rows
from support.simulator.asking_adapters import CITY, PATIENT, TOOLS, WAYS, Asking

pytestmark = pytest.mark.once

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TARGETS = re.findall(r"^(\w+) = Deployment\(", PAGE, re.MULTILINE)
ROWS = re.findall(r"^\| \[(.+?)\]\(#(.+?)\) \| `(.+?)` \| (.+?) \|", PAGE, re.MULTILINE)
VARIABLES = sorted(set(re.findall(r'os\.environ\["(\w+)"\]', PAGE)))
ENDINGS = ("/chat/completions", "/responses", "/v1/messages")


class ToTheSimulator(httpx.AsyncHTTPTransport):
    """Sends each request to the simulated server of its dialect, and keeps it as it was meant."""

    def __init__(self, sim: Simulator, sent: list[httpx.Request]) -> None:
        super().__init__(verify=False)
        self._sim, self._sent = sim, sent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._sent.append(request)
        ending = next(each for each in ENDINGS if request.url.path.endswith(each))
        server = "anthropic-recipe" if ending == "/v1/messages" else "openai-recipe"
        url = self._sim.url(server) + ending
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        redirected = httpx.Request(request.method, url, headers=headers, content=request.content)
        redirected.extensions = request.extensions
        return await super().handle_async_request(redirected)


@pytest.fixture
def sent() -> list[httpx.Request]:
    """What was sent, with the addresses that it was sent to."""
    return []


@pytest.fixture
async def page(
    sim: Simulator, sent: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, Any]]:
    """The names that the code of the page gives, after it has run."""
    clients: list[httpx.AsyncClient] = []
    transport = ToTheSimulator(sim, sent)
    made = Adapter.__init__

    def init(self: Adapter, key: str | None = None, **given: Any) -> None:
        clients.append(httpx.AsyncClient(transport=transport, trust_env=False))
        made(self, key, **{**given, "http_client": clients[-1]})

    monkeypatch.setattr(Adapter, "__init__", init)
    for variable in (*VARIABLES, "ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(variable, f"sk-{variable}")
    names: dict[str, Any] = {}
    for code in CODE:
        result = eval(compile(code, "recipes.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.iscoroutine(result):
            await result
    yield names
    await names["pipeline"].aclose()
    for client in clients:
        await client.aclose()


def bodies(sent: list[httpx.Request]) -> list[dict[str, Any]]:
    """The JSON of each request."""
    return [json.loads(request.content) for request in sent]


def holds(body: Any, fields: Any) -> bool:
    """The fields are in the body, perhaps beside others."""
    if not isinstance(fields, Mapping):
        return bool(body == fields)
    return isinstance(body, dict) and all(holds(body.get(name), value) for name, value in fields.items())


OWN_EFFORT = ("flash_as_claude", "flash_as_responses")
"""Targets whose effort is set by fields of their own."""


async def asked_for_all(target: Deployment, way: str, **how: Any) -> None:
    """A call of a tool, its result, and an answer that fits a schema."""
    async with Pipeline(Fallback(target), PATIENT) as pipeline:
        ask = Asking(pipeline)
        history = [Message.user("use get_weather")]
        how |= {"system": "Be brief.", "max_tokens": 500}
        called = await ask(way, history, tools=TOOLS, **how)
        history += [called.message, *(Message.tool(call.id, "21 °C") for call in called.tool_calls)]
        assert len(history) == 3
        assert (await ask(way, history, tools=TOOLS, **how)).text
        assert (await ask(way, "Where?", schema=CITY, **how)).parsed == {"city": "Zürich"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TARGETS)
async def test_a_recipe_is_answered(
    page: dict[str, Any], sim: Simulator, sent: list[httpx.Request], name: str, way: str
) -> None:
    """At its own address, with its own key and fields; OpenAI's key is sent nowhere."""
    target, before = page[name], len(sent)
    await asked_for_all(target, way, **({} if name in OWN_EFFORT else {"reasoning": "high"}))
    requests = sent[before:]
    assert [exchange.refused for exchange in sim.requests] == [None] * len(sent)
    assert len(requests) == 3
    for request, body in zip(requests, bodies(requests), strict=True):
        assert str(request.url).startswith(f"{target.provider.base_url}/")
        assert body["model"] == target.model
        assert holds(body, target.options)
        assert "sk-OPENAI_API_KEY" not in str(request.headers)
        if str(request.url).startswith("https://"):
            keys = re.findall(r"sk-(\w+)", str(request.headers.raw))
            assert len(keys) == 1
            assert keys[0] in VARIABLES


async def test_the_names_of_gateways_stand_for_their_models(page: dict[str, Any]) -> None:
    """What is asked for is what the model behind the name takes."""
    assert {page[name].facts_of for name in ("behind_litellm", "behind_portkey")} == {"gpt-5.2"}
    assert page["claude_behind_litellm"].facts_of == "claude-sonnet-5"


async def test_portkey_gets_both_keys(page: dict[str, Any], sent: list[httpx.Request]) -> None:
    """Its own in a header of its own, which counts as secret, beside the one for the provider."""
    target = page["behind_portkey"]
    await asked_for_all(target, "whole")
    assert target.provider.additions.any
    headers = sent[-1].headers
    assert headers["x-portkey-api-key"] == "sk-PORTKEY_API_KEY"
    assert headers["authorization"] == "Bearer none"


async def test_grok_gets_its_encrypted_reasoning_back(
    page: dict[str, Any], sent: list[httpx.Request]
) -> None:
    """It asks for it, and puts it into the next request."""
    history = [Message.user("use get_weather")]
    async with Pipeline(Fallback(page["grok"]), PATIENT) as pipeline:
        called = await pipeline.complete(history, tools=TOOLS, reasoning="high", reasoning_summary=True)
        history += [called.message, Message.tool(called.tool_calls[0].id, "21 °C")]
        await pipeline.complete(history, tools=TOOLS, reasoning="high")
    kinds = [item.get("type") for item in bodies(sent)[-1]["input"]]
    assert kinds == [None, "reasoning", "function_call", "function_call_output"]


async def test_levels_of_reasoning_are_those_that_the_page_names(
    page: dict[str, Any], sent: list[httpx.Request]
) -> None:
    """DeepSeek's are snapped; Mistral's word for `off` is `none`."""
    levels: dict[tuple[str, Any], dict[str, Any]] = {
        ("flash", "off"): {"thinking": {"type": "disabled"}},
        ("flash", "medium"): {"reasoning_effort": "high"},
        ("flash", "max"): {"reasoning_effort": "max"},
        ("medium", "off"): {"reasoning_effort": "none"},
        ("groq_oss", "low"): {"reasoning_effort": "low"},
        ("grok", "off"): {"reasoning": {"effort": "none"}},
    }
    for (name, level), fields in levels.items():
        async with Pipeline(Fallback(page[name]), PATIENT) as pipeline:
            await pipeline.complete("Why?", reasoning=level)
        body = bodies(sent)[-1]
        assert {field: body.get(field) for field in fields} == fields


# --- the table ------------------------------------------------------------------------------------


async def test_the_table_names_what_the_recipes_use(page: dict[str, Any]) -> None:
    """Each row has a recipe below it, and its address and key are those of the code there."""
    addresses = {page[name].provider.base_url for name in TARGETS}
    assert len(ROWS) == 13
    for server, anchor, address, variable in ROWS:
        assert f"### {server}\n" in PAGE
        assert anchor == server.lower().replace(".", "").replace(" ", "-")
        assert address in addresses
        assert variable in ("your own", "none") or variable.strip("`") in VARIABLES


# --- recorded requests ----------------------------------------------------------------------------

RECORDED = {
    "groq_oss": "https://api.groq.com/openai/v1/chat/completions",
    "flash": "https://api.deepseek.com/chat/completions",
    "flash_as_responses": "https://api.deepseek.com/responses",
    "medium": "https://api.mistral.ai/v1/chat/completions",
    "grok": "https://api.x.ai/v1/responses",
    "oss_cerebras": "https://api.cerebras.ai/v1/chat/completions",
}


def kinds(body: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The fields of a request with the kinds of their values, and what tools are made of."""
    for name, value in body.items():
        yield name, "text or list" if name == "input" else type(value).__name__
    for tool in body.get("tools") or ():
        if tool.get("type") == "function":
            yield "tools[]", tuple(sorted(tool.keys() & {"type", "function", "name", "parameters"}))


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason=ABSENT)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", RECORDED)
async def test_requests_are_like_the_recorded_ones(
    page: dict[str, Any], sent: list[httpx.Request], name: str, way: str
) -> None:
    """They go to the recorded address, and each field that was recorded is of the recorded kind."""
    await asked_for_all(page[name], way)
    recorded = [
        row["request"]
        for row in rows("exchanges.compat.jsonl")
        if f"https://{row['host']}{row['path']}" == RECORDED[name] and isinstance(row["request"], dict)
    ]
    known = {kind for request in recorded for kind in kinds(request)}
    fields = {field for field, _ in known}
    own = {kind for body in bodies(sent[-3:]) for kind in kinds(body)}
    assert {str(request.url) for request in sent[-3:]} == {RECORDED[name]}
    shared = {kind for kind in own if kind[0] in fields}
    assert shared <= known
    assert len(shared) >= 4 if name != "oss_cerebras" else 3
