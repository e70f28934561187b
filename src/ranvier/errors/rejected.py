"""Errors of attempts that ranvier rejected itself, before anything was sent."""

from __future__ import annotations

from collections.abc import Mapping

from ranvier.errors.root import RanvierError
from ranvier.wording import target_name


class RejectedError(RanvierError):
    """ranvier itself rejected the attempt; nothing was sent to the provider."""

    kind = "rejected"
    fails_over = True
    billable = False

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def in_words(self) -> str | None:
        """What else `explain()` says of the skipped target, without secrets; `None`: the kind says it all."""
        return None


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


class SharedCircuitOpenError(CircuitOpenError):
    """The shared circuit of a model or of a server rejects the attempt: most of its tenants fail there.

    Attributes:
        model: The model; `None` for the circuit of the whole server.
        failing, active: How many tenants fail there, of how many that have called it recently.
    """

    kind = "shared_circuit_open"

    def __init__(
        self,
        message: str = "",
        *,
        tenant: str,
        provider: str,
        model: str | None = None,
        failing: int = 0,
        active: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, tenant=tenant, provider=provider, retry_after=retry_after)
        self.model = model
        self.failing = failing
        self.active = active

    def in_words(self) -> str:
        """Whose circuit it was, and how many tenants voted for that."""
        place = target_name(self.provider, self.model)
        return f"shared circuit of {place}, {self.failing} of {self.active} tenants failing"

    def __str__(self) -> str:
        if message := RejectedError.__str__(self):
            return message
        place = target_name(self.provider, self.model)
        when = "" if self.retry_after is None else f": try again in {self.retry_after:.3g} s"
        return f"the shared circuit of {place} is open, {self.failing} of {self.active} tenants failing{when}"


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
        self.about_key = reason != "overloaded"
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
    """There is no key for this target, so the target was skipped.

    Of this class itself if the resolver returned `None` for the tenant. Nothing has failed then: the status
    page and the alerts count no failure.
    """

    kind = "credential_missing"


class CredentialLookupError(RejectedError):
    """The resolver of keys failed, or a function in `token=`, `headers=` or `params=` of a provider.

    It raised an error (the `__cause__`), took too long, or returned something invalid. The tenant is not at
    fault, and may well have a key.
    """

    kind = "credential_lookup"


class CredentialUnusableError(CredentialMissingError):
    """The provider's own key is not set, or a key cannot be sent: a mistake in the settings."""

    kind = "credential_unusable"


class BulkheadFullError(RejectedError):
    """All places of a bulkhead are taken, and the call must not wait, or has waited for too long.

    `retry_after` is the time in seconds that a call of this tenant would wait, as far as known.

    Attributes:
        reason: `max_wait`: none became free in time, or will. `queue_full`: too many calls wait. `sent_on`:
            the key, the circuit or a later target made the wait useless. `never_waits`: a hedge, a
            probe or a rescued call.
        limit, waiting: How many places there are, and how many calls wait.
    """

    kind = "bulkhead_full"

    def __init__(
        self,
        message: str = "",
        *,
        tenant: str,
        provider: str,
        reason: str = "max_wait",
        limit: int = 0,
        waiting: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.tenant = tenant
        self.provider = provider
        self.reason = reason
        self.limit = limit
        self.waiting = waiting

    def __str__(self) -> str:
        if message := super().__str__():
            return message
        return (
            f"tenant {self.tenant!r} has no place at {self.provider}: "
            f"{_NO_PLACE.get(self.reason, self.reason)} ({self.limit} places, {self.waiting} calls waiting)"
        )


_NO_PLACE = {
    "max_wait": "none is free in time",
    "queue_full": "the queue is full",
    "sent_on": "none is free now, and waiting does not help",
    "never_waits": "none is free now, and rescued calls, hedges and probes do not wait",
}


class LocalCapacityError(RejectedError):
    """No connection slot became free in time; nothing was sent, and no provider is at fault."""

    kind = "local_capacity"


class NotAllowedError(RejectedError):
    """`Pipeline(allow=...)` does not allow this call at this target, or at any of its targets.

    Attributes:
        reasons: Why, by target; the reason is `""` where the function gave none.
    """

    kind = "not_allowed"

    def __init__(
        self, message: str = "", *, reasons: Mapping[str, str] | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.reasons = dict(reasons or {})

    def in_words(self) -> str:
        """That it is not allowed, and why."""
        why = "; ".join(filter(None, self.reasons.values()))
        return f"not allowed: {why}" if why else "not allowed"

    def __str__(self) -> str:
        if message := super().__str__():
            return message
        refused = ", ".join(f"{target} ({why})" if why else target for target, why in self.reasons.items())
        return f"allow= rejected the call at {refused}"


class AllowFailedError(NotAllowedError):
    """The function in `Pipeline(allow=...)` raised an error (the `__cause__`), or answered nonsense.

    The call is not sent to that target then. The tenant is not at fault.
    """

    kind = "allow_failed"
