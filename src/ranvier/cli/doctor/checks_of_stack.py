"""Checks of the layers and their time limits."""

from __future__ import annotations

import math

from ranvier.cli.doctor.checking import Problems, check, settings_of
from ranvier.cli.doctor.inspection import PipelineReport
from ranvier.cli.doctor.turns import or_never, turns_of
from ranvier.errors.configuration import LayerOrderError
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.chaos.layer import Chaos
from ranvier.layers.fallback.layer import Fallback
from ranvier.layers.retry.layer import Retry
from ranvier.layers.spend_limit.bounds import ADDED
from ranvier.layers.spend_limit.layer import SpendLimit
from ranvier.layers.throttle.layer import Throttle
from ranvier.layers.timeout import Timeout
from ranvier.pipeline.order import check_stack
from ranvier.presets import first_token_allowance_at
from ranvier.telemetry.opentelemetry.layer import OpenTelemetry

LONG_COOLDOWN = 300.0
"""Cooldowns from this many seconds on cause a warning."""


# --- the stack -----------------------------------------------------------------------------------


@check
def order(report: PipelineReport) -> Problems:
    """The order of the layers breaks one of them."""
    try:
        check_stack(report.layers, order=True)
    except LayerOrderError as error:
        yield None, str(error).split(". Put")[0], "remove check_order=False, and follow the error"


@check
def no_deadline(report: PipelineReport) -> Problems:
    """The whole call has no limit."""
    if math.isinf(report.deadline):
        why = "the whole call has no limit: with retries and fallbacks a user may wait for minutes"
        yield None, why, "put Deadline(seconds=60) outermost"


@check
def no_attempt_limit(report: PipelineReport) -> Problems:
    """An attempt has no limit, neither of its whole time nor of its silence."""
    for target, limits in report.limits.items():
        silence = limits.first_token is not None and limits.idle is not None and limits.over_stream
        if limits.seconds is None and not silence:
            why = "an attempt may be silent until the deadline, so that no other target is tried"
            yield target, why, "put Timeout(seconds=120, first_token=120, idle=15) innermost"


@check
def silence_unnoticed(report: PipelineReport) -> Problems:
    """Neither `first_token` nor `idle` is set, so that a silent provider is noticed late."""
    for target, limits in report.limits.items():
        missing = [name for name in ("first_token", "idle") if getattr(limits, name) is None]
        if limits.seconds is not None and missing:
            names = " and ".join(missing)
            why = f"without {names} a silent provider is noticed only after {limits.seconds:g} s"
            yield target, why, f"set Timeout({'=..., '.join(missing)}=...)"


@check
def several_timeouts(report: PipelineReport) -> Problems:
    """Of several Timeout layers only the innermost applies."""
    if sum(isinstance(layer, Timeout) for layer in report.layers) > 1:
        why = "of several Timeout layers only the innermost applies"
        yield None, why, "keep one, with overrides= for single targets"


@check
def no_breaker(report: PipelineReport) -> Problems:
    """There is no circuit breaker."""
    if not any(isinstance(layer, Breaker) for layer in report.layers):
        why = "without a circuit breaker every call is sent to a provider that is down, and waits for it"
        yield None, why, "add Breaker(failure_threshold=5, cooldown=30) around the Timeout"


@check
def throttle_without_retry(report: PipelineReport) -> Problems:
    """Calls wait at a gate, but the call that hits the rate limit is not retried."""
    kinds = {type(layer) for layer in report.layers}
    if Throttle in kinds and Retry not in kinds:
        why = "the call that hits a rate limit fails, though the calls after it wait for the limit to pass"
        yield None, why, "add Retry(max_retries=2) around the Throttle"


@check
def nothing_reported(report: PipelineReport) -> Problems:
    """Nothing logs or counts that a circuit opens."""
    exported = any(isinstance(layer, OpenTelemetry) for layer in report.layers)
    if not report.pipeline.events.listeners and not exported:
        why = "there are no listeners, so nobody learns that a circuit opens or a key is rejected"
        yield None, why, "remove listeners=(), or add LoggingListener() to it"


@check
def faults_on_purpose(report: PipelineReport) -> Problems:
    """Faults are injected into real calls."""
    if any(isinstance(layer, Chaos) and layer.on for layer in report.layers):
        why = "Chaos injects faults into real calls"
        yield None, why, "remove it after the experiment, or set RANVIER_CHAOS=off"


@check
def spend_limit_without_price(report: PipelineReport) -> Problems:
    """A limit in money has no price of a target, so that nothing is sent there."""
    for layer in report.layers:
        if isinstance(layer, SpendLimit) and layer.in_money and not layer.allows_unknown:
            for target in report.targets:
                if layer.rates_of(target) is None:
                    why = "SpendLimit has no price of it, so that every attempt there is rejected"
                    yield target.target, why, "add it to prices=, or pass unknown='allow'"


