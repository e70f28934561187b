"""The page on the providers says what the adapters do now."""

import pytest

from support.providers.feature_table import PAGE, made

pytestmark = pytest.mark.virtual_time


async def test_the_page_on_the_providers_is_not_stale() -> None:
    """Otherwise run, in tests/: `python -m support.providers.feature_table`."""
    page = PAGE.read_text("utf-8")
    now = await made(page)
    stale = [line for line in now.splitlines() if line not in page.splitlines()]
    assert page == now, "\n".join(stale)
