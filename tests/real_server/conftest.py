"""Servers that the tests share, and a reason to skip where llama.cpp is not to be had."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.real_server.llama_server import (
    CONTEXT,
    Dialect,
    LlamaServer,
    chat_completions,
    messages,
    serving,
)

ABSENT = [name for name in ("gguf", "xllamacpp") if find_spec(name) is None]


def pytest_pycollect_makemodule() -> None:
    """Without the packages, nothing here is even imported."""
    if ABSENT:
        pytest.skip(f"{' and '.join(ABSENT)} not installed: run nox -s real_server", allow_module_level=True)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the tiny model."""
    from support.real_server import tiny_model  # here, because it imports what may be absent

    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    tiny_model.write(path)
    return path


@pytest.fixture(scope="session")
def wide(model: Path) -> Iterator[LlamaServer]:
    """Four slots of 512 tokens each."""
    with serving(model, context=4 * 512, slots=4) as server:
        yield server


@pytest.fixture(scope="session")
def narrow(model: Path) -> Iterator[LlamaServer]:
    """One slot, which can be kept busy for minutes."""
    with serving(model, context=CONTEXT, slots=1) as server:
        yield server


@pytest.fixture(params=[chat_completions, messages], ids=lambda dialect: dialect.__name__)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each of the dialects that both the server and we speak."""
    return request.param
