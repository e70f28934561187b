"""The network that the tests share; with RANVIER_SHORT=1 there are fewer of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.hostile.network import Network, UnavailableError, network

SHORT = bool(os.environ.get("RANVIER_SHORT"))

LEFT_OUT = ("[asyncio", "[401]", "[403]", "[404]", "[502]", "[503]", "[delay]", "not-told")
"""What the short form does without: a loop, refusals like others, and two long silences."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the short form, leave out what another test shows as well, or takes long to show."""
    here = Path(__file__).parent
    for item in items:
        if SHORT and here in item.path.parents and any(part in item.name for part in LEFT_OUT):
            item.add_marker(pytest.mark.skip(reason="RANVIER_SHORT: another shows it, too"))


@pytest.fixture(scope="session")
def wire() -> Iterator[Network]:
    """The wire between the two namespaces, or a skipped test that says why there is none."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(network())
        except UnavailableError as reason:
            pytest.skip(str(reason))
        yield made
