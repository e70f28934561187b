"""Traps around time: a wall clock that jumps, and a clock that is not asked."""

import ast
import asyncio
import re
import time as wall
from pathlib import Path

import pytest

import ranvier
from ranvier.testing import broken
from support.scenes import BreakerScene

SOURCE = Path(ranvier.__file__).parent
READS_TIME = {"time", "datetime"}
WALL_CLOCK_IS_THEIRS = {"simulator", "cli"}
"""They write dates into replies and measure themselves; no call is timed there."""

DATES_ARE_GIVEN = {
    "integrations/pydantic_ai/streamed.py",
    "providers/_tokens/token.py",
    "providers/bedrock/signing.py",
}
"""They make dates of times that they are given, and never read what time it is."""


@pytest.mark.virtual_time
@pytest.mark.parametrize("jump", [-3600, 3600])
async def test_t10_a_jump_of_the_wall_clock_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """An hour back leaves no circuit open for longer, an hour ahead none for less."""
    scene = BreakerScene([broken(), "ok"])
    await scene.fail()
    monkeypatch.setattr(wall, "time", lambda: 1_700_000_000.0 + jump)
    await asyncio.sleep(9.9)
    await scene.fail()
    assert scene.state() == "open"
    await asyncio.sleep(2.2)
    assert (await scene.ask()).text == "ok"


async def test_t10_nor_does_it_on_a_real_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cooldown of milliseconds ends in time while the wall clock stands an hour back."""
    scene = BreakerScene([broken(), "ok"], cooldown=0.01)
    await scene.fail()
    monkeypatch.setattr(wall, "time", lambda: 0.0)
    await scene.cool_down()
    assert (await scene.ask()).text == "ok"


def test_t10_time_is_read_in_one_place() -> None:
    """No module but `clock.py` imports one that tells the time."""
    readers = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom) and READS_TIME & imported(node)
    }
    others = {name for name in readers if name.split("/")[0] not in WALL_CLOCK_IS_THEIRS}
    assert others - DATES_ARE_GIVEN == {"clock.py"}
    for name in DATES_ARE_GIVEN:
        assert not re.search(r"\.(now|utcnow|today)\(", (SOURCE / name).read_text())


def imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The top-level modules that an import statement names."""
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]} if node.level == 0 else set()
    return {alias.name.split(".")[0] for alias in node.names}
