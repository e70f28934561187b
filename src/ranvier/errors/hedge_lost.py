"""The error of an attempt that another target has overtaken."""

from __future__ import annotations

from ranvier.errors.root import RanvierError
from ranvier.facts.attempt import HEDGE_LOST


class HedgeLostError(RanvierError):
    """Another target answered the call first. It ends the attempt, and no call raises it."""

    kind = HEDGE_LOST
