"""Operators: they isolate circuits and close them, open gates, forget keys, and close whole pipelines."""

from __future__ import annotations

import asyncio
from random import Random

from simulation.checker import Checker
from simulation.provider import SeededProvider
from simulation.stacks import Stack
from simulation.story import Story


class Operators:
    """Those of one world."""

    def __init__(
        self, rng: Random, checker: Checker, stacks: list[Stack], providers: list[SeededProvider]
    ) -> None:
        self._rng = rng
        self._checker = checker
        self._stacks = stacks
        self._providers = providers

    async def act(self, tenant: str) -> None:
        """One of them does something."""
        rng = self._rng
        stack = rng.choice(self._stacks)
        if stack.breaker is not None and stack.circuits.known and rng.random() < 0.7:
            await self._move_circuit(stack)
        elif stack.throttle is not None and rng.random() < 0.5:
            provider = rng.choice(self._providers).name
            stack.throttle.gates.open(provider)
            stack.closed_until = {
                gate: at for gate, at in stack.closed_until.items() if gate[0].partition("/")[0] != provider
            }
        else:
            stack.pipeline.credentials.forget(tenant)

    async def _move_circuit(self, stack: Stack) -> None:
        key = self._rng.choice(list(stack.circuits.known))
        isolated = self._rng.random() < 0.2
        circuits = stack.breaker.circuits
        await (circuits.isolate(*key) if isolated else circuits.reset(*key))
        stack.circuits.operate(key, "isolated" if isolated else "closed")
        self._checker.compare_circuit(stack, key)

    async def close(self, stack: Stack, stories: list[Story]) -> None:
        """Close a pipeline while calls are in flight, and cut off whoever has not ended in time."""
        await asyncio.sleep(10 * self._rng.random())  # between two ticks: nothing else ends in that moment
        stack.closing = True
        drain = self._rng.choice([0.0, 2.0, 30.0])
        timer = asyncio.get_running_loop().call_later(drain, self._cut_off, stack, stories)
        if not drain:
            self._cut_off(stack, stories)
        await stack.pipeline.aclose(drain)
        timer.cancel()

    def _cut_off(self, stack: Stack, stories: list[Story]) -> None:
        stack.cut_off = True
        for provider in self._providers:
            provider.hurries = True  # streams are closed one after the other, in whatever order
        for story in stories:
            if story.inside and story.stack is stack:
                story.let_go = True