@check
def spend_limit_too_small(report: PipelineReport) -> Problems:
    """A limit in tokens is smaller than what the shortest request reserves."""
    for layer in report.layers:
        limit = layer.per_tenant if isinstance(layer, SpendLimit) and not layer.in_money else None
        if isinstance(limit, float) and limit < ADDED:
            why = f"SpendLimit counts tokens, and rejects every call: each reserves more than {ADDED:,}"
            yield None, why, "pass prices= if the limit is in money"


# --- times ---------------------------------------------------------------------------------------


@check
def silence_fills_deadline(report: PipelineReport) -> Problems:
    """A silent attempt uses up the deadline, so that no other target is tried."""
    if _leaves_silent_targets(report):
        return
    for target, limits in report.limits.items():
        noticed = min(or_never(limits.first_token), or_never(limits.seconds))
        if report.deadline <= noticed < math.inf:
            why = f"a silent attempt times out after {noticed:g} s, when the deadline has passed"
            yield target, why, f"set first_token well below the {report.deadline:g} s of the deadline"


@check
def turn_too_short(report: PipelineReport) -> Problems:
    """If all targets are silent, one has less time than its own limits allow."""
    for turns in turns_of(report):
        for turn in turns:
            fills = turn.wanted >= report.deadline and not _leaves_silent_targets(report)
            if turn.seconds < turn.wanted < math.inf and not fills:
                seconds = f"{round(turn.seconds, 1):g} s for its first content"
                why = (
                    f"if all targets are silent, it has {seconds}, though its limits allow {turn.wanted:g} s"
                )
                yield (
                    turn.target,
                    why,
                    "set Fallback(hedge_after='p99'), raise the deadline, or drop a target",
                )


@check
def retries_miss_deadline(report: PipelineReport) -> Problems:
    """The waits before the retries do not fit the deadline."""
    for target, retry in settings_of(report, Retry):
        waits = [
            min(retry.base_delay * retry.multiplier**step, retry.max_delay)
            for step in range(min(retry.max_retries, 100))
        ]
        waiting = sum(waits) * (1.0 if retry.jitter == "none" else 0.5)
        if waits and waiting >= report.deadline:
            total = f"the waits before {len(waits)} retries take about {waiting:g} s"
            why = f"{total}, and the deadline is {report.deadline:g} s"
            yield target, why, "lower max_retries or base_delay"


@check
def max_delay_beyond_deadline(report: PipelineReport) -> Problems:
    """`max_delay` allows waits that the deadline does not."""
    for target, retry in settings_of(report, Retry):
        if retry.max_retries and retry.max_delay > report.deadline:
            why = f"max_delay={retry.max_delay:g} is longer than the deadline of {report.deadline:g} s"
            yield target, why, "lower max_delay, so that the next target is tried sooner"


@check
def limit_beyond_attempt(report: PipelineReport) -> Problems:
    """A limit within the attempt is longer than the attempt, and has no effect."""
    for target, limits in report.limits.items():
        for name in ("first_token", "idle"):
            limit = getattr(limits, name)
            if limit is not None and limits.seconds is not None and limit > limits.seconds:
                why = f"{name}={limit:g} has no effect: the whole attempt may take only {limits.seconds:g} s"
                yield target, why, f"lower {name}, or raise seconds"


@check
def first_token_too_short(report: PipelineReport) -> Problems:
    """The model thinks in silence for longer than `first_token`."""
    for target in report.targets:
        needed = first_token_allowance_at(target)
        limit = report.limits[target.target].first_token
        if limit is not None and limit < needed and needed > 20:
            why = f"first_token={limit:g} stops it while it thinks or is loaded: it may need {needed:g} s"
            yield target.target, why, f"set first_token to {needed:g}, in overrides= for these targets only"


@check
def lease_below_attempt(report: PipelineReport) -> Problems:
    """The lease of a probe is shorter than its attempt."""
    for target, breaker in settings_of(report, Breaker):
        seconds = report.limits[target].seconds
        if breaker.probe_lease is not None and seconds is not None and breaker.probe_lease < seconds:
            why = f"a probe fails after {breaker.probe_lease:g} s, though it may take {seconds:g} s"
            yield target, why, "leave probe_lease unset: it then follows the attempt"


@check
def long_cooldown(report: PipelineReport) -> Problems:
    """A circuit may stay open for minutes after its provider has recovered."""
    for target, breaker in settings_of(report, Breaker):
        longest = max(breaker.rules.cooldown, breaker.rules.max_cooldown or 0.0)
        if longest > LONG_COOLDOWN:
            why = f"a circuit stays open for up to {longest:g} s, though its provider may recover sooner"
            yield target, why, "set cooldown to 10 to 60"


def _leaves_silent_targets(report: PipelineReport) -> bool:
    """True if the route goes on to the next target before the limits of a silent one are reached."""
    routes = [layer for layer in report.layers if isinstance(layer, Fallback)]
    return any(route.hedges or route.reserve is not None for route in routes)
