"""The bodies that the tests of adapters are built on, read by the official SDKs."""

from __future__ import annotations

import pytest

from support.oracles.answers import our_reading
from support.oracles.postbox import Postbox
from support.oracles.vendors import READING
from support.providers.seven import APIS, body


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["answer", "tools"])
@pytest.mark.parametrize("provider", READING)
async def test_both_read_the_same(postbox: Postbox, provider: str, name: str, streamed: bool) -> None:
    """Of a body written by hand, the vendor's SDK and our adapter understand the same, field by field."""
    content = body(provider, f"{name}.{'stream' if streamed else 'json'}")
    postbox.answers(content, streamed=streamed)
    how = {"model": "model", "streamed": streamed}
    async with READING[provider](postbox.url) as sdk, our_reading(APIS[provider], postbox.url) as adapter:
        official = await sdk(**how)
        own = await adapter(**how, body=content)
    assert own.unlike(official) == {}
    assert official.finish
    assert official.text or official.tools
