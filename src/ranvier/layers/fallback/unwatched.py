"""One call on its way through its targets, where nothing watches its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.root import RanvierError
from ranvier.layers.fallback.contestant import Contestant
from ranvier.layers.fallback.keys import send
from ranvier.layers.fallback.race import Race
from ranvier.layers.fallback.verdict import out_of_time
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, R

if TYPE_CHECKING:
    from ranvier.layers.fallback.layer import Fallback


async def run_unwatched(layer: Fallback, call: Call, chain: tuple[Deployment, ...], inner: Handler[R]) -> R:
    """Ask the first target. Where nothing watches the attempt, a race begins only if that fails."""
    target, failure, answer = chain[0], None, None
    if call.deadline is not None and call.deadline <= call.pipeline.clock():
        raise out_of_time(target, ())
    directed = call.to(target)
    try:
        try:
            answer = await send(directed, inner)
            if len(chain) == 1 or not getattr(answer, "empty", False) or layer.accepts_empty(call):
                return answer
        except RanvierError as error:
            failure = error
        race = Race(layer, call, chain, inner)
        contestant = Contestant(race, target, layer.pace_of(target))
        race.skip_first()
        if failure is None:
            race.answered(contestant, answer)  # type: ignore[arg-type]  # because: it has an answer
        else:
            race.failed(contestant, directed, failure)
        return await race.run()
    finally:
        del failure, answer  # an error refers to this frame: a local would complete a cycle
