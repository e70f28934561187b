"""The error of a call whose tenant has spent what it may."""

from __future__ import annotations

from ranvier.errors.rejected import RejectedError


class SpendLimitExceededError(RejectedError):
    """The attempt does not fit what its tenant may spend in the current window.

    `retry_after` is the time in seconds until the window ends; `None` if it would not fit then either.

    Attributes:
        tenant: The tenant.
        limit: What it may spend in a window: money or tokens.
        left: What is left of that.
        needed: The most that the attempt could cost; `None` if that is not known.
        unknown: Why it is not known, else `None`.
    """

    kind = "spend_limit"

    def __init__(
        self,
        message: str = "",
        *,
        tenant: str,
        limit: float = 0.0,
        left: float = 0.0,
        needed: float | None = None,
        unknown: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.tenant = tenant
        self.limit = limit
        self.left = left
        self.needed = needed
        self.unknown = unknown

    def in_words(self) -> str:
        """The amounts, or what is not known."""
        if self.unknown is not None:
            return f"spend limit: its cost has no known bound: {self.unknown}"
        needed = 0.0 if self.needed is None else self.needed
        return f"spend limit: the call may cost {needed:g}, and {self.left:g} of {self.limit:g} is left"

    def __str__(self) -> str:
        if message := super().__str__():
            return message
        when = "" if self.retry_after is None else f"; the next window begins in {self.retry_after:.3g} s"
        return f"tenant {self.tenant!r} was rejected by its {self.in_words()}{when}"
