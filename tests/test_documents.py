"""Every code block of the README and of the design page runs as it stands there."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.asgi import status_app
from ranvier.asgi.status.metrics.of_fleet import REACHABLE, WORKERS
from ranvier.errors import AllDeploymentsFailedError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.providers import Anthropic, OpenAI, Stub
from ranvier.simulator import Simulator, Status

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: str, language: str = "python") -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return [code for named, code in FENCED.findall(text) if named == language]


async def execute(code: str, **names: object) -> dict[str, Any]:
    """Run code that may await at its top level, and return its names."""
    compiled = compile(code, "document", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, names)
    if inspect.iscoroutine(result):
        await result
    return names


@pytest.fixture
async def simulator(monkeypatch):
    """Simulated providers where the vendors' own would be, and keys in the environment."""
    async with Simulator() as running:
        monkeypatch.setattr(Anthropic, "default_base_url", running.url("anthropic"))
        monkeypatch.setattr(OpenAI, "default_base_url", running.url("openai"))
        monkeypatch.setenv("OLLAMA_HOST", running.url("ollama"))
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ours")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
        yield running


def example(word: str) -> str:
    """The example of the README that has this word in it."""
    (code,) = [each for each in blocks("README.md") if word in each]
    return code


async def test_the_first_screen_of_the_readme_survives_an_outage(simulator, capsys):
    """Its five lines print what stands below them while the first provider is overloaded."""
    simulator.always("anthropic", Status(529))
    code = blocks("README.md")[0]
    names = await execute(code)
    assert capsys.readouterr().out == blocks("README.md", "text")[0]
    assert len(code.strip().splitlines()) <= 6
    await names["pipeline"].aclose()


async def test_the_stack_of_the_readme_answers_and_streams(simulator, capsys):
    """It completes one call and prints another as a stream."""
    names = await execute(example("Deadline("))
    assert names["answer"].text
    assert names["answer"].provider == "anthropic"
    assert capsys.readouterr().out.strip() == names["story"].response.text
    assert [exchange.streaming for exchange in simulator.requests] == [True, True]


async def test_the_stack_of_the_readme_survives_an_outage(simulator):
    """With the first provider down its answer comes from the second."""
    simulator.down("anthropic", fault=Status(401))
    names = await execute(example("Deadline("))
    assert names["answer"].provider == "openai"


async def test_the_other_examples_of_the_readme_run(simulator):
    """The recommended stack and the credentials resolver are built, and answer."""
    for code in (example("resilient"), example("SHARED")):
        names = await execute(code, vault={("acme", "anthropic"): "sk-acme"})
        async with names["pipeline"] as pipeline:
            assert (await pipeline.complete("Hello", tenant="acme")).text
    assert simulator.requests[-1].key == "sk-acme"


async def test_the_readme_shows_what_print_shows(simulator):
    """The stack that the README prints is the one that its pipeline prints."""
    shown = blocks("README.md", "")[0].splitlines()
    printed = str((await execute(example("Deadline(")))["pipeline"]).splitlines()
    layers = [line for line in printed if re.match(r"  [A-Z]", line)]
    assert layers == [line for line in shown if re.match(r"  [A-Z]", line)]


async def test_the_readme_shows_how_a_failure_of_all_targets_reads(simulator):
    """The error of two failed targets says what each of them said, in the words of the README."""
    shown = " ".join(blocks("README.md", "")[1].replace("|", " ").split())
    simulator.always("anthropic", Status(503))
    simulator.always("openai", Status(429, retry_after=42))
    stack = [Deployment(Anthropic(), "claude-sonnet-5"), Deployment(OpenAI(), "gpt-5.2")]
    async with Pipeline(Fallback(*stack), Breaker(failure_threshold=1)) as pipeline:
        for _ in range(2):
            with pytest.raises(AllDeploymentsFailedError) as caught:
                await pipeline.complete("Hello", tenant="acme")
    assert str(caught.value) in shown
    rejected, limited = caught.value.exceptions
    assert re.sub(r"[\d.]+ s", "N s", str(rejected)) in re.sub(r"[\d.]+ s", "N s", shown)
    assert str(limited) in shown


async def test_the_layer_of_the_design_page_works(simulator):
    """A layer of ten lines, written from that page alone, does what it says in a whole stack."""
    audit = (await execute(blocks("docs/design.md")[0]))["Audit"]()
    stack = Fallback("anthropic/claude-sonnet-5", "openai/gpt-5.2")
    async with Pipeline(Deadline(60), audit, stack, Retry(), Breaker(), Timeout()) as pipeline:
        await pipeline.complete("Hello", tenant="acme")
        async with pipeline.stream("Hello", tenant="acme") as answer:
            await answer.collect()
    assert audit.answers == {"acme": 2}


async def test_the_applications_of_the_status_page_show_it():
    """Mounted as it stands there, for everybody or for those who know the password."""
    open_to_all, guarded = [(await execute(code))["app"] for code in blocks("docs/status.md")]
    for app, headers, status in (
        (open_to_all, {}, 200),
        (guarded, {}, 401),
        (guarded, {"authorization": "Bearer of-your-own-choice"}, 200),
    ):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            answer = await client.get("/ranvier/status.json", headers=headers)
        assert answer.status_code == status
        assert status != 200 or [each["name"] for each in answer.json()["providers"]] == [
            "anthropic",
            "openai",
        ]


async def test_the_status_page_has_the_names_of_its_document():
    """All that Prometheus is told stands in the table, and nothing else."""
    text = (ROOT / "docs/status.md").read_text(encoding="utf-8")
    app = status_app(Pipeline(Fallback(Stub()), Breaker()), tenant_metrics=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        told = (await client.get("/metrics")).text
    with_a_store = {WORKERS.name, REACHABLE.name}
    assert set(re.findall(r"`(ranvier_\w+)`", text)) == set(re.findall(r"# TYPE (\w+)", told)) | with_a_store
