"""The clients of official SDKs that are not asynchronous, through our transport for them."""

from __future__ import annotations

import pytest

from ranvier.integrations import sync_transport
from ranvier.testing import assert_settled
from support.sdks.faults import FAULTS, stack
from support.sdks.scripts import SCRIPTS
from support.sdks.sync_scripts import SYNC_SCRIPTS
from support.simulator.threaded import simulator_in_thread


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("sdk", SYNC_SCRIPTS)
def test_an_sdk_answers_through_the_sync_transport(sdk: str, fault: str, streamed: bool) -> None:
    """Where it would fail alone."""
    script = SCRIPTS[sdk]
    with simulator_in_thread() as simulator:
        pipeline = stack(simulator, script)
        simulator.play(script.vendor, *FAULTS[fault])
        with pipeline.sync:
            assert SYNC_SCRIPTS[sdk](simulator.url(script.vendor), sync_transport(pipeline), streamed)
            assert_settled(pipeline)
        assert len(simulator.requests) == 1 + len(FAULTS[fault])
