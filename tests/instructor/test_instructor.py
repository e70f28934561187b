"""instructor on OpenAI's SDK, over our transport: under six faults, and when an answer does not validate."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from instructor import Mode
from ranvier.integrations import sync_transport, transport
from ranvier.simulator import Simulator, Slow, Status
from ranvier.testing import assert_settled, settled
from support.instructor.asking import (
    FORMS,
    MODES,
    answer_to,
    are_lakes,
    calling,
    first_lake,
    lakes,
    lakes_without_await,
    stack,
)
from support.sdks.six_faults import FAULTS
from support.simulator.threaded import simulator_in_thread

PATIENCE = 4.0
"""Seconds for instructor alone."""

EACH_FAULT = pytest.mark.parametrize("fault", FAULTS)
EACH_FORM = pytest.mark.parametrize("form", FORMS)
EACH_MODE = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)

INCOMPLETE = calling("Lake", {"name": "Zürich"})
"""An answer without the depth, which does not validate."""


@EACH_FAULT
@EACH_FORM
@EACH_MODE
async def test_instructor_answers_through_the_transport(mode: Mode, form: str, fault: str) -> None:
    """Whole, in parts and item by item."""
    async with Simulator() as simulator, stack(simulator) as pipeline:
        simulator.play("openai", *FAULTS[fault], answer_to(form, mode))
        found = await lakes(simulator.url("openai"), transport(pipeline), form, mode)
        assert are_lakes(found, form)
        assert_settled(pipeline)
        assert len(simulator.requests) == 1 + len(FAULTS[fault])


@pytest.mark.once
@EACH_FAULT
@EACH_FORM
@EACH_MODE
async def test_instructor_alone_gets_none(mode: Mode, form: str, fault: str) -> None:
    """An error, or nothing at all, in place of an answer."""
    found: list[Any] = []
    async with Simulator() as simulator:
        simulator.play("openai", *FAULTS[fault], answer_to(form, mode))
        with suppress(Exception):
            async with asyncio.timeout(PATIENCE):
                found = await lakes(simulator.url("openai"), None, form, mode)
    assert not found


@pytest.mark.once
@EACH_FAULT
@EACH_FORM
def test_instructor_without_await_answers_through_the_transport(form: str, fault: str) -> None:
    """By the other client of the SDK."""
    with simulator_in_thread() as simulator:
        pipeline = stack(simulator)
        simulator.play("openai", *FAULTS[fault], answer_to(form, Mode.TOOLS))
        with pipeline.sync:
            through = sync_transport(pipeline)
            assert are_lakes(lakes_without_await(simulator.url("openai"), through, form, Mode.TOOLS), form)
            assert_settled(pipeline)
        assert len(simulator.requests) == 1 + len(FAULTS[fault])


async def test_an_answer_that_does_not_validate_is_asked_for_again_through_the_layers() -> None:
    """The model is shown what is wrong by instructor; the layers help each of its requests."""
    async with Simulator() as simulator, stack(simulator) as pipeline:
        simulator.play("openai", Status(503), INCOMPLETE, Status(503))
        found = await lakes(simulator.url("openai"), transport(pipeline), "whole", Mode.TOOLS, max_retries=1)
        assert are_lakes(found, "whole")
        assert_settled(pipeline)
    first, incomplete, second, last = simulator.requests
    assert first.body == incomplete.body
    assert second.body == last.body
    assert "depth" in str(last.body["messages"][2:])


async def test_a_call_that_the_layers_have_given_up_is_not_asked_again_by_instructor() -> None:
    """Its `max_retries` are for answers that do not validate."""
    async with Simulator() as simulator, stack(simulator) as pipeline:
        simulator.always("openai", Status(400))
        with pytest.raises(Exception, match="400"):
            await lakes(simulator.url("openai"), transport(pipeline), "whole", Mode.TOOLS, max_retries=3)
        assert_settled(pipeline)
        assert len(simulator.requests) == 1


async def test_a_stream_that_is_left_ends_with_the_client() -> None:
    """When half of the list has been read; nothing else closes it at once."""
    async with Simulator() as simulator, stack(simulator) as pipeline:
        simulator.play("openai", answer_to("iterable", Mode.TOOLS) & Slow(pace=0.05))
        assert (await first_lake(simulator.url("openai"), transport(pipeline))).name
        await settled(pipeline)
