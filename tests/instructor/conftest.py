"""A reason to skip where instructor is not installed: it lives in `nox -s instructor`."""

from importlib.util import find_spec

import pytest


def pytest_pycollect_makemodule() -> None:
    """Without instructor, nothing here is even imported."""
    if find_spec("instructor") is None:
        pytest.skip("instructor not installed: run nox -s instructor", allow_module_level=True)
