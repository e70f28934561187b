"""Learns a target's times to the first content, and derives hedge delays and hang thresholds from them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from math import inf

from ranvier.layers.fallback.first_tokens import FirstTokens
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.timing.limits import Limits

COLD_HEDGE = 12.0
"""The longest delay of a hedge, in seconds, at a target whose times are not known yet."""

COLD_HANG = 10.0
"""The shortest hang threshold in seconds, unless half of `first_token` is shorter."""

USUAL_FIRST_TOKEN = 120.0
"""The value used for `first_token`, in seconds, if the stack does not limit it."""

SUSPECT_SECONDS = 60.0
"""Seconds after a silence for which attempts run in separate tasks, so that they can outlive their call."""

TROUBLED_SECONDS = 3600.0
"""Seconds after a failure for which a call might be a probe: a circuit rarely stays open for longer."""

MAX_LINGERING = 5
"""Maximum number of attempts at one target that continue after their call, until their hang threshold."""

MAX_ENDPOINTS = 100
"""Maximum number of tenants' own endpoints tracked per target; the least recently used is dropped first."""

MAX_AGE = 1.0
"""Seconds for which computed quantiles are cached."""


class Pace:
    """The times to the first content at one target.

    Attributes:
        suspect_until: The time until which attempts at the target run in separate tasks: from the start until
            the first content, and for `SUSPECT_SECONDS` after each silence.
        troubled_until: The time until which a call there might be a probe, because calls have failed.
        lingering: The number of attempts there that continue after their call has its answer.
    """

    __slots__ = (
        "_at",
        "_elsewhere",
        "_learned",
        "_p99",
        "_samples",
        "_share",
        "lingering",
        "suspect_until",
        "troubled_until",
    )

    def __init__(self, share: float) -> None:
        self._samples = FirstTokens()
        self._share = share
        self._at = -inf
        self._learned: float | None = None
        self._p99: float | None = None
        self._elsewhere: OrderedDict[str, Pace] = OrderedDict()
        self.suspect_until = self.troubled_until = inf  # until the first content
        self.lingering = 0

    def at(self, endpoint: str | None) -> Pace:
        """The pace of a tenant's own endpoint, which has separate times; this one for `None`."""
        if endpoint is None:
            return self
        own = self._elsewhere.get(endpoint)
        if own is None:
            own = self._elsewhere[endpoint] = Pace(self._share)
            if len(self._elsewhere) > MAX_ENDPOINTS:
                self._elsewhere.popitem(last=False)
        else:
            self._elsewhere.move_to_end(endpoint)
        return own

    def content(self, seconds: float | None, now: float) -> None:
        """Note the first content of an attempt after `seconds`; `None` if the answer came all at once."""
        if seconds is not None:
            self._samples.add(seconds, now)
        if self.suspect_until == inf:
            self.suspect_until = self.troubled_until = now

    def silence(self, seconds: float, now: float) -> None:
        """Note an attempt that was abandoned after `seconds` of silence."""
        self._samples.add(seconds, now)

    def suspect(self, now: float) -> None:
        """Note a suspiciously long silence of the target."""
        if self.suspect_until != inf:
            self.suspect_until = now + SUSPECT_SECONDS
        self.failed(now)

    def failed(self, now: float) -> None:
        """Note a failed or rejected call."""
        self.troubled_until = max(self.troubled_until, now + TROUBLED_SECONDS)

    def learned(self, now: float) -> float | None:
        """The quantile after which a hedge is due; `None` while it is not known."""
        self._refresh(now)
        return self._learned

    def p99(self, now: float) -> float | None:
        """The 99th percentile; `None` while it is not known."""
        self._refresh(now)
        return self._p99

    def cold_hedge(self, limits: Limits) -> float:
        """The delay of a hedge in seconds, while no quantile is known."""
        return min(COLD_HEDGE, _first_token(limits) / 3)

    def hangs_within(self, limits: Limits, seconds: float) -> bool:
        """True if the hang threshold may be shorter than `seconds`."""
        return seconds > COLD_HANG or seconds > _first_token(limits) / 2

    def hang_threshold(self, limits: Limits, now: float) -> float:
        """Seconds without content after which an attempt counts as silent."""
        self._refresh(now)
        longest = _first_token(limits)
        least = min(COLD_HANG, longest / 2)
        if self._p99 is None:
            return max(longest / 4, least)
        return min(max(2 * self._p99, least), longest)

    def shift(self, seconds: float) -> None:
        """Move to another event loop, whose clock is `seconds` ahead, with no attempts in flight."""
        self._samples.shift(seconds)
        self._at = float("-inf")
        self.suspect_until += seconds
        self.troubled_until += seconds
        self.lingering = 0
        for each in self._elsewhere.values():
            each.shift(seconds)

    def learns(self, share: float) -> None:
        """Compute the quantile `share` from now on."""
        self._share, self._at = share, -inf
        for each in self._elsewhere.values():
            each.learns(share)

    def _refresh(self, now: float) -> None:
        if now - self._at < MAX_AGE:
            return
        self._at = now
        self._p99 = self._samples.quantile(0.99, now)
        self._learned = self._p99 if self._share == 0.99 else self._samples.quantile(self._share, now)


def go_on(paces: Mapping[Deployment, Pace], before: Mapping[Deployment, Pace]) -> dict[Deployment, Pace]:
    """`paces`, with those of `before` for targets with the same names, which then use the new quantile."""
    known = {target.target: (target, pace) for target, pace in before.items()}
    taken = dict(paces)
    for target, own in paces.items():
        if target.target in known:
            old, pace = known[target.target]
            pace.learns(own._share)
            taken[target] = pace
            target.take_over(old)
    return taken


def _first_token(limits: Limits) -> float:
    return USUAL_FIRST_TOKEN if limits.first_token is None else limits.first_token
