"""A provider that says its error at the very end of a body, so that we leave while the connection closes."""

from __future__ import annotations

import pytest

from ranvier import OverloadedError, Pipeline
from ranvier.layers import Fallback, Timeout
from ranvier.providers import Anthropic
from ranvier.simulator import ErrorIn200, Simulator


async def test_no_connection_stays_in_use_after_an_error_at_the_end_of_a_body() -> None:
    """It is closed or used again, however often that happens."""
    async with Simulator() as simulator:
        simulator.always("anthropic", ErrorIn200())
        async with Pipeline(
            Fallback(Anthropic("key", base_url=simulator.url("anthropic"))), Timeout(first_token=5)
        ) as pipeline:
            for _ in range(5):
                with pytest.raises(OverloadedError):
                    await pipeline.complete("Why?")
            assert simulator.open_connections <= 1
