"""The error of a store that does not answer."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class StoreError(RanvierError):
    """The store is down, too slow, full or read-only.

    No call ever fails with it: a worker continues with its own state. The message names the server and the
    remedy; it contains no password.
    """

    kind = "store"
    billable = False
