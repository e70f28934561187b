"""The commands about limits on what tenants spend. Amounts are whole numbers, at most 2^53."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SliceView:
    """What a worker holds of a limit: the reply to `TakeSlice`.

    Attributes:
        window: The number of the window that the store is in: its time divided by the length.
        ends_in: Milliseconds until that window ends.
        held: What the worker may spend in it, what it has spent included.
        left: What no worker holds.
    """

    window: int
    ends_in: int
    held: int
    left: int


@dataclass(frozen=True, slots=True)
class TakeSlice:
    """Hold what the worker has spent in a window, and `wanted` more; all workers hold at most `cap`.

    If so much is not there twice, it gets `least` more, or what is there. With 0 wanted it gives back what it
    has not spent. The same worker and number again change nothing and get the same; so does a number below
    that of its last command.

    Attributes:
        limit, tenant: Which limit, and of which tenant (its digest).
        length: Of a window, in milliseconds.
        window: The one that `spent` is of; in any other the worker begins anew.
        spent: What it has spent, and what its attempts in flight may cost. It counts even if it is too much.
        anew: The worker knows of nothing before: what it holds, it has spent, and `spent` in addition.
    """

    limit: str
    tenant: str
    length: int
    window: int
    worker: str
    number: int
    spent: int
    least: int
    wanted: int
    cap: int
    anew: bool = False
