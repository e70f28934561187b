"""A reason to skip where LangChain is not installed: it lives in `nox -s langchain`."""

from importlib.util import find_spec

import pytest

ABSENT = [
    name for name in ("langchain_core", "langchain_openai", "langchain_tests") if find_spec(name) is None
]


def pytest_pycollect_makemodule() -> None:
    """Without LangChain, nothing here is even imported."""
    if ABSENT:
        pytest.skip(f"{' and '.join(ABSENT)} not installed: run nox -s langchain", allow_module_level=True)
