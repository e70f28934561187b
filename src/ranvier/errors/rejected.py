"""Errors of attempts that ranvier rejected itself, before anything was sent."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class RejectedError(RanvierError):
    """ranvier itself rejected the attempt; nothing was sent to the provider."""

    kind = "rejected"
    fails_over = True

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitOpenError(RejectedError):
    """The circuit of this tenant at this provider is not closed and rejected the attempt.

    `retry_after` is the remaining cooldown or, while a probe is in flight, the remaining time of the
    probe; `None` if an operator has isolated the circuit, or if nothing limits the probe's time.
    """

    kind = "circuit_open"

    def __init__(
        self, message: str = "", *, tenant: str, provider: str, retry_after: float | None = None
    ) -> None:
        self.args = (message,)  # what `super().__init__` sets, in a third of the time
        self.retry_after = retry_after
        self.tenant = tenant
        self.provider = provider

    def __str__(self) -> str:
        # There are thousands of rejections during an outage: the sentence is built only when it is read.
        if message := super().__str__():
            return message
        wait = self.retry_after
        when = f"try again in {wait:.3g} s" if wait is not None else "it is isolated, or a probe is in flight"
        return f"the circuit of tenant {self.tenant!r} at {self.provider} is open: {when}"


class ThrottledError(RejectedError):
    """The provider has recently rate limited or rejected this key, and most likely would again.

    `retry_after` is the time in seconds until a call with this key may be sent again.

    Attributes:
        reason: The kind of the provider's error: `rate_limit`, `overloaded`, `auth` or `quota_exhausted`.
        seconds_ago: Seconds between the provider's error and this one.
    """

    kind = "throttled"

    def __init__(
        self,
        message: str = "",
        *,
        tenant: str,
        provider: str,
        reason: str = "rate_limit",
        seconds_ago: float = 0.0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.tenant = tenant
        self.provider = provider
        self.reason = reason
        self.seconds_ago = seconds_ago

    def __str__(self) -> str:
        if message := super().__str__():
            return message
        what = _REASONS.get(self.reason, "{provider} rejected tenant {tenant!r}")
        reason = what.format(provider=self.provider, tenant=self.tenant)
        when = "" if self.retry_after is None else f": try again in {self.retry_after:.3g} s"
        return f"{reason} {self.seconds_ago:.3g} s ago{when}"


_REASONS = {
    "rate_limit": "{provider} limited the rate of tenant {tenant!r}",
    "overloaded": "{provider} was overloaded",
    "auth": "the key of tenant {tenant!r} at {provider} was rejected",
    "quota_exhausted": "the key of tenant {tenant!r} at {provider} was out of credit",
}


class CredentialMissingError(RejectedError):
    """This tenant has no key for this target, so the target was skipped."""

    kind = "credential_missing"


class LocalCapacityError(RejectedError):
    """No connection slot became free in time; nothing was sent, and no provider is at fault."""

    kind = "local_capacity"
