"""The code of docs/pydantic-ai.md runs as it stands there."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from ranvier.providers import Anthropic, OpenAI
from ranvier.simulator import Status
from support.pydantic_ai_models.models import Models

PAGE = Path(__file__).parents[2] / "docs" / "pydantic-ai.md"
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = CODE.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", BLOCKS, ids=["a model", "a provider"])
async def test_the_code_of_the_page_runs(
    code: str, models: Models, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While OpenAI is down, so that Anthropic answers."""
    simulator = models.simulator
    for name, kind in (("openai", OpenAI), ("anthropic", Anthropic)):
        monkeypatch.setattr(kind, "default_base_url", simulator.url(name))
        monkeypatch.setenv(f"{name.upper()}_API_KEY", "sk-ours")
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url("openai"))
    simulator.always("openai", Status(503))
    names: dict[str, Any] = {}
    running = eval(compile(code, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    assert inspect.iscoroutine(running)
    await running
    assert capsys.readouterr().out.strip()
    assert {exchange.provider for exchange in simulator.requests} == {"openai", "anthropic"}
    await names["pipeline"].aclose()
    if "model" in names:
        await names["model"].client.close()
