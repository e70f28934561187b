"""The code of docs/langchain.md runs as it stands there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from ranvier.providers import Anthropic, OpenAI
from ranvier.simulator import Simulator, Status

PAGE = (Path(__file__).parents[2] / "docs" / "langchain.md").read_text(encoding="utf-8")
OURS, THEIRS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    await eval(compile(code, "docs/langchain.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    return names


async def test_the_blocks_of_the_page_survive_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first provider of each is down."""
    async with Simulator() as simulator:
        for name, adapter in {"anthropic": Anthropic, "openai": OpenAI}.items():
            monkeypatch.setattr(adapter, "default_base_url", simulator.url(name))
            monkeypatch.setenv(f"{name.upper()}_API_KEY", "sk-ours")
        simulator.always("anthropic", Status(529))
        names = await run(OURS)
        assert names["answer"].response_metadata["provider"] == "openai"
        assert names["call"].text or names["call"].tool_calls
        await names["pipeline"].aclose()
        simulator.clear()
        simulator.always("openai", Status(503))
        monkeypatch.setenv("OPENAI_API_BASE", simulator.url("openai"))
        names = await run(THEIRS)
        assert names["answer"].provider == "anthropic"
        assert names["answer"].attempts[0].provider == "langchain"
        await names["backed"].aclose()
        await names["theirs"].chat_model.root_async_client.close()
