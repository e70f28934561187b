"""The limits of all recently used keys, bounded in number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ranvier import clock
from ranvier.layers.pacing.estimates import Estimates
from ranvier.layers.pacing.key_limits import Costs
from ranvier.layers.pacing.paced_key import PacedKey
from ranvier.pipeline.running.loops import Loops

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime

Key = tuple[str, str, int]
"""A provider's name, a model, and the hash of the credential there: it cannot be reversed."""

MAX_MODELS = 1000
"""Maximum number of models with estimates."""


@dataclass(frozen=True, slots=True)
class AllowanceSnapshot:
    """One limit of a key at one moment.

    Attributes:
        provider, model: The target.
        key: A digest of the credential, which only distinguishes keys.
        what: `requests`, `input_tokens`, `output_tokens` or `tokens`.
        limit: The capacity of the limit.
        left: The amount left for further calls; negative if more is in flight than is left.
        waiting: The number of calls that wait for a limit of this key.
    """

    provider: str
    model: str
    key: str
    what: str
    limit: float
    left: float
    waiting: int


class Allowances:
    """The limits by key.

    At most `max_keys` are kept. A new key evicts the least recently used key without calls. If there is none,
    calls with the new key are sent without pacing.
    """

    def __init__(self, max_keys: int, create: Callable[[Estimates], PacedKey]) -> None:
        self._max_keys = max_keys
        self._create = create
        self._loops = Loops("Pacing")
        self._workers = 1
        self._estimates: OrderedDict[tuple[str, str], Estimates] = OrderedDict()
        self.known: OrderedDict[Key, PacedKey] = OrderedDict()  # in the order of last use

    def with_settings_of(self, other: Allowances, capacity: int) -> Self:
        """These limits with the settings of `other` from now on; `capacity` calls may wait at each."""
        self._max_keys, self._create = other._max_keys, other._create
        for paced in self.known.values():
            paced.queue.capacity = capacity
        return self

    def __iter__(self) -> Iterator[AllowanceSnapshot]:
        now = clock.now()
        for key, paced in list(self.known.items()):
            for what, each in zip(Costs._fields, paced.limits.allowances, strict=True):
                if each.limit is not None:
                    left, waiting = each.left(now), paced.queue.waiting
                    yield AllowanceSnapshot(key[0], key[1], digest(key), what, each.limit, left, waiting)

    def of(self, deployment: Deployment, account: int) -> PacedKey | None:
        """The limits of a key; `None` if too many keys are in use."""
        key = key_of(deployment, account)
        paced = self.known.get(key)
        if paced is not None:
            self.known.move_to_end(key)
            return paced
        if len(self.known) >= self._max_keys:
            idle = next((each for each, one in self.known.items() if one.idle), None)
            if idle is None:
                return None
            del self.known[idle]
        paced = self.known[key] = self._create(self._estimates_of(key[:2]))
        paced.limits.divide(self._workers)
        return paced

    def divide(self, workers: int) -> None:
        """Use one part in `workers` of the limits."""
        self._workers = workers
        for paced in self.known.values():
            paced.limits.divide(workers)

    def _estimates_of(self, target: tuple[str, str]) -> Estimates:
        estimates = self._estimates.get(target)
        if estimates is None:
            estimates = self._estimates[target] = Estimates()
            if len(self._estimates) > MAX_MODELS:
                self._estimates.popitem(last=False)
        return estimates

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: if the old event loop is closed, forget everything measured by its clock."""
        if self._loops.enter(pipeline) is not None:
            self.known.clear()


def key_of(deployment: Deployment, account: int) -> Key:
    """The key of the limits of a call."""
    return deployment.provider.name, deployment.model, account


def digest(key: Key) -> str:
    """The credential's part of a key, as shown to people."""
    return f"{key[2] & 0xFFFFFFFF:08x}"
