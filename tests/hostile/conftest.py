"""The network that the tests share; with RANVIER_SHORT=1 they run on one event loop alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from network import Network, UnavailableError, network

SHORT = bool(os.environ.get("RANVIER_SHORT"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the short form, what passes on uvloop need not show that it does on asyncio's loop."""
    here = Path(__file__).parent
    for item in items:
        if SHORT and here in item.path.parents and "[asyncio" in item.name:
            item.add_marker(pytest.mark.skip(reason="RANVIER_SHORT: on uvloop alone"))


@pytest.fixture(scope="session")
def wire() -> Iterator[Network]:
    """The wire between the two namespaces, or a skipped test that says why there is none."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(network())
        except UnavailableError as reason:
            pytest.skip(str(reason))
        yield made
