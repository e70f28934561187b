"""We rejected the attempt; nothing was sent."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class RejectedError(RanvierError):
    """We refused the attempt ourselves; nothing was sent."""

    kind = "rejected"
    fails_over = True

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitOpenError(RejectedError):
    """The circuit of this tenant at this provider lets nobody through now.

    `retry_after` is the rest of its cooldown or, while a probe is under way, of the probe's lease;
    `None` when an operator has isolated the circuit.
    """

    kind = "circuit_open"

    def __init__(
        self, message: str = "", *, tenant: str, provider: str, retry_after: float | None = None
    ) -> None:
        self.args = (message,)  # as `super().__init__` would set it, for a third of the price
        self.retry_after = retry_after
        self.tenant = tenant
        self.provider = provider

    def __str__(self) -> str:
        # Rejections come by the thousand during an outage: the sentence is written when it is read.
        if message := super().__str__():
            return message
        when = "it is isolated" if self.retry_after is None else f"try again in {self.retry_after:.3g} s"
        return f"the circuit of tenant {self.tenant!r} at {self.provider} is open: {when}"


class ThrottledError(RejectedError):
    """The provider has said no to this key a moment ago, and would say it again.

    `retry_after` is the rest of the time for which it said so.

    Attributes:
        reason: The kind of what it said: `rate_limit`, `overloaded`, `auth` or `quota_exhausted`.
        seconds_ago: When it said so, counted back from this error.
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
        what = _SAID.get(self.reason, "{provider} turned tenant {tenant!r} away")
        said = what.format(provider=self.provider, tenant=self.tenant)
        when = "" if self.retry_after is None else f": try again in {self.retry_after:.3g} s"
        return f"{said} {self.seconds_ago:.3g} s ago{when}"


_SAID = {
    "rate_limit": "{provider} limited the rate of tenant {tenant!r}",
    "overloaded": "{provider} was overloaded",
    "auth": "the key of tenant {tenant!r} at {provider} was refused",
    "quota_exhausted": "the key of tenant {tenant!r} at {provider} was out of credit",
}


class CredentialMissingError(RejectedError):
    """There is no key of this tenant for this target, so the target was skipped."""

    kind = "credential_missing"


class LocalCapacityError(RejectedError):
    """No connection slot became free in time; nothing was sent and no provider is to blame."""

    kind = "local_capacity"
