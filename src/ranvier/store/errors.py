"""The error of a store that cannot be asked."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class StoreError(RanvierError):
    """The store did not answer, or answered that it cannot: down, too slow, full, read-only.

    No call ever fails with it: a worker goes on with its own state. The message names the server and what
    to do; it contains no password.
    """

    kind = "store"
    billable = False
