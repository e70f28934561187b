"""A loop that a test follows turn by turn, to cancel a call after any of them."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from ranvier import Response, StreamEvent
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, VirtualTimeLoop


class SteppingLoop(VirtualTimeLoop):
    """A loop in virtual time that tells when a turn is over."""

    after_turn: Callable[[], None] | None = None

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]
        if self.after_turn is not None:
            self.after_turn()


class OneSlotProvider(ScriptedProvider):
    """Has one connection, needs a key, and takes a while to clean up after itself."""

    needs_credential = True

    def __init__(self, name: str, script: list[Any], unit: float) -> None:
        super().__init__(name, script)
        self.slots = asyncio.Semaphore(1)
        self.unit = unit

    async def complete(self, call: Call) -> Response:
        try:
            return await super().complete(call)
        finally:
            await asyncio.sleep(0.1 * self.unit)

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        steps = super().stream(call)
        try:
            async for event in steps:
                yield event
        finally:
            await steps.aclose()
            await asyncio.sleep(0.1 * self.unit)


def cancel_after(task: asyncio.Task[Any], turns: tuple[int, ...]) -> None:
    """Cancel `task` after each of these turns of the loop, counted from now."""
    loop, turn = asyncio.get_running_loop(), itertools.count()

    def after_turn() -> None:
        if next(turn) in turns and not task.done():
            task.cancel()

    assert isinstance(loop, SteppingLoop)
    loop.after_turn = after_turn


def in_turns(main: Coroutine[Any, Any, bool]) -> bool:
    with asyncio.Runner(loop_factory=SteppingLoop) as runner:
        return runner.run(main)
