"""Continues after a broken stream: with another attempt at its target, or with the next target.

The break counts like a failure of the attempt before its first content: if the stack retries, the target is
asked again; otherwise, or if the retry fails, the next target is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ranvier.layers.fallback.balance.chains import Chain, flat, rest_of
from ranvier.layers.fallback.contestant import Contestant, Course
from ranvier.layers.fallback.pace import Pace
from ranvier.pipeline.layer import Layer

if TYPE_CHECKING:
    from ranvier.errors.root import RanvierError
    from ranvier.pipeline.call import Call


class Resumable(Course, Protocol):
    """The race that continues."""

    call: Call
    broken: Any

    def skip_first(self) -> None:
        """The first target has been asked."""

    def failed(self, contestant: Contestant, call: Call, error: RanvierError) -> None:
        """A target has failed."""

    async def run(self) -> Any:
        """The answer of the first target that has one."""


def left_after_break(call: Call, chain: Chain) -> Chain:
    """The target whose stream broke, and the targets of `chain` that `call` has not been sent to."""
    tried = {attempt.target for attempt in call.record.attempts}
    return (
        call.record.broken.target,
        *rest_of(chain, [each for each in flat(chain) if each.target in tried]),
    )


async def resume(race: Resumable, pace: Pace) -> Any:
    """The answer of another attempt: at the same target, if the stack has a layer that retries there."""
    call = race.call
    race.broken, call.record.broken = call.record.broken, None
    if not any(isinstance(each, Layer) and each.retries_broken for each in call.pipeline.layers):
        target, error = race.broken.target, race.broken.error
        race.broken = None
        race.skip_first()
        try:
            race.failed(Contestant(race, target, pace), call.to(target), error)
        finally:
            del error  # it refers to this frame: a local would complete a cycle
    return await race.run()


def hand_over(race: Resumable, contestant: Contestant, directed: Call) -> None:
    """Pass the error of the stream to the retry layer, if `directed` goes to the target of the stream."""
    broken, race.broken = race.broken, None
    if broken.target == directed.deployment:
        directed.attempt, contestant.broken = broken.number, broken.error
        directed.watch = contestant
