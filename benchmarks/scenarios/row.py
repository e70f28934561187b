"""A scenario, its variants, and the register of all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from benchmarks.scenarios.figures import Figures
from benchmarks.scenarios.world import World

Play = Callable[..., Figures]


@dataclass(frozen=True)
class Row:
    """One scenario.

    Attributes:
        name: By which `--only` chooses it.
        title: What the page calls it.
        play: Runs it in a `World`, with the settings of one variant.
        variants: Those settings, by the name of the variant.
    """

    name: str
    title: str
    play: Play
    variants: dict[str, dict[str, Any]]

    @property
    def words(self) -> str:
        """What happens in it, and what is bounded."""
        return inspect.getdoc(self.play) or ""

    def run(self, variant: str, features: str, seed: int) -> Figures:
        """One run."""
        return self.play(World(features, seed), **self.variants[variant])


ROWS: dict[str, Row] = {}
"""All scenarios, by name."""


def row(title: str, **choices: dict[str, Any]) -> Callable[[Play], Play]:
    """Register a function as a scenario, in one variant for every combination of `choices`.

    `tenants={"50 tenants": 50, "1 tenant": 1}` gives it two variants by those names.
    """

    def registered(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        ROWS[name] = Row(name, title, play, dict(_variants(choices)))
        return play

    return registered


def _variants(choices: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for combined in product(*(choice.items() for choice in choices.values())):
        settings = dict(zip(choices, (value for _, value in combined), strict=True))
        yield ", ".join(name for name, _ in combined), settings
