"""The acts of `ranvier demo` without their network: the same tenants and layers, in virtual time."""

from __future__ import annotations

import random

from ranvier import Pipeline, clock
from ranvier.cli.demo.act import PROVIDERS
from ranvier.cli.demo.report import Film
from ranvier.cli.demo.scenario import BAD_KEY, Scenario
from ranvier.cli.demo.silent_provider import SilentProvider, stack
from ranvier.cli.demo.tally import Tally, Verdict
from ranvier.errors import AuthenticationError, OverloadedError
from ranvier.layers import Breaker, Deadline, Fallback, Retry
from ranvier.pipeline.call import Call
from ranvier.testing import ScriptedProvider, after, virtual_time
from ranvier.testing.scripted import Reply


def filmed(scenario: Scenario) -> tuple[Film, Verdict]:
    """What happens is up to the seed alone."""
    with virtual_time(seed=scenario.seed) as run:
        return run(_filmed(scenario))


async def _filmed(scenario: Scenario) -> tuple[Film, Verdict]:
    took, began = random.Random(scenario.seed), clock.now()

    def first(call: Call) -> Reply:
        if call.credential == BAD_KEY:
            return AuthenticationError("no such key", provider=PROVIDERS[0], status=401)
        if scenario.outage[0] <= clock.now() - began < scenario.outage[1]:
            return OverloadedError("not now", provider=PROVIDERS[0], status=503)
        return after(took.uniform(0.1, 0.6), "ok")

    def other(_: Call) -> Reply:
        return after(took.uniform(0.2, 0.9), "ok")

    others = [ScriptedProvider(name, other) for name in PROVIDERS[1:]]
    tally, film = Tally(), Film(began)
    async with Pipeline(
        Deadline(15),
        Fallback(ScriptedProvider(PROVIDERS[0], first), *others),
        Retry(max_retries=1, base_delay=0.2, max_delay=1.0),
        Breaker(failure_threshold=3, cooldown=scenario.seconds / 10),
        credentials=scenario.key_of,
    ) as pipeline:
        pipeline.events.add(film.record, verbose=True)
        await scenario.run(pipeline, tally)
    rescued = sum(call.became == "rescued" for call in film.calls)
    return film, Verdict(len(tally.calls), rescued, 0, (), ())


def filmed_silence(act: SilentProvider) -> tuple[Film, Tally]:
    """The second act. When a shared circuit opens, calls go on in no fixed order: runs differ a little."""
    with virtual_time(seed=act.seed) as run:
        return run(_filmed_silence(act))


async def _filmed_silence(act: SilentProvider) -> tuple[Film, Tally]:
    took, began = random.Random(act.seed), clock.now()

    def first(_: Call) -> Reply:
        silent = act.outage[0] <= clock.now() - began < act.outage[1]
        return after(3600.0 if silent else took.uniform(0.2, 0.3), "ok")

    def other(_: Call) -> Reply:
        return after(took.uniform(0.2, 0.3), "ok")

    others = [ScriptedProvider(name, other) for name in PROVIDERS[1:]]
    tally, film = Tally(), Film(began)
    layers = stack(ScriptedProvider(PROVIDERS[0], first), *others)
    async with Pipeline(*layers, listeners=[tally.record]) as pipeline:
        pipeline.events.add(film.record, verbose=True)
        await act.run(pipeline, tally)
    return film, tally
