"""Sends a hedge: asks the next target as well while one is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.partial import DeadlineExceededError
from ranvier.events import HedgeSent, HedgeWithheld
from ranvier.layers.fallback.contestant import Contestant
from ranvier.pipeline.asking.payments import affordable
from ranvier.pipeline.reporting import recorder

if TYPE_CHECKING:
    from ranvier.layers.fallback.race import Race
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment


def hedge(race: Race[Any], silent: Contestant, now: float) -> None:
    """`silent` has been silent for too long: ask the next target of `race` as well, if there is any."""
    flight, caller = race.flight, race.caller
    if silent.lost or silent.hedged or race.is_settled() or (flight is not None and flight.is_won):
        return
    if caller is None or caller.has_given_up:
        return  # nothing more is sent, even while attempts in flight clean up
    if race.single and flight is not None and flight.rivals > 1:
        return  # a third attempt there would be no better than the two in flight
    target = _affordable(race, silent, now)
    if target is None:
        return
    contestant = Contestant(race, target, race.layer.pace_of(target))
    contestant.is_hedge, contestant.queues = True, False
    try:
        call = race.directed(contestant, "hedge")
    except DeadlineExceededError:
        return
    if not silent.probing:
        if not race.layer.budget.take(target.provider.name):
            if not race.single:
                race.put_back(target)
            _withheld(call, silent, now)
            return
        contestant.paid_from = race.layer.budget
    silent.hedged = True
    silent.pace.suspect(now)
    recorder.noted(call, "hedged", now - silent.since, silent.target.target)
    _emit(HedgeSent, call, silent, now)
    race.launch(contestant, call)
    if race.flight is not None:
        race.flight.join(silent)
        race.flight.make_room(now)


def _affordable(race: Race[Any], silent: Contestant, now: float) -> Deployment | None:
    """The next target that the call can pay for; more expensive ones may be asked later."""
    too_dear: tuple[Deployment, ...] = ()
    target = silent.target if race.single else _next(race)
    while target is not None and not affordable(call := race.call.to(target)):
        recorder.noted(call, "hedge_too_dear", now - silent.since, silent.target.target)
        too_dear = (target, *too_dear)
        target = None if race.single else _next(race)
    if not race.single:
        for each in too_dear:
            race.put_back(each)
    return target


def _next(race: Race[Any]) -> Deployment | None:
    """The next target; `None` if the `sticky` function of its balance fails: the call raises that later."""
    try:
        return race.next()
    except ConfigurationError:
        return None


def _withheld(call: Call, silent: Contestant, now: float) -> None:
    """Emit that no hedge is sent to the target of `call`, because its hedge budget is used up."""
    recorder.noted(call, "hedge_withheld", now - silent.since, silent.target.target)
    _emit(HedgeWithheld, call, silent, now)


def _emit(event: type[HedgeSent | HedgeWithheld], call: Call, silent: Contestant, now: float) -> None:
    if call.pipeline.events.hears(event):
        call.pipeline.events.emit(
            event(
                tenant=call.tenant,
                provider=silent.target.provider.name,
                model=silent.target.model,
                metadata=call.record.metadata,
                to=call.deployment.target,
                seconds=now - silent.since,
            ),
            call.record,
        )
