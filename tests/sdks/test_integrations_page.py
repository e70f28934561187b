"""The code of docs/integrations.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ranvier.providers import OpenAI
from ranvier.simulator import Simulator, Status
from support.simulator.threaded import simulator_in_thread

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def test_the_client_of_the_page_asks_through_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage that OpenAI's SDK alone would not survive."""
    code, *_ = CODE.findall(PAGE.read_text(encoding="utf-8"))
    async with Simulator() as simulator:
        url = simulator.url("openai")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
        monkeypatch.setattr(OpenAI, "default_base_url", url)
        names: dict[str, Any] = {}
        exec(code.replace("https://eu.api.openai.com/v1", url), names)
        simulator.play("openai", Status(503), Status(503))
        client = names["client"]
        answer = await client.chat.completions.create(
            model="gpt-5.2", messages=[{"role": "user", "content": "Why?"}]
        )
        assert answer.choices[0].message.content
        await client.close()
        await names["pipeline"].aclose()


def test_the_sync_client_of_the_page_asks_through_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same outage."""
    _, code, *_ = CODE.findall(PAGE.read_text(encoding="utf-8"))
    with simulator_in_thread() as simulator:
        url = simulator.url("openai")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
        monkeypatch.setattr(OpenAI, "default_base_url", url)
        names: dict[str, Any] = {}
        exec(code.replace("https://eu.api.openai.com/v1", url), names)
        simulator.play("openai", Status(503), Status(503))
        with names["client"] as client:
            answer = client.chat.completions.create(
                model="gpt-5.2", messages=[{"role": "user", "content": "Why?"}]
            )
        assert answer.choices[0].message.content
        names["pipeline"].sync.close()


async def test_the_clients_of_the_page_are_asked_by_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI is down, so that Claude answers."""
    *_, code = CODE.findall(PAGE.read_text(encoding="utf-8"))
    async with Simulator() as simulator:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ours")
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url("openai"))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", simulator.url("anthropic").removesuffix("/v1"))
        names: dict[str, Any] = {}
        exec(code, names)
        simulator.down("openai")
        assert await names["ask"]("Why?")
        await names["pipeline"].aclose()
        await names["gpt"].close()
        await names["claude"].close()
    assert simulator.requests_to("anthropic")
