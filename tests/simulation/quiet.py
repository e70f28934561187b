"""What has to be left when nobody calls: nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulation.provider import SeededProvider
from simulation.stacks import Stack
from simulation.story import Story
from support.scenes import live_timers

if TYPE_CHECKING:
    from simulation.world import World

TURNS = 4
"""Turns of the loop in which what was dropped may still be closed; then a second, for slow providers."""

LOSERS = 130.0
"""Seconds within which losers have passed their hang thresholds, and probes that have lost their limits."""


async def check_quiet(world: World, stories: list[Story]) -> None:
    """All calls have ended: is everything given back?"""
    for _ in range(TURNS):
        await asyncio.sleep(0)
    if len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(1.0)
    if len(asyncio.all_tasks()) > 1 and not all(stack.plain for stack in world.stacks):
        await asyncio.sleep(LOSERS)
    fail = world.checker.fail
    for words in _left(world):
        fail(2, words)
    for story in stories:
        for words in _left_of(story):
            fail(2, words, story)
        if story.ends != 1 or story.stream_ends != story.streams:
            fail(1, f"it has ended {story.ends} times, its stream {story.stream_ends} times", story)
    for stack in world.stacks:
        _check_books(world, stack)


def _check_books(world: World, stack: Stack) -> None:
    """Circuits and accounts are as they should be."""
    for words in _differences(stack):
        world.checker.fail(8, words)
    for words in stack.spending.left():
        world.checker.fail(18, words)


def _left(world: World) -> Iterator[str]:
    if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        yield f"{len(tasks)} tasks are left: {tasks}"
    if timers := live_timers():
        yield f"{len(timers)} timers are left: {timers[:3]}"
    for provider in world.providers:
        yield from _held_by(provider)
    for stack in world.stacks:
        yield from _held_in(stack)
        yield from () if stack.pacing is None else stack.pacing.unsettled()


def _held_by(provider: SeededProvider) -> Iterator[str]:
    for exchange in provider.sockets:
        yield f"a request goes on: {exchange} of {exchange.story}"
    if provider.slots is not None and provider.slots._value != provider.connections:
        yield f"{provider.slots._value} slots of {provider.connections} are free at {provider.name}"


def _held_in(stack: Stack) -> Iterator[str]:
    pipeline = stack.pipeline
    if pipeline.lifecycle.in_flight != (0, 0) or pipeline.lifecycle._background:
        yield f"{pipeline.lifecycle.in_flight} calls and streams are in flight"
    if pipeline.credentials.lookups.running:
        yield f"{pipeline.credentials.lookups.running} are looked up"
    yield from stack.route.unsettled()
    if stack.bulkhead is not None and stack.bulkhead.inside:
        yield f"{stack.bulkhead.inside} permits of a bulkhead are held"
    yield from _places_of(stack)
    if stack.throttle is not None:
        for key, keeper in stack.throttle.gates.known.items():
            if not keeper.gate.idle:
                yield f"the gate {key} has {keeper.gate.waiting} calls waiting, or a probe in flight"
    yield from _losers_of(stack)
    if stack.breaker is not None:
        for key, seen in stack.breaker.circuits:
            if seen.in_flight or (seen.state == "half_open" and seen.retry_after is not None):
                yield f"the circuit {key} has {seen.in_flight} calls in flight: {seen}"


def _places_of(stack: Stack) -> Iterator[str]:
    for places in itertools.chain.from_iterable(layer.places for layer in stack.places):
        if places.in_flight or places.waiting:
            yield f"{places.in_flight} calls have a place, {places.waiting} wait: {places}"


def _losers_of(stack: Stack) -> Iterator[str]:
    for target, pace in stack.route._paces.items():
        if pace.lingering:
            yield f"{pace.lingering} losers go on at {target}"
    shared = None if stack.breaker is None else stack.breaker.circuits.shared
    for each in shared or ():
        if each.probes:
            yield f"the shared circuit of {each.target} has {each.probes} probes in flight"


def _left_of(story: Story) -> Iterator[str]:
    if story.permits:
        yield f"{story.permits} permits are held"
    if story.record is not None and any(each.outcome == "running" for each in story.record.attempts):
        yield "an attempt goes on"


def _differences(stack: Stack) -> Iterator[str]:
    """Where circuits are not as they should be."""
    if stack.breaker is None or not stack.plain:
        return
    seen = dict(stack.breaker.circuits)
    if seen.keys() != stack.circuits.known.keys():
        yield f"circuits are kept of {seen.keys() ^ stack.circuits.known.keys()}"
        return
    for key, circuit in stack.circuits.known.items():
        found = seen[key]
        if (found.state, found.total_opens) != (circuit.state, circuit.total):
            yield f"the circuit {key} is {found} instead of {circuit.state}, opened {circuit.total} times"
        elif circuit.state == "closed" and found.failures != circuit.failed:
            yield f"the circuit {key} counts {found.failures} failures instead of {circuit.failed}"
