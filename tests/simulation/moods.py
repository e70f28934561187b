"""What providers do to their callers: moods that come and go, and in each its own faults."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from random import Random
from typing import Any

from ranvier import errors

WAIT, SAY, PING, FINISH, RAISE, MISBEHAVE = range(6)
"""What a reply is made of: seconds (`None` is for ever), a text, a sign of life, the end, an error, or what
the code of a provider may do to its task: see `misbehaving`."""

Step = tuple[int, Any]

TICKS = 64
"""All times are multiples of 1/64 second: exact as floats, and many things fall on the same moment."""


class Reply:
    """What a provider does with one request.

    Attributes:
        fault: Its name; `None` for a good answer.
        cleanup: Seconds that the provider takes to let go of a request that is cancelled or closed.
    """

    __slots__ = ("cleanup", "fault", "steps")

    def __init__(self, fault: str | None, steps: list[Step], cleanup: float) -> None:
        self.fault = fault
        self.steps = steps
        self.cleanup = cleanup


def good(rng: Random) -> list[Step]:
    """A sound answer of a few texts."""
    steps: list[Step] = [(WAIT, int(rng.random() * 48) / TICKS)]
    for number in range(1 + int(rng.random() * 4)):
        if number and (pause := int(rng.random() * 32)) > 8:
            steps.append((WAIT, pause / TICKS))
        steps.append((SAY, f"{number}:{int(rng.random() * 100)} "))
    steps.append((FINISH, None))
    return steps


def broken(error: Callable[[Random], Any]) -> Callable[[Random], list[Step]]:
    """Makes replies that an `error` ends, in most cases before anything was said."""

    def reply(rng: Random) -> list[Step]:
        steps = good(rng)
        keep = 1 if rng.random() < 0.6 else 1 + int(rng.random() * (len(steps) - 1))
        return [*steps[:keep], (RAISE, error(rng))]

    return reply


def refused(error: Callable[[Random], Any]) -> Callable[[Random], list[Step]]:
    """Makes replies that are nothing but an `error`."""
    return lambda rng: [(WAIT, int(rng.random() * 16) / TICKS), (RAISE, error(rng))]


def stalled(rng: Random) -> list[Step]:
    """Silence for ever, from the beginning or in the middle."""
    steps = good(rng)
    keep = 0 if rng.random() < 0.5 else 1 + int(rng.random() * (len(steps) - 1))
    return [*steps[:keep], (WAIT, None)]


def slow(rng: Random) -> list[Step]:
    """A sound answer that takes its time."""
    return [(kind, 8 * value if kind == WAIT else value) for kind, value in good(rng)]


def pinging(rng: Random) -> list[Step]:
    """Signs of life and nothing else, before the answer or in its middle."""
    steps = good(rng)
    keep = int(rng.random() * len(steps))
    pings = [(WAIT, 0.5), (PING, None)] * (4 if rng.random() < 0.5 else 400)
    return [*steps[:keep], *pings, *steps[keep:]]


def late(rng: Random) -> list[Step]:
    """A whole answer, after whose end the connection breaks or hangs."""
    fault = (RAISE, (errors.ConnectionFailedError, {})) if rng.random() < 0.5 else (WAIT, None)
    return [*good(rng), fault]


def misbehaving(how: str) -> Callable[[Random], list[Step]]:
    """Makes replies in which the code of a provider does that, before its answer or in the middle of it."""

    def reply(rng: Random) -> list[Step]:
        steps = good(rng)
        keep = 1 + int(rng.random() * (len(steps) - 1))
        return [*steps[:keep], (MISBEHAVE, how), *steps[keep:]]

    return reply


def _error(kind: type[Exception], waits: tuple[float | None, ...] = (None,), **facts: Any) -> Any:
    def draw(rng: Random) -> Any:
        wait = waits[int(rng.random() * len(waits))]
        return kind, facts if wait is None else {**facts, "retry_after": wait}

    return draw


FAULTS: dict[str, Callable[[Random], list[Step]]] = {
    "limited": broken(_error(errors.RateLimitError, (None, 0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 40.0), status=429)),
    "overloaded": broken(_error(errors.OverloadedError, (None, None, 0.5, 2.0), status=503)),
    "failing": broken(_error(errors.ServerError, status=500)),
    "reset": broken(_error(errors.ConnectionFailedError)),
    "malformed": broken(_error(errors.InvalidResponseError)),
    "unreachable": refused(_error(errors.AttemptTimeoutError, phase="connect")),
    "gave_up": refused(_error(errors.AttemptTimeoutError, phase="attempt", status=408)),
    "stalled": stalled,
    "slow": slow,
    "pinging": pinging,
    "late": late,
    "strange": broken(lambda rng: (RuntimeError, None)),
    "refused_key": refused(_error(errors.AuthenticationError, status=401)),
    "forbidden": refused(_error(errors.PermissionDeniedError, status=403)),
    "out_of_credit": refused(_error(errors.QuotaExceededError, (None, 20.0), status=402)),
    "invalid": refused(_error(errors.InvalidRequestError, status=400)),
    "no_such_model": refused(_error(errors.ModelNotFoundError, status=404)),
    "too_long": refused(_error(errors.ContextLengthError, status=400)),
    "unsupported": refused(_error(errors.UnsupportedRequestError, status=400)),
    "filtered": refused(_error(errors.ContentFilterError, status=400)),
    "asks_whole": refused(_error(errors.InvalidRequestError, status=400)),
    "cancels_itself": broken(lambda rng: (asyncio.CancelledError, None)),
    "swallows": misbehaving("swallow"),
    "times_out": misbehaving("time out"),
    "group_fails": misbehaving("fail in a group"),
    "group_fails_late": misbehaving("fail in a group when cancelled"),
    "calls_back": misbehaving("call back"),
}
"""By name: how a reply with that fault is drawn."""

_REFUSALS = dict.fromkeys(
    ("refused_key", "forbidden", "out_of_credit", "invalid", "no_such_model", "too_long", "unsupported"), 6
)
_RARE = dict.fromkeys(FAULTS, 1)

MOODS: dict[str, dict[str | None, int]] = {
    "well": {None: 900, **_RARE},
    "throttling": {None: 30, "limited": 60, "overloaded": 10},
    "down": {None: 5, "reset": 50, "failing": 30, "overloaded": 10, "unreachable": 5},
    "silent": {None: 20, "stalled": 40, "slow": 20, "pinging": 20},
    "lying": {None: 30, "malformed": 40, "late": 15, "strange": 10, "asks_whole": 5},
    "refusing": {None: 40, **_REFUSALS, "filtered": 6},
    "wilful": {
        None: 40,
        "cancels_itself": 12,
        "swallows": 12,
        "times_out": 12,
        "group_fails": 12,
        "group_fails_late": 12,
        "calls_back": 6,
    },
    "shaky": {None: 60, "reset": 12, "failing": 12, "limited": 8, "slow": 8},
}
"""By name: how often each fault (`None` is a good answer) is met in that mood."""

_DRAWN_BY = {
    mood: (list(faults), list(itertools.accumulate(faults.values()))) for mood, faults in MOODS.items()
}


def draw(rng: Random, mood: str) -> Reply:
    """A reply of a provider in that mood."""
    names, weights = _DRAWN_BY[mood]
    fault = rng.choices(names, cum_weights=weights)[0]
    steps = good(rng) if fault is None else FAULTS[fault](rng)
    cleanup = (1 + int(rng.random() * 16)) / TICKS if rng.random() < 0.05 else 0.0
    return Reply(fault, steps, cleanup)


class Weather:
    """The moods of one provider, one after the other, and for whom.

    A mood may be for one tenant in so many alone, as when their keys are bad.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._until = -1.0
        self._mood = "well"
        self._share, self._place = 1, 0  # of tenants by number: the one in how many, and which

    def mood(self, now: float, tenant: int) -> str:
        """The mood that this tenant meets now."""
        if now >= self._until:
            self._change(now)
        return self._mood if tenant % self._share == self._place else "well"

    def _change(self, now: float) -> None:
        rng = self._rng
        flapping = rng.random() < 0.3
        self._until = now + (rng.uniform(0.2, 3.0) if flapping else rng.uniform(5.0, 60.0))
        self._mood = rng.choice(["well", "down"] if flapping else ["well", "well", *MOODS])
        self._share = rng.choice([1, 1, 2, 3, 7])
        self._place = rng.randrange(self._share)
