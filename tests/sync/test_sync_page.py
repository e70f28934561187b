"""Every code block of docs/sync.md runs as it stands there; those of frameworks where they are installed."""

import asyncio
import importlib
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ranvier.providers import Anthropic, OpenAI
from ranvier.simulator import Simulator, Status
from support.simulator.threaded import simulator_in_thread

PAGE = (Path(__file__).parents[2] / "docs" / "sync.md").read_text(encoding="utf-8")
BEGINNING, FLASK, CELERY, DJANGO, NOTEBOOK = re.findall(
    r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Simulated providers where the vendors' own would be, and keys in the environment."""
    with simulator_in_thread() as running:
        monkeypatch.setattr(Anthropic, "default_base_url", running.url("anthropic"))
        monkeypatch.setattr(OpenAI, "default_base_url", running.url("openai"))
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ours")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
        yield running


@pytest.fixture
def page(simulator: Simulator) -> Iterator[ModuleType]:
    """A module in which the first block has run; its pipeline is closed at the end."""
    module = sys.modules["page"] = ModuleType("page")
    exec(compile(BEGINNING, "docs/sync.md", "exec"), vars(module))
    yield module
    module.pipeline.sync.close()


def run(code: str, page: ModuleType) -> None:
    """Run one more block in the module."""
    exec(compile(code, "docs/sync.md", "exec"), vars(page))


def framework(name: str) -> Any:
    """The framework, or the test is left out; its own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(name)
        return importlib.import_module(name)


def test_the_first_block_answers_and_streams(page: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """As a tenant, from a plain thread."""
    assert page.answer.provider == "anthropic"
    assert page.story.response.text


def test_flask(page: ModuleType, simulator: Simulator) -> None:
    """Whole and streamed, and its errors are answers."""
    framework("flask")
    run(FLASK, page)
    client = page.app.test_client()
    asked: Any = {"json": {"text": "Why?"}, "headers": {"x-tenant-id": "acme"}}
    whole = client.post("/chat", **asked)
    assert (whole.status_code, bool(whole.get_json()["text"])) == (200, True)
    story = client.post("/story", **asked)
    assert story.get_data(as_text=True)
    assert {key for key, _ in page.pipeline.sync.circuits} == {("acme", "anthropic")}
    for provider in ("anthropic", "openai"):
        simulator.always(provider, Status(401))
    assert client.post("/chat", **asked).status_code == 503


def test_celery(page: ModuleType) -> None:
    """A task, as a worker runs it; `test_sync_workers.py` starts real ones."""
    framework("celery")
    run(CELERY, page)
    assert page.answer_mail.apply(args=("acme", "Why?")).get()


def test_django(page: ModuleType) -> None:
    """A view."""
    framework("django")
    from django.conf import settings  # type: ignore[import-untyped, import-not-found, unused-ignore]  # because: it may be missing
    from django.test import RequestFactory  # type: ignore[import-untyped, import-not-found, unused-ignore]  # because: it may be missing

    if not settings.configured:
        settings.configure(DEFAULT_CHARSET="utf-8", SECRET_KEY="of the test")
    run(DJANGO, page)
    answer = page.view(RequestFactory().post("/", {"text": "Why?"}, headers={"x-tenant-id": "acme"}))
    assert (answer.status_code, b"text" in answer.content) == (200, True)


async def test_a_cell_of_a_notebook(page: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a running loop, which a cell is meant to block."""
    asyncio.get_running_loop()
    notebook = ModuleType("IPython")
    notebook.get_ipython = lambda: object()  # type: ignore[attr-defined]  # because: it stands for the real one
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    run(NOTEBOOK, page)
    assert len(page.texts) == 2
    assert all(page.texts)


def test_a_real_notebook(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run by a kernel of its own: whole answers and `await` in one notebook, without a warning."""
    nbclient = framework("nbclient")
    framework("ipykernel")
    nbformat = framework("nbformat")
    setup = f"""
        import warnings; warnings.simplefilter("error", RuntimeWarning)
        from ranvier import Pipeline
        from ranvier.layers import Fallback
        from ranvier.providers import Anthropic
        pipeline = Pipeline(Fallback(Anthropic("sk", base_url="{simulator.url("anthropic")}")))
        awaited = Pipeline(Fallback(Anthropic("sk", base_url="{simulator.url("anthropic")}")))
    """
    last = "print(len(texts), bool((await awaited.complete('Why?')).text))"
    cells = [re.sub(r"^ +", "", setup, flags=re.MULTILINE), NOTEBOOK, last]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    assert book.cells[-1].outputs[0].text == "2 True\n"
