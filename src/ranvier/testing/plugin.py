"""A pytest plugin with the fixture `virtual_time`; a project has to enable it.

With `pytest_plugins = ["ranvier.testing.plugin"]` in the top-level `conftest.py`, every test can use
the fixture:

    def test_a_cooldown(virtual_time):
        virtual_time(scenario())
        assert virtual_time.now == 30

It is not an entry point: that would import ranvier into every pytest run in the environment.
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
            "an async test already runs on a loop with real time: decorate it with @virtual_time() from "
            "ranvier.testing, or make it a sync test that calls virtual_time(scenario())",
            pytrace=False,
        )
    with runner.virtual_time() as run:
        yield run
