"""Official SDKs against six faults: with our transport they answer, and alone they fail."""

from __future__ import annotations

import pytest

from support.sdks.faults import FAULTS, alone, cell_of_page, with_transport
from support.sdks.scripts import SCRIPTS

EACH = [
    pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"]),
    pytest.mark.parametrize("fault", FAULTS),
    pytest.mark.parametrize("sdk", SCRIPTS),
]


@EACH[0]
@EACH[1]
@EACH[2]
async def test_an_sdk_answers_through_the_transport(sdk: str, fault: str, streamed: bool) -> None:
    """The same script, with our transport."""
    assert await with_transport(SCRIPTS[sdk], fault, streamed) == "an answer"


@pytest.mark.once
@EACH[0]
@EACH[1]
@EACH[2]
async def test_an_sdk_fails_alone_as_the_page_says(sdk: str, fault: str, streamed: bool) -> None:
    """It raises an error, or takes nothing for an answer."""
    made = await alone(SCRIPTS[sdk], fault, streamed)
    assert made != "an answer"
    whole, _, other = cell_of_page(fault, sdk).partition("; streamed ")
    assert made == ((other or whole) if streamed else whole)
