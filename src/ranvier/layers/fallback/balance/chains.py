"""The targets of a fallback in order, for each target where a call may start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ranvier.errors.configuration import ConfigurationError, UnknownProviderError
from ranvier.layers.fallback.balance.balancer import Balancer
from ranvier.layers.fallback.balance.settings import Balance
from ranvier.layers.fallback.targets import Target, TargetNames, UnlistedTargets
from ranvier.pipeline.deployment import Deployment

Chain = tuple[Deployment | Balancer, ...]
"""Targets in the order in which they are tried; a balance is ordered when it is reached."""

COUNTED = 2
"""The number of targets of a balance for which time is reserved: more rarely fail in one call."""


class Chains:
    """The chain of each target where a call may start.

    Args:
        targets: The targets of the usual chain.
        chains: The targets that follow a single primary, by its name.
        share: The share for the `Pace` of unlisted targets; `None` means that a call may only start at listed
            targets.

    Attributes:
        targets: The targets of the usual chain.
        default: The usual chain.
        balances: All balances.
        balancers: The balances by target; empty if there are none.
    """

    def __init__(
        self,
        targets: Sequence[Target | Balance],
        chains: Mapping[str, Sequence[Target | Balance]],
        share: float | None = None,
    ) -> None:
        self._unlisted: UnlistedTargets | None = None
        self.balancers: dict[Deployment, Balancer] = {}
        self._made: dict[int, Balancer] = {}
        self._named = TargetNames(_plain([*targets, *(each for chain in chains.values() for each in chain)]))
        usual = tuple([self._step(target) for target in targets])
        self.targets = flat(usual)
        self._by_start: dict[str, Chain] = {}  # by the target or provider where a call starts
        for position, step in enumerate(usual):
            for first, chain in _starts(step):
                for name in (first.target, first.provider.name):
                    self._by_start.setdefault(name, (*chain, *usual[position + 1 :]))
        for primary, further in chains.items():
            start = self.of(primary)[0]
            assert isinstance(start, Deployment)
            own = (start, *(self._step(target, among=self.targets) for target in further))
            self._by_start.update({primary: own, start.target: own})
        self.balances = tuple(self._made.values())
        first_step = usual[0]
        self.default = self._by_start[first_step.target] if isinstance(first_step, Deployment) else usual
        if share is not None:
            self._unlisted = UnlistedTargets([each for chain in self.all() for each in chain], share)

    def _step(self, target: Target | Balance, among: Iterable[Deployment] = ()) -> Deployment | Balancer:
        if not isinstance(target, Balance):
            return self._named.deployment(target, among)
        balancer = self._made.get(id(target))
        if balancer is None:
            members = [self._named.deployment(each, among) for each in target.targets]
            balancer = self._made[id(target)] = Balancer(target, members)
            for member in members:
                if member in self.balancers:
                    raise ConfigurationError(f"{member} is named twice in Balance(...)")
                self.balancers[member] = balancer
        return balancer

    def of(self, start: str) -> Chain:
        """The chain of a call that starts at the target `start`.

        Raises:
            UnknownProviderError: no chain starts there.
        """
        chain = self._by_start.get(start)
        if chain is not None:
            return chain
        target = None if self._unlisted is None else self._unlisted.named(start)
        if target is None:
            raise UnknownProviderError(self._unknown(start))
        return (target, *self._by_start.get(target.provider.name, self.default))

    def _unknown(self, start: str) -> str:
        known = ", ".join(deployment.target for deployment in self.targets)
        words = f"target {start!r:.80} is not among the targets of this pipeline: {known}"
        if self._unlisted is not None:
            return f"{words}; it may also be another model of {', '.join(self._unlisted.providers)}"
        name, _, model = start.partition("/")
        if model and name in {
            each.provider.name for chain in self._by_start.values() for each in flat(chain)
        }:
            return f"{words}; list it, or accept any model of {name} with Fallback(..., open=True)"
        return words

    def unlisted(self) -> Iterable[Deployment]:
        """The targets that calls have named, but that are in no chain."""
        return () if self._unlisted is None else tuple(self._unlisted)

    def shift(self, seconds: float) -> None:
        """Move to another event loop, whose clock is `seconds` ahead; forget the unlisted targets."""
        for balancer in self.balances:
            balancer.loads.shift(seconds)
        if self._unlisted is not None:
            self._unlisted.forget()

    def take_over(self, before: Chains) -> None:
        """Take over what was learned about the targets of balances, and about unlisted targets."""
        loads = {load.name: load for balancer in before.balances for load in balancer.loads.loads}
        for balancer in self.balances:
            balancer.loads.take_over(loads)
        if self._unlisted is not None and before._unlisted is not None:
            self._unlisted.take_over(before._unlisted)

    def all(self) -> Iterable[tuple[Deployment, ...]]:
        """Every chain, with the targets of balances in their configured order.

        If a call may start at any model of a provider, the first model of that provider stands for all.
        """
        chains = [flat(chain) for chain in (self.default, *self._by_start.values())]
        if self._unlisted is not None:
            first = {target.provider.name: target for chain in reversed(chains) for target in reversed(chain)}
            usual = {name: flat(self._by_start.get(name, self.default)) for name in first}
            chains += [(first[name], *chain) for name, chain in usual.items()]
        return dict.fromkeys(chains)


def counted(later: Sequence[Deployment], balancers: Mapping[Deployment, Balancer]) -> Sequence[Deployment]:
    """The targets of `later` for which time is reserved: of each balance, the first two."""
    if not balancers or len(later) <= COUNTED:
        return later
    numbers: Counter[Balancer | None] = Counter()
    kept = []
    for target in later:
        balancer = balancers.get(target)
        numbers[balancer] += 1
        if balancer is None or numbers[balancer] <= COUNTED:
            kept.append(target)
    return kept


def flat(chain: Chain) -> tuple[Deployment, ...]:
    """The targets of `chain`, those of balances included."""
    return tuple([target for step in chain for target in targets_of(step)])


def rest_of(chain: Chain, tried: Collection[Deployment]) -> Iterator[Deployment | Balancer]:
    """The steps of `chain` without the targets in `tried`."""
    for step in chain:
        if isinstance(step, Balancer):
            step = step.without(tried)
            if step.by_target:
                yield step
        elif step not in tried:
            yield step


def targets_of(step: Deployment | Balancer) -> tuple[Deployment, ...]:
    """The targets of one step."""
    return tuple(step.by_target) if isinstance(step, Balancer) else (step,)


def _plain(targets: Iterable[Target | Balance]) -> Iterator[Target]:
    for target in targets:
        if isinstance(target, Balance):
            yield from target.targets
        else:
            yield target


def _starts(step: Deployment | Balancer) -> Iterator[tuple[Deployment, Chain]]:
    """The targets in `step` where a call may start, each with the part of the chain that replaces `step`."""
    if not isinstance(step, Balancer):
        yield step, (step,)
        return
    for target in step.by_target:
        yield target, (target, step.without((target,)))
