"""The position of a layer in the stack."""

from __future__ import annotations

from enum import IntEnum


class Place(IntEnum):
    """The position of a layer, from the outside in."""

    CALL = 1
    """Once per call: deadlines, accounting, caches. The default for custom layers."""

    ROUTE = 2
    """Chooses the target. Inside it a call has a deployment and a credential."""

    RETRY = 3
    """Retries at the same target."""

    ADMIT = 4
    """May reject an attempt before it is sent."""

    ATTEMPT = 5
    """Sets the limits of one attempt."""
