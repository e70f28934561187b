"""The targets that one call has not been sent to."""

from __future__ import annotations

from ranvier.layers.fallback.verdict import Failures, too_small
from ranvier.pipeline.deployment import Deployment


class TargetsLeft:
    """The rest of a chain; targets at an endpoint that has failed come last."""

    _failures: Failures = ()
    _deferred: tuple[Deployment, ...] = ()  # at an endpoint that has failed
    _failed_endpoints: tuple[str, ...] = ()

    def __init__(self, chain: tuple[Deployment, ...]) -> None:
        self.single = len(chain) == 1
        self._remaining = chain

    def next(self) -> Deployment | None:
        """The next target to ask; `None` if none is left."""
        while self._remaining:
            target = self._remaining[0]
            self._remaining = self._remaining[1:]
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

    def skip_first(self) -> None:
        """The first target has been asked."""
        self._remaining = self._remaining[1:]

    def put_back(self, target: Deployment) -> None:
        """Make `target` the next one again."""
        self._remaining = (target, *self._remaining)

    def skip_rest(self) -> None:
        """Ask no further target."""
        self._remaining = self._deferred = ()

    @property
    def later(self) -> tuple[Deployment, ...]:
        """The targets that are left, in order."""
        return self._remaining + self._deferred
