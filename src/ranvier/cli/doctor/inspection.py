"""Collects the facts that the doctor reports about a pipeline."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ranvier.cli.doctor.reachability import Reach, reach_all
from ranvier.cli.doctor.turns import Turn, turns_of
from ranvier.pipeline.asking.optional_members import credential_of
from ranvier.pipeline.estimate import limits_at, of_call
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.place import Place
from ranvier.pipeline.worst_case import WorstCase

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.pipeline import Pipeline
    from ranvier.pipeline.timing.limits import Limits

HTTP = ("http://", "https://")

NEEDS_NONE = "none needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One warning: the check, the targets, why it matters, and what to do."""

    check: str
    targets: tuple[str, ...]
    why: str
    remedy: str


@dataclass(slots=True)
class PipelineReport:
    """The facts about a pipeline; of keys, only their sources.

    Attributes:
        targets: Every deployment.
        keys: The source of each target's key; `None` if it needs a key and has none.
        limits: The limits of one attempt at each target.
        deadline: Seconds after which the stack ends a call; infinity means never.
        reach: The connection test by base URL; empty with `--offline`.
    """

    pipeline: Pipeline
    targets: list[Deployment]
    keys: dict[str, str | None]
    limits: dict[str, Limits]
    deadline: float
    reach: dict[str, Reach] = field(default_factory=dict)
    warnings: list[Finding] = field(default_factory=list)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The whole stack."""
        return self.pipeline.layers

    @property
    def chains(self) -> list[tuple[Deployment, ...]]:
        """For each target where a call may start: the targets that it is sent to in turn."""
        return [chain for layer in self.layers if layer.place == Place.ROUTE for chain in layer.chains()]

    @property
    def own_layers(self) -> list[str]:
        """Custom layers that do not override `bound`: the worst case does not include them."""
        kinds = [type(layer) for layer in self.layers if not type(layer).__module__.startswith("ranvier.")]
        return [kind.__name__ for kind in kinds if kind.bound is Layer.bound]

    def bound(self, *, refusals: bool = False, repairs: int = 0) -> WorstCase:
        """The longest time and most attempts of one call."""
        return of_call(self.pipeline, refusals=refusals, repairs=repairs)

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON; a missing limit is `None`."""
        usual, first = self.bound(), self.bound(refusals=True)
        return {
            "stack": [repr(layer) for layer in self.layers],
            "targets": [self._target(each) for each in self.targets],
            "turns": [[_turn(turn) for turn in turns] for turns in turns_of(self)],
            "longest_call": {
                "attempts": usual.attempts,
                "attempts_once_more": first.attempts - usual.attempts,
                "seconds": finite(first.seconds),
                "layers_not_counted": self.own_layers,
            },
            "warnings": [asdict(each) for each in self.warnings],
        }

    def _target(self, target: Deployment) -> dict[str, Any]:
        limits, url = self.limits[target.target], url_of(target)
        names = ("seconds", "connect", "first_token", "idle")
        seen = self.reach.get(url or "")
        return {
            "target": target.target,
            "base_url": url,
            "key": self.keys[target.target],
            "limits": {name: finite(getattr(limits, name)) for name in names},
            "reach": None if seen is None else asdict(seen),
        }


def inspect_pipeline(pipeline: Pipeline, *, offline: bool = False) -> PipelineReport:
    """Collect the facts about a pipeline, without warnings yet."""
    targets = [target for layer in pipeline.layers for target in layer.deployments()]
    trust = {url: getattr(each.provider, "ssl_context", None) for each in targets if (url := url_of(each))}
    return PipelineReport(
        pipeline,
        targets,
        keys={target.target: _key_of(pipeline, target) for target in targets},
        limits={target.target: limits_at(pipeline.layers, target) for target in targets},
        deadline=_deadline(pipeline.layers),
        reach={} if offline else reach_all(trust),
    )


def url_of(target: Deployment) -> str | None:
    """The base URL of a target; `None` for a provider without an address."""
    provider: Any = target.provider
    of_key = getattr(provider, "base_url_for", None)
    url = target.traits.base_url if of_key is None else of_key(credential_of(provider))
    return url if isinstance(url, str) and url.startswith(HTTP) else None


def _key_of(pipeline: Pipeline, target: Deployment) -> str | None:
    """The source of the key, never the key itself."""
    if pipeline.credentials.resolver is not None:
        return "by tenant, from credentials="
    key = credential_of(target.provider)
    if not key:
        return None if target.traits.needs_credential else NEEDS_NONE
    return next((name for name in target.traits.environment if os.environ.get(name) == key), "api_key=")


def _deadline(layers: Sequence[Layer]) -> float:
    return min(
        (layer.bound(WorstCase(0, math.inf), None).seconds for layer in layers if layer.place == Place.CALL),
        default=math.inf,
    )


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        name: finite(value) if isinstance(value, float) else value for name, value in asdict(turn).items()
    }


def finite(seconds: float | None) -> float | None:
    """`seconds`, or `None` for infinity, which JSON does not have."""
    return None if seconds is None or math.isinf(seconds) else seconds
