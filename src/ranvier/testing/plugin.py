"""A plugin for pytest, which only a project that names it loads.

With `pytest_plugins = ["ranvier.testing.plugin"]` in its top `conftest.py`, every test there has the
fixture `virtual_time`:

    def test_a_cooldown(virtual_time):
        virtual_time(scenario())
        assert virtual_time.now == 30

It is no entry point: that would import ranvier into every run of pytest wherever it is installed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from ranvier.testing import runner
from ranvier.testing.runner import VirtualTime


@pytest.fixture
def virtual_time(request: pytest.FixtureRequest) -> Iterator[VirtualTime]:
    """Runs coroutines on a loop whose time is virtual: `virtual_time(scenario())`."""
    if inspect.iscoroutinefunction(getattr(request.function, "__wrapped__", request.function)):
        pytest.fail(
            "an async test has a loop already, and its time is real: put @virtual_time() of ranvier.testing "
            "before it instead, or make it a plain function that calls virtual_time(scenario())",
            pytrace=False,
        )
    with runner.virtual_time() as run:
        yield run
