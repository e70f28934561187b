"""The commands about limits on what tenants spend. Amounts are whole numbers, at most 2^53."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SliceView:
    """The reply to `TakeSlice`: the part of a limit that the worker holds.

    Attributes:
        window: The number of the store's current window: its time divided by the length of a window.
        ends_in: Milliseconds until that window ends.
        held: The amount that the worker may spend in the window, including what it has spent.
        left: The amount that no worker holds.
    """

    window: int
    ends_in: int
    held: int
    left: int


@dataclass(frozen=True, slots=True)
class TakeSlice:
    """Lease `wanted` in addition to the amount `spent` in a window; all workers hold at most `cap`.

    If less than twice `wanted` is left, the worker gets only `least`, or whatever is left. `wanted=0` gives
    the unspent part back. A repeated command (the same worker and number, or a lower number) changes nothing
    and returns the current state.

    Attributes:
        limit, tenant: The limit, and the tenant (its digest).
        length: The length of a window, in milliseconds.
        window: The window of `spent`; in any other window the worker starts from 0.
        spent: The amount spent, plus reservations of attempts in flight. It counts even beyond the limit.
        anew: The worker has lost its state: everything it holds counts as spent, and `spent` is added.
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
