"""The code about instructor in docs/integrations.md runs as it stands there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from ranvier.providers import OpenAI
from ranvier.simulator import Simulator, Status

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def test_instructor_on_the_page_survives_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replies with 503."""
    (code,) = (
        block for block in CODE.findall(PAGE.read_text(encoding="utf-8")) if "import instructor" in block
    )
    async with Simulator() as simulator:
        url = simulator.url("openai")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
        monkeypatch.setattr(OpenAI, "default_base_url", url)
        simulator.play("openai", Status(503), Status(503))
        names: dict[str, Any] = {}
        code = code.replace("https://eu.api.openai.com/v1", url)
        await eval(compile(code, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        assert names["lake"].name
        await names["http"].aclose()
        await names["pipeline"].aclose()
