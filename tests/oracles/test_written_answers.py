"""The bodies that the tests of adapters are built on, read by the official SDKs."""

from __future__ import annotations

import pytest
from answers import ours
from postbox import Postbox
from seven import SEVEN, body
from vendors import READS


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["answer", "tools"])
@pytest.mark.parametrize("provider", READS)
async def test_both_read_the_same(postbox: Postbox, provider: str, name: str, streamed: bool) -> None:
    """Of a body written by hand, the vendor's SDK and our adapter understand the same, field by field."""
    content = body(provider, f"{name}.{'stream' if streamed else 'json'}")
    postbox.answers(content, streamed=streamed)
    official = await READS[provider](postbox.url, model="model", streamed=streamed)
    own = await ours(SEVEN[provider], postbox.url, content, model="model", streamed=streamed)
    assert own.unlike(official) == {}
    assert official.finish
    assert official.text or official.tools
