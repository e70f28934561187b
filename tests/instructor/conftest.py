"""A reason to skip where instructor is not installed: it lives in `nox -s instructor`."""

from importlib.util import find_spec

import pytest

FOUND = find_spec("instructor")
ABSENT = FOUND is None or FOUND.origin is None  # this folder has the same name, and no file as its origin


def pytest_pycollect_makemodule() -> None:
    """Without instructor, nothing here is even imported."""
    if ABSENT:
        pytest.skip("instructor not installed: run nox -s instructor", allow_module_level=True)
