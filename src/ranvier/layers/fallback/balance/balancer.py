"""Orders the targets of a balance for one call."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from ranvier.layers.fallback.balance.hashing import distance, turn_of
from ranvier.layers.fallback.balance.load import Load
from ranvier.layers.fallback.balance.loads import Loads
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.waiting.later import accepted_at
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.layers.fallback.balance.settings import Balance
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.timing.limits import Limits


class LoadSnapshot(NamedTuple):
    """One target of a balance at one moment.

    Attributes:
        target: `"provider/model"`.
        in_flight: The number of calls in flight there.
        first_token: The average time to the first content, in seconds; `None` if it is not known.
        share: The share of its usual calls that it may get: 0 while it is down, 1 after its slow start.
    """

    target: str
    in_flight: int
    first_token: float | None
    share: float


class Balancer:
    """The targets of a `Balance` in one `Fallback`.

    Attributes:
        balance: The settings.
        loads: The loads of its targets, including those that `without` leaves out.
        by_target: The load of each target, in the configured order.
    """

    def __init__(self, balance: Balance, targets: Sequence[Deployment]) -> None:
        self.balance = balance
        self.loads = Loads([each.target for each in targets], balance.weights, balance.by)
        self.by_target = dict(zip(targets, self.loads.loads, strict=True))
        self._targets = {load: target for target, load in self.by_target.items()}

    def without(self, targets: Collection[Deployment]) -> Self:
        """The same balance without some of its targets; the loads are the same objects."""
        rest = object.__new__(type(self))
        rest.balance, rest.loads, rest._targets = self.balance, self.loads, self._targets
        rest.by_target = {each: load for each, load in self.by_target.items() if each not in targets}
        return rest

    def limited(self, target: Deployment, limits: Limits) -> None:
        """Set the limits of attempts at `target`: a failure counts as `first_token` seconds."""
        if limits.first_token is not None:
            load = self.by_target[target]
            load.longest = min(load.longest, limits.first_token)

    # --- choosing --------------------------------------------------------------------------------

    def arranged(self, call: Call, refused: Collection[Deployment] = ()) -> tuple[Deployment, ...]:
        """The targets in the order in which `call` tries them; `refused` ones come last."""
        loads = list(self.by_target.values())
        last: tuple[Deployment, ...] = ()
        if refused:
            last = tuple([each for each in self.by_target if each in refused])
            loads = [load for target, load in self.by_target.items() if target not in refused]
        if len(loads) > 1:
            conversation = self.balance.conversation(call)
            if conversation is None:
                loads = self._by_load(loads, call)
            else:
                self._by_hash(loads, call, conversation)
        if loads:
            self.loads.chosen(loads[0])
        targets = self._targets
        return (*[targets[each] for each in loads], *last)

    def _by_load(self, loads: Sequence[Load], call: Call) -> list[Load]:
        """The less loaded of two random loads that would accept `call`; then the others, by score."""
        now = call.pipeline.clock()
        ready: list[Load] = []
        others: list[Load] = []
        last: list[Load] = []
        for each in self.loads.drawn(loads):
            if len(ready) == 2:
                others.append(each)
            else:
                (ready if self._ready(each, call, now, random.random()) else last).append(each)
        if len(ready) == 2:
            chosen = self.loads.lighter(*ready)
            others.append(ready[0] if chosen is ready[1] else ready[1])
            ready = [chosen]
            others.sort(key=self.loads.score)
        order = [*ready, *others, *last]
        recorder.balanced(call, order[0].name, f"{len(loads)} by {self.balance.by}")
        return order

    def _by_hash(self, loads: list[Load], call: Call, conversation: int) -> None:
        """Sort in place: the home of the conversation first, targets that would not accept `call` last."""
        loads.sort(key=lambda each: distance(conversation, each.number, each.weight))
        home, now, how = loads[0], call.pipeline.clock(), ""
        for place, each in enumerate(loads):
            if self._ready(each, call, now, turn_of(conversation, each.number)):
                if place:
                    loads[:] = [*loads[place:], *loads[:place]]
                    how = f", instead of {home.name}"
                break
        recorder.balanced(call, loads[0].name, f"{len(loads)} by conversation{how}")

    def _ready(self, load: Load, call: Call, now: float, turn: float) -> bool:
        """True if the target would accept `call` now, and may get it: one call at a time while it is down."""
        if accepted_at(call, self._targets[load]) is False:
            load.rejects(call.tenant, now)
            return False
        share = load.share(now)
        if share >= 1.0 or turn < share or not load.concerns(call.tenant):
            return True
        return load.is_down and not load.in_flight.number

    # --- reading ---------------------------------------------------------------------------------

    def snapshots(self, now: float) -> Iterator[LoadSnapshot]:
        """A snapshot of each target."""
        for load in self.loads.loads:
            yield LoadSnapshot(load.name, load.in_flight.number, self.loads.average(load), load.share(now))

    def status(self, now: float) -> Iterator[str]:
        """A line for each target, for `print(pipeline)`."""
        for each in self.snapshots(now):
            words = f"balanced: {each.target}: {each.in_flight} in flight"
            if each.first_token is not None:
                words += f", first content after {each.first_token:.2f} s on average"
            if each.share < 1:
                words += f", {each.share:.0%} of its share" if each.share else ", down"
            yield words

    def unsettled(self) -> Iterator[str]:
        """A sentence for each target with calls in flight."""
        for load in self.loads.loads:
            if load.in_flight.number:
                yield f"balance: {counted(load.in_flight.number, 'call')} in flight at {load.name}"

    def __repr__(self) -> str:
        return f"Balance({', '.join(map(str, self.by_target))}{self.balance.options})"
