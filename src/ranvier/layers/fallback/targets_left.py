"""The targets that one call has not yet been sent to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.errors.rejected import SharedCircuitOpenError
from ranvier.errors.root import RanvierError
from ranvier.errors.scope import Scope
from ranvier.layers.fallback.balance.balancer import Balancer
from ranvier.layers.fallback.balance.chains import Chain, flat
from ranvier.layers.fallback.verdict import Failures, too_small
from ranvier.pipeline.asking.allow import refusals
from ranvier.pipeline.asking.capable import incapable
from ranvier.pipeline.asking.foreign import own_error
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.reporting.announce import announce_rejected


class TargetsLeft:
    """The rest of a chain; targets at an endpoint that has failed come last."""

    rescued: bool = False  # true once it has left a target because the shared circuit there opened
    broken: Any = None  # the stream that broke, until its target is asked again
    _failures: Failures = ()
    _deferred: tuple[Deployment, ...] = ()  # targets at an endpoint that has failed
    _failed_endpoints: tuple[str, ...] = ()
    _passed_over: tuple[tuple[float, Deployment], ...] = ()  # targets rejected only by a shared circuit
    _refused: Mapping[Deployment, RanvierError] = {}  # targets that must not be asked, with the reasons

    def __init__(self, call: Call, chain: Chain, judged: bool, balanced: bool) -> None:
        self.call = call
        self._balanced = balanced
        self._remaining = chain
        targets = self.later
        if call.pipeline.allow is not None and len(targets) > 1:
            self._refused = refusals(call, targets)
        if judged:
            rest = [target for target in targets if target not in self._refused]
            self._refused = {**self._refused, **incapable(call, rest)}
        self.single = len(targets) - len(self._refused) == 1

    def now(self) -> float:
        """The time on the pipeline's clock."""
        return self.call.pipeline.clock()

    def next(self) -> Deployment | None:
        """The next target to ask; `None` if none is left."""
        while self._remaining:
            target, rest = self._remaining[0], self._remaining[1:]
            if isinstance(target, Balancer):
                self._remaining = (*target.arranged(self.call, self._refused), *rest)
                self._balanced = any(isinstance(each, Balancer) for each in self._remaining)
                continue
            self._remaining = rest
            if self._refused and target in self._refused:
                self._pass_over(target, self._refused[target])
                continue
            if not self._failures:
                return target
            if too_small(target, self._failures):
                continue
            if target.provider.name not in self._failed_endpoints:
                return target
            self._deferred += (target,)
        if not self._deferred:
            return None
        target = self._deferred[0]
        self._deferred = self._deferred[1:]
        return target

    def _pass_over(self, target: Deployment, error: RanvierError) -> None:
        self._failures += ((target, own_error(self.call, error)),)
        directed = self.call.to(target)
        recorder.skipped(directed, error)
        announce_rejected(directed, error)

    def skip_first(self) -> None:
        """The first target has been asked."""
        self._remaining = self._remaining[1:]

    def note(self, target: Deployment, error: RanvierError) -> None:
        """Note the failure of `target`, which may change the next target."""
        if isinstance(error, SharedCircuitOpenError):
            self._passed_over += ((error.retry_after or 0.0, target),)
        elif getattr(error, "scope", None) is Scope.ENDPOINT:
            self._failed_endpoints += (target.provider.name,)
        self._failures += ((target, error),)

    def passed_over(self) -> Deployment | None:
        """The target rejected only by a shared circuit, with the earliest probe; its failure is dropped."""
        if not self._passed_over:
            return None
        _, target = min(self._passed_over, key=lambda each: each[0])
        self._failures = tuple(each for each in self._failures if each[0] is not target)
        return target

    def put_back(self, target: Deployment) -> None:
        """Make `target` the next one again."""
        self._remaining = (target, *self._remaining)

    def skip_rest(self) -> None:
        """Ask no further target."""
        self._remaining = self._deferred = ()

    @property
    def later(self) -> tuple[Deployment, ...]:
        """The targets that are left, in order."""
        remaining = flat(self._remaining) if self._balanced else self._remaining
        later: tuple[Deployment, ...] = remaining + self._deferred  # type: ignore[assignment]
        if self._refused:
            return tuple([target for target in later if target not in self._refused])
        return later
