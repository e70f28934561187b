"""Which event loops a test runs on.

Tests run on asyncio's loop and on uvloop's, where it is installed. Those marked `virtual_time` run on
a loop whose time jumps from timer to timer; uvloop's timers cannot be told what time it is, so they
run on that one alone. Those marked `once` cost much and prove the same on either: the faster one will do.

With `RANVIER_EAGER_TASKS=1` they all run on asyncio's loop, under the eager task factory of Python 3.12
and later.

Tests that cross real sockets, start processes or try case after case are marked `integration` by their place:
`pytest -m "not integration"` is the unit suite.
"""

import asyncio
import functools
import gc
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ranvier.testing import VirtualTimeLoop

try:
    import uvloop
except ImportError:
    uvloop = None

try:
    import hypothesis
except ImportError:  # some sessions have tests without it
    pass
else:  # a busy machine may stop a test for seconds
    hypothesis.settings.register_profile("without a deadline", deadline=None)
    # For tests that are expected to fail: any example will do.
    at_random = hypothesis.Phase.explicit, hypothesis.Phase.generate
    hypothesis.settings.register_profile("at random", deadline=None, derandomize=False, phases=at_random)
    hypothesis.settings.load_profile("without a deadline")


EAGER = os.environ.get("RANVIER_EAGER_TASKS") == "1"
"""Let every task of every loop begin where it is made."""

INTEGRATION = {
    "asgi",
    "browser",
    "cli",
    "fleet_faults",
    "fuzz",
    "hostile",
    "instructor",
    "integrations",
    "langchain",
    "oracles",
    "pydantic_ai_models",
    "real_server",
    "sdks",
    "security",
    "simulation",
    "simulator",
    "test_cancellation_of_requests.py",
    "test_demo_telemetry.py",
    "test_documents.py",
    "test_http.py",
    "test_http_crowd.py",
    "test_http_rings.py",
    "test_pages.py",
    "test_plugin.py",
    "test_replay.py",
    "test_sync_crowd.py",
    "test_sync_page.py",
    "test_sync_workers.py",
}
"""Folders and files of the tests that need more than this process and a moment."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is no unit test, and leave out what eager tasks make no sense of."""
    tests = Path(__file__).parent
    for item in items:
        if EAGER and item.get_closest_marker("lazy"):
            item.add_marker(pytest.mark.skip(reason="it counts turns of the loop"))
        if INTEGRATION.intersection(item.path.relative_to(tests).parts):
            item.add_marker("integration")


def pytest_collection_finish() -> None:
    """Keep what was collected out of the collections of garbage that tests ask for: it makes them slow."""
    gc.collect()
    gc.freeze()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loops for one test."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    if EAGER:
        return {"eager": asyncio.SelectorEventLoop}
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.SelectorEventLoop}
    if uvloop is not None:
        loops["uvloop"] = uvloop.new_event_loop
        if item.get_closest_marker("once"):
            del loops["asyncio"]
    return loops


def make_loops_eager() -> None:
    """Give every loop that is made from now on the eager task factory, those within tests included."""
    made = asyncio.BaseEventLoop.__init__

    @functools.wraps(made)
    def make(loop: asyncio.BaseEventLoop) -> None:
        made(loop)
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]

    asyncio.BaseEventLoop.__init__ = make  # type: ignore[assignment, method-assign]


if EAGER:
    make_loops_eager()
