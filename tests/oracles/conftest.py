"""A reason to skip where the official SDKs are not installed, and the server that both sides ask.

The official SDKs live in an environment of their own: `nox -s oracles`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec

import pytest


def _absent(name: str) -> bool:
    try:
        return find_spec(name) is None
    except ModuleNotFoundError:  # the package that it would be in
        return True


ABSENT = [name for name in ("anthropic", "google.genai", "openai") if _absent(name)]


def pytest_pycollect_makemodule() -> None:
    """Without the SDKs, nothing here is even imported."""
    if ABSENT:
        pytest.skip(f"{' and '.join(ABSENT)} not installed: run nox -s oracles", allow_module_level=True)


@pytest.fixture
async def postbox() -> AsyncIterator[object]:
    """Keeps what it is sent, and answers what it is told to."""
    from support.oracles.postbox import opened  # here, because skipped tests import nothing

    async with opened() as one:
        yield one
