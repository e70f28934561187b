"""Where a layer stands in the stack."""

from __future__ import annotations

from enum import IntEnum


class Place(IntEnum):
    """Where a layer stands, from the outside in."""

    CALL = 1
    """Once per call: deadlines, accounting, caches. The place of a user's layer unless it says otherwise."""

    ROUTE = 2
    """Chooses the target. Inside it a call has a deployment and a credential."""

    RETRY = 3
    """Asks the same target again."""

    ADMIT = 4
    """May refuse an attempt before it is sent."""

    ATTEMPT = 5
    """Bounds one attempt."""
