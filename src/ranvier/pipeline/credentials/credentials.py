"""Chooses the key for a call at a target, by tenant and provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier import validation
from ranvier.errors.provider import AuthenticationError
from ranvier.errors.rejected import (
    CredentialLookupError,
    CredentialMissingError,
    CredentialUnusableError,
    ThrottledError,
)
from ranvier.errors.root import RanvierError
from ranvier.pipeline.asking.optional_members import credential_of
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.credentials.access import SHARED
from ranvier.pipeline.credentials.key_rotation import MAX_FURTHER_KEYS, KeyRotation, UsableKey, use
from ranvier.pipeline.credentials.lookups import Lookups
from ranvier.pipeline.credentials.resolver import Resolver, check_resolver
from ranvier.pipeline.reporting import recorder

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime


class Credentials:
    """Finds the key of a call at a target: by the resolver if there is one, else the provider's own key.

    Args:
        resolver: A function of a tenant and a provider's name. A plain one is called for every call and
            target. An async one is called once for all calls that need the same key at that time, and
            its answer is cached. After a failure the next call calls it again.
        ttl: Seconds for which an async answer is cached; `forget` invalidates it at once.
        missing_ttl: Seconds for which "no key" (`None`) is cached.
        max_entries: The maximum number of cached answers; the oldest is dropped first.

    A resolver returns a key, an `Access` with the endpoint and headers of the tenant, `SHARED` for the
    provider's own key or for a server that needs none, `None` if the tenant has no key (nothing is sent
    then), or a list of these: they are used in turn, except those that the provider currently limits or
    rejects. A conversation stays with the key to which its opaque parts (signatures of reasoning) were
    issued. If the provider limits or rejects a key, the call continues at once with another one, if any.
    """

    def __init__(
        self,
        resolver: Resolver | None = None,
        *,
        ttl: float = 60.0,
        missing_ttl: float = 5.0,
        max_entries: int = 10_000,
    ) -> None:
        if resolver is not None:
            check_resolver(resolver)
        self.resolver = resolver
        self.ttl = validation.seconds("Credentials(ttl)", ttl)
        self.missing_ttl = validation.seconds("Credentials(missing_ttl)", missing_ttl)
        most = validation.count("Credentials(max_entries)", max_entries, least=1)
        self.lookups = Lookups(resolver, self.ttl, self.missing_ttl, most)
        self._turns = KeyRotation(most)

    # --- for the pipeline ------------------------------------------------------------------------

    def opened(self, pipeline: Runtime) -> None:
        """Called when a pipeline opens."""
        self.lookups.opened(pipeline)

    def take_over(self, before: Credentials) -> None:
        """Take over the rotation of keys, and the cached answers if the resolver is the same."""
        self.lookups.take_over(before.lookups)
        self._turns.take_over(before._turns)

    async def resolve(self, call: Call) -> None:
        """Set the key of `call` at its target, from the resolver; none for `SHARED` if none is needed.

        Raises:
            CredentialMissingError: the tenant has no key, or the provider requires one and has none.
            CredentialLookupError: the resolver failed (its error is the cause).
            DeadlineExceededError: the resolver took too long.
        """
        answer = await self.lookups.keys(call)
        chosen = self._turns.choose(answer, call)
        # Without an answer of the resolver nothing is sent, even if the server needs no key.
        if chosen is None and (not answer or call.deployment.traits.needs_credential):
            raise _missing(call, call.deployment, ours=SHARED in answer)
        use(call, chosen)

    async def following(self, call: Call, error: RanvierError) -> Call | None:
        """`call` with another key, after its key caused `error`; `None` if there is no other key to try.

        Only keys that may be used at once are tried. If the provider rejected the key and no other is known,
        the resolver is called again for a newer one, once per call and target.
        """
        rejected = isinstance(error, AuthenticationError)
        if rejected:
            self.invalidate(call)
        call.record.tried_keys += ((call.deployment.target, identity.account(call)),)
        chosen = self._turns.another(call)
        if chosen is None and (rejected or _rejected_in_another_call(error)):
            chosen = await self._newer(call)
            if chosen is None and rejected:
                self.invalidate(call)  # or the rejected key would stay in the cache
        if chosen is None or not self._affords(call, error):
            return None
        again = call.to(call.deployment, None, error.kind)
        use(again, chosen)
        return again

    async def _newer(self, call: Call) -> UsableKey | None:
        """The resolver's current key in place of a rejected one; `None` if it is the same, or it failed."""
        record, target = call.record, call.deployment.target
        if target in record.looked_up_again or self._turns.tried(call) > MAX_FURTHER_KEYS:
            return None
        record.looked_up_again += (target,)
        try:
            return self._turns.renewed(await self.lookups.keys(call), call)
        except CredentialLookupError:
            return None  # raise the provider's error, which says more; the record has both

    def _affords(self, call: Call, error: RanvierError) -> bool:
        """True if the retry budget allows another key; the first further one at a target is free."""
        budget, now = call.pipeline.retry_budget, call.pipeline.clock()
        if budget is None or self._turns.tried(call) < 2:
            return True
        if budget.take(call.tenant, call.deployment.provider.name, now):
            return True
        recorder.withheld(call, error)
        return False

    def another(self, call: Call) -> UsableKey | None:
        """A known key for the target of `call`, other than its own, that may be used at once."""
        return self._turns.another(call)

    def default(self, call: Call, deployment: Deployment) -> str | None:
        """The provider's own key, for pipelines without a resolver; synchronous."""
        key = credential_of(deployment.provider)
        if not key and deployment.traits.needs_credential:
            raise _missing(call, deployment, ours=True)
        return key or None

    def invalidate(self, call: Call) -> None:
        """The provider has rejected the key of `call`: the next call calls the resolver again."""
        self.lookups.invalidate(call)

    # --- for operators ---------------------------------------------------------------------------

    def forget(self, tenant: str, provider: str | None = None) -> None:
        """Drop cached answers, so that the next call of `tenant` calls the resolver: its key has changed.

        Args:
            tenant: The tenant whose key has changed.
            provider: The name of a provider; `None` means all.
        """
        self.lookups.forget(tenant, provider)
        self._turns.forget(tenant, provider)

    def __repr__(self) -> str:
        return f"Credentials(ttl={self.ttl!r}, {len(self.lookups.answers)} answers cached)"


def _rejected_in_another_call(error: RanvierError) -> bool:
    """True if the provider rejected the key before, and its gate is closed: a newer one may be known."""
    return isinstance(error, ThrottledError) and error.reason == AuthenticationError.kind


def _missing(call: Call, deployment: Deployment, *, ours: bool) -> CredentialMissingError:
    name = deployment.provider.name
    if not ours:
        hint = "" if deployment.traits.needs_credential else "; return SHARED if it needs none"
        return CredentialMissingError(f"tenant {call.tenant!r} has no key for {name}{hint}")
    variables = " or ".join(deployment.traits.environment) or "its environment variable"
    return CredentialUnusableError(
        f"no key for {name}: set {variables}, or give api_key=... or a credentials= resolver"
    )
