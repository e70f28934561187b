"""A reason to skip where pydantic-ai is not installed: it lives in `nox -s pydantic_ai`.

The folder is not named like the library, which would then be found in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from ranvier.simulator import Simulator

if TYPE_CHECKING:
    from support.pydantic_ai_models.models import Models

ABSENT = [name for name in ("openai", "pydantic_ai") if find_spec(name) is None]


def pytest_pycollect_makemodule() -> None:
    """Without them, nothing here is even imported."""
    if ABSENT:
        pytest.skip(f"{' and '.join(ABSENT)} not installed: run nox -s pydantic_ai", allow_module_level=True)


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    """Models over a simulator, all of which are closed in the end."""
    from support.pydantic_ai_models.models import Models

    async with Simulator() as simulator, AsyncExitStack() as opened:
        yield Models(simulator, opened)
