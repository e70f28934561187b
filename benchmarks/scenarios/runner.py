"""Runs scenarios, several at the same time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.scenarios.figures import Figures, worst
from benchmarks.scenarios.report import Result
from benchmarks.scenarios.rows import ROWS


class Job(NamedTuple):
    """One run."""

    name: str
    variant: str
    features: str
    seed: int


def run(job: Job) -> Figures:
    """Run it."""
    return ROWS[job.name].run(job.variant, job.features, job.seed)


def results(names: list[str], features: list[str], seeds: Sequence[int], processes: int) -> Iterator[Result]:
    """The results of these scenarios, as they come."""
    variants = [(name, variant) for name in names for variant in ROWS[name].variants]
    jobs = [Job(*each, kind, seed) for each in variants for kind in features for seed in seeds]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        ran = pool.imap(run, jobs)
        for name, variant in variants:
            figures = {kind: worst([next(ran) for _ in seeds]) for kind in features}
            yield Result(name, variant, figures)
