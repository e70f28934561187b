"""What the doctor warns of in the layers, and in their times."""

from __future__ import annotations

import math

from ranvier.cli.doctor.checking import Found, check, family_of, settings_of
from ranvier.cli.doctor.inspection import PipelineReport
from ranvier.errors.configuration import LayerOrderError
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.retry.layer import Retry
from ranvier.layers.throttle.layer import Throttle
from ranvier.layers.timeout import Timeout
from ranvier.pipeline.order import check_stack
from ranvier.providers._models.models import first_token_allowance

LONG_COOLDOWN = 300.0
"""Seconds of an open circuit that are worth a word."""


# --- the stack -----------------------------------------------------------------------------------


@check
def order(patient: PipelineReport) -> Found:
    """The layers stand in an order in which they do not do what they say."""
    try:
        check_stack(patient.layers, order=True)
    except LayerOrderError as error:
        yield None, str(error).split(". Put")[0], "leave out check_order=False, and follow what it says"


@check
def no_deadline(patient: PipelineReport) -> Found:
    """Nothing bounds the whole call."""
    if math.isinf(patient.deadline):
        why = "nothing bounds the whole call: retries and fallbacks may keep a customer waiting for minutes"
        yield None, why, "put Deadline(seconds=60) outermost"


@check
def no_attempt_limit(patient: PipelineReport) -> Found:
    """An attempt may take for ever."""
    for target, limits in patient.limits.items():
        if limits.seconds is None:
            why = "an attempt may take until the deadline, so that nobody else is asked"
            yield target, why, "put Timeout(seconds=120, first_token=120, idle=15) innermost"


@check
def silence_unnoticed(patient: PipelineReport) -> Found:
    """Neither `first_token` nor `idle` is set, so that a silent provider is noticed late."""
    for target, limits in patient.limits.items():
        missing = [name for name in ("first_token", "idle") if getattr(limits, name) is None]
        if limits.seconds is not None and missing:
            told = " and ".join(missing)
            why = f"without {told} a silent provider is noticed only after {limits.seconds:g} s"
            yield target, why, f"give Timeout({'=..., '.join(missing)}=...)"


@check
def several_timeouts(patient: PipelineReport) -> Found:
    """Of several Timeout layers only the innermost counts."""
    if sum(isinstance(layer, Timeout) for layer in patient.layers) > 1:
        why = "of several Timeout layers only the innermost counts"
        yield None, why, "keep one, with overrides= for single targets"


@check
def no_breaker(patient: PipelineReport) -> Found:
    """Nobody remembers that a provider is down."""
    if not any(isinstance(layer, Breaker) for layer in patient.layers):
        why = "nobody remembers that a provider is down: every call asks it again, and waits for it again"
        yield None, why, "add Breaker(failure_threshold=5, cooldown=30) around the Timeout"


@check
def throttle_without_retry(patient: PipelineReport) -> Found:
    """Calls wait at a gate, but the one that met the limit is not tried again."""
    kinds = {type(layer) for layer in patient.layers}
    if Throttle in kinds and Retry not in kinds:
        why = "the call that meets a rate limit is lost, though those after it wait until it has passed"
        yield None, why, "add Retry(max_retries=2) around the Throttle"


# --- times ---------------------------------------------------------------------------------------


@check
def silence_fills_deadline(patient: PipelineReport) -> Found:
    """A silent attempt uses up the deadline, so that no other target is asked."""
    for target, limits in patient.limits.items():
        noticed = min(_or_never(limits.first_token), _or_never(limits.seconds))
        if patient.deadline <= noticed < math.inf:
            why = f"a silent attempt is given up after {noticed:g} s, when the deadline is over"
            yield target, why, f"let first_token be well below the {patient.deadline:g} s of the deadline"


@check
def retries_miss_deadline(patient: PipelineReport) -> Found:
    """The waits before the retries do not fit the deadline."""
    for target, retry in settings_of(patient, Retry):
        waits = [
            min(retry.base_delay * retry.multiplier**step, retry.max_delay)
            for step in range(min(retry.max_retries, 100))
        ]
        waiting = sum(waits) * (1.0 if retry.jitter == "none" else 0.5)
        if waits and waiting >= patient.deadline:
            told = f"the waits before {len(waits)} retries take about {waiting:g} s"
            why = f"{told}, and the deadline is {patient.deadline:g} s"
            yield target, why, "lower max_retries or base_delay"


@check
def max_delay_beyond_deadline(patient: PipelineReport) -> Found:
    """`max_delay` allows waits that the deadline does not."""
    for target, retry in settings_of(patient, Retry):
        if retry.max_retries and retry.max_delay > patient.deadline:
            why = f"max_delay={retry.max_delay:g} is longer than the deadline of {patient.deadline:g} s"
            yield target, why, "lower max_delay, so that the next target is asked sooner"


@check
def limit_beyond_attempt(patient: PipelineReport) -> Found:
    """A limit within the attempt is longer than the attempt, and never acts."""
    for target, limits in patient.limits.items():
        for name in ("first_token", "idle"):
            limit = getattr(limits, name)
            if limit is not None and limits.seconds is not None and limit > limits.seconds:
                why = f"{name}={limit:g} never acts, since the whole attempt may take {limits.seconds:g} s"
                yield target, why, f"lower {name}, or raise seconds"


@check
def first_token_too_short(patient: PipelineReport) -> Found:
    """The model thinks in silence for longer than `first_token`."""
    for target in patient.targets:
        needed = first_token_allowance(family_of(target), target.facts_of or target.model)
        limit = patient.limits[target.target].first_token
        if limit is not None and limit < needed and needed > 20:
            why = f"first_token={limit:g} cuts it off while it thinks or is loaded: it may need {needed:g} s"
            yield target.target, why, f"let first_token be {needed:g}, by overrides= for these targets alone"


@check
def lease_below_attempt(patient: PipelineReport) -> Found:
    """A probe's place is taken from it before its attempt is over."""
    for target, breaker in settings_of(patient, Breaker):
        seconds = patient.limits[target].seconds
        if breaker.probe_lease is not None and seconds is not None and breaker.probe_lease < seconds:
            why = f"a probe is given up after {breaker.probe_lease:g} s, though it may take {seconds:g} s"
            yield target, why, "leave probe_lease out: it then follows the attempt"


@check
def long_cooldown(patient: PipelineReport) -> Found:
    """A circuit stays open for minutes after its provider is well."""
    for target, breaker in settings_of(patient, Breaker):
        longest = max(breaker.rules.cooldown, breaker.rules.max_cooldown or 0.0)
        if longest > LONG_COOLDOWN:
            why = f"a circuit stays open for up to {longest:g} s, though its provider may be well by then"
            yield target, why, "let cooldown be 10 to 60"


def _or_never(limit: float | None) -> float:
    return math.inf if limit is None else limit
