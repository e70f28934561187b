"""Which event loops a test runs on.

Tests run on asyncio's loop and on uvloop's, where it is installed. Those marked `virtual_time` run on
a loop whose time jumps from timer to timer; uvloop's timers cannot be told what time it is, so they
run on that one alone.
"""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from ranvier.testing import VirtualTimeLoop

try:
    import uvloop
except ImportError:
    uvloop = None


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loops for one test."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.SelectorEventLoop}
    if uvloop is not None:
        loops["uvloop"] = uvloop.new_event_loop
    return loops
