"""A real browser for the tests of pages, or a skipped test that says why there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from support.browser.chromium import Page, UnavailableError, chromium, page_of


@pytest.fixture(scope="session")
def browser() -> Iterator[str]:
    """The address of a running Chromium, the same for all tests."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(chromium())
        except UnavailableError as reason:
            pytest.skip(str(reason))
        yield address


@pytest.fixture
async def page(browser: str) -> AsyncIterator[Page]:
    """A page of its own for a test; see `chromium.py` for what it can do."""
    async with page_of(browser) as made:
        yield made
