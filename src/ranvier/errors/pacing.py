"""The error of a call that would exceed the limits of its key."""

from __future__ import annotations

from ranvier.errors.rejected import RejectedError


class PacedError(RejectedError):
    """A limit that the provider reports for this key is used up, and the call must not wait for more.

    `retry_after` is the time in seconds that a call like this one would wait, as far as known.

    Attributes:
        reason: `max_wait`: it did not fit in time, or will not. `queue_full`: too many calls wait. `sent_on`:
            the key, the circuit or a later target made the wait useless. `never_waits`: a hedge, a
            probe or a rescued call.
        limits: Which limits are used up: `requests`, `input_tokens`, `output_tokens`, `tokens`.
        waiting: How many calls wait.
    """

    kind = "paced"
    about_key = True

    def __init__(
        self,
        message: str = "",
        *,
        tenant: str,
        provider: str,
        reason: str = "max_wait",
        limits: tuple[str, ...] = (),
        waiting: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.tenant = tenant
        self.provider = provider
        self.reason = reason
        self.limits = limits
        self.waiting = waiting

    def in_words(self) -> str:
        """Which limits are used up."""
        return f"its limit of {self._named} is used up"

    @property
    def _named(self) -> str:
        return " and ".join(each.replace("_", " ") for each in self.limits) or "requests"

    def __str__(self) -> str:
        if message := super().__str__():
            return message
        wait = self.retry_after
        when = f"try again in {wait:.3g} s" if wait is not None else _WHY.get(self.reason, self.reason)
        return f"the key of tenant {self.tenant!r} at {self.provider} has no {self._named} left: {when}"


_WHY = {
    "max_wait": "the call did not fit in time",
    "queue_full": "too many calls wait",
    "sent_on": "waiting does not help",
    "never_waits": "rescued calls, hedges and probes do not wait",
}
