"""A reason to skip where the official SDKs are not installed: they live in `nox -s sdks`."""

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
        pytest.skip(f"{' and '.join(ABSENT)} not installed: run nox -s sdks", allow_module_level=True)
