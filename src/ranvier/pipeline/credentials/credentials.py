"""Chooses the key for a call at a target, by tenant and provider."""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from ranvier import validation
from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import AuthenticationError
from ranvier.errors.rejected import CredentialMissingError
from ranvier.errors.root import RanvierError
from ranvier.pipeline.asking.foreign import failure_of
from ranvier.pipeline.asking.optional_members import credential_of
from ranvier.pipeline.credentials.key_rotation import ClosedFor, KeyRotation
from ranvier.pipeline.credentials.resolver import SHARED, Holder, Key, Lookup, Resolver
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.running.loops import Loops
from ranvier.pipeline.timing.wait_timer import WaitTimer

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
        missing_ttl: The same for the answer that a tenant has no key.
        max_entries: The most answers that are cached; the oldest is dropped first.

    A resolver returns a key, `SHARED` for the provider's own key, `None` if the tenant has no key, or several
    keys: they are used in turn, except those that the provider currently limits or rejects. A
    conversation stays with the key that its opaque parts (signatures of reasoning) were issued to. If a key
    turns out to be limited or rejected, the call continues at once with another one, if there is one.
    """

    def __init__(
        self,
        resolver: Resolver | None = None,
        *,
        ttl: float = 60.0,
        missing_ttl: float = 5.0,
        max_entries: int = 10_000,
    ) -> None:
        if resolver is not None and not callable(resolver):
            raise ConfigurationError(
                f"credentials={type(resolver).__name__}: give a function of a tenant and a provider's name"
            )
        self.resolver = resolver
        self.ttl = validation.seconds("Credentials(ttl)", ttl)
        self.missing_ttl = validation.seconds("Credentials(missing_ttl)", missing_ttl)
        self._max_entries = validation.count("Credentials(max_entries)", max_entries, least=1)
        self._answers: OrderedDict[Holder, tuple[tuple[Key, ...], float]] = (
            OrderedDict()
        )  # keys, and when they expire
        self._turns = KeyRotation(self._max_entries)
        self._lookups: dict[Holder, Lookup] = {}  # in flight
        self._loops = Loops()

    # --- for the pipeline ------------------------------------------------------------------------

    def opened(self, pipeline: Runtime) -> None:
        """Called when a pipeline opens: lookups that were in flight on a closed loop are repeated."""
        shift = self._loops.enter(pipeline.loop, pipeline.clock)
        if shift is not None:
            self._lookups.clear()
            for holder, (keys, until) in self._answers.items():
                self._answers[holder] = keys, until + shift

    async def resolve(self, call: Call, deployment: Deployment) -> str | None:
        """The key for `call` at `deployment`, by the resolver; `None` if the provider requires none.

        Raises:
            CredentialMissingError: there is none, or the resolver failed (its error is the cause).
            DeadlineExceededError: the resolver took too long.
        """
        answer = await self._answer(call, deployment)
        key = self._turns.choose(answer, call, deployment)
        if not key and deployment.traits.needs_credential:
            raise _missing(call, deployment, ours=SHARED in answer)
        return key or None

    async def following(self, call: Call, error: RanvierError) -> Call | None:
        """`call` with another key, after `error` was caused by its own; `None` if there is none to try.

        Only keys that may be used at once are tried. If the provider has rejected a key, the resolver is
        called again for a newer one.
        """
        rejected = isinstance(error, AuthenticationError)
        if rejected:
            self.invalidate(call)
        call.record.tried_keys += ((call.deployment.target, hash(call.credential)),)
        again = call.to(call.deployment, None, error.kind)
        again.credential = self.another(call)
        if again.credential is None and rejected:
            again.credential = await self._newer(call)
        return None if again.credential is None else again

    async def _newer(self, call: Call) -> str | None:
        """The resolver's current key in place of a rejected one; `None` if it is the same."""
        try:
            key = self._turns.untried(await self._answer(call, call.deployment), call)
        except CredentialMissingError:
            return None
        if key is None:
            self.invalidate(call)  # or the rejected one would stay in the cache
        return key

    def another(self, call: Call) -> str | None:
        """A cached key for the target of `call`, other than its own, that may be used at once."""
        return self._turns.another(call)

    def default(self, call: Call, deployment: Deployment) -> str | None:
        """Like `resolve`, for pipelines without a resolver; synchronous."""
        key = credential_of(deployment.provider)
        if not key and deployment.traits.needs_credential:
            raise _missing(call, deployment, ours=True)
        return key or None

    def add_availability_check(self, closed_for: ClosedFor) -> None:
        """Prefer keys for which `closed_for` returns 0, or else the least."""
        self._turns.closed_for.append(closed_for)

    def invalidate(self, call: Call) -> None:
        """The provider has rejected the key of `call`: the next call calls the resolver again."""
        holder = (call.tenant, call.deployment.provider.name)
        kept = self._answers.get(holder)
        # Another call may have cached a newer key meanwhile, which must stay.
        if kept is not None and (call.credential in kept[0] or SHARED in kept[0]):
            del self._answers[holder]

    # --- for operators ---------------------------------------------------------------------------

    def forget(self, tenant: str, provider: str | None = None) -> None:
        """Drop cached answers, so that the next call of `tenant` calls the resolver: its key has changed.

        Args:
            tenant: The tenant whose key has changed.
            provider: The name of a provider; `None` means all.
        """
        for holder in [each for each in self._answers if each[0] == tenant and provider in (None, each[1])]:
            del self._answers[holder]
        for holder in [each for each in self._lookups if each[0] == tenant and provider in (None, each[1])]:
            self._lookups.pop(holder).outdated = True

    def __repr__(self) -> str:
        return f"Credentials(ttl={self.ttl!r}, {len(self._answers)} answers cached)"

    # --- lookups ---------------------------------------------------------------------------------

    async def _answer(self, call: Call, deployment: Deployment) -> tuple[Key, ...]:
        """The keys for `call`: from the cache, or from the resolver."""
        holder = (call.tenant, deployment.provider.name)
        while True:
            if (keys := self._known(holder, call.pipeline.clock())) is not None:
                return keys
            lookup = self._lookups.get(holder)
            if lookup is None:
                lookup = Lookup()
                await self._ask(lookup, holder, call, deployment)
                cause = lookup.error
            else:
                await _in_time(call.to(deployment), lookup.ended.wait())
                cause = lookup.error_for_others()
            if lookup.error is not None:
                what = f"failed for tenant {call.tenant!r} at {holder[1]}: {type(lookup.error).__name__}"
                try:
                    raise CredentialMissingError(f"credentials= {what}") from cause
                finally:
                    del cause, lookup  # the error refers to this frame: locals would complete a cycle
            if lookup.keys is not None and not lookup.outdated:
                return lookup.keys  # else the call that made the lookup was cancelled, or the key has changed

    async def _ask(self, lookup: Lookup, holder: Holder, call: Call, deployment: Deployment) -> None:
        """Call the resolver, and store its answer or its error in `lookup`."""
        try:
            answer = self._called(lookup, holder)
            if not inspect.isawaitable(answer):
                lookup.take(answer)
                return
            self._lookups[holder] = lookup
            try:
                lookup.take(await _in_time(call.to(deployment), answer))
            except _ResolverFailedError as failed:
                lookup.error = failed.__cause__
                return
            if lookup.keys is not None and not lookup.outdated:
                self._keep(holder, lookup.keys, call.pipeline.clock())
        finally:
            lookup.ended.set()
            if self._lookups.get(holder) is lookup:
                del self._lookups[holder]
            del lookup  # its error refers to this frame: a local would complete a reference cycle

    def _called(self, lookup: Lookup, holder: Holder) -> object:
        """The resolver's return value; `None` if it raises, with the error in `lookup`."""
        assert self.resolver is not None
        try:
            return self.resolver(*holder)
        except PLAIN_FAILURES as error:
            lookup.error = error
            return None

    def _known(self, holder: Holder, now: float) -> tuple[Key, ...] | None:
        """The cached keys, if not expired. A function, so that no frame that may raise holds an old key."""
        kept = self._answers.get(holder)
        return kept[0] if kept is not None and now < kept[1] else None

    def _keep(self, holder: Holder, keys: tuple[Key, ...], now: float) -> None:
        self._answers[holder] = keys, now + (self.ttl if keys else min(self.ttl, self.missing_ttl))
        self._answers.move_to_end(holder)
        if len(self._answers) > self._max_entries:
            self._answers.popitem(last=False)


class _ResolverFailedError(Exception):
    """Wraps an error that an async resolver raised; the error is its cause."""


async def _in_time(call: Call, answer: Awaitable[object]) -> object:
    """The result of a resolver before the deadline of `call`.

    Raises:
        DeadlineExceededError: the deadline has passed; a future that others may await is not cancelled.
        _ResolverFailedError: it failed, including by its own timeout or its own CancelledError.
    """
    timer, began = WaitTimer(call), call.pipeline.clock()
    timer.start(call.deadline, "deadline")
    try:
        return await (asyncio.shield(answer) if asyncio.isfuture(answer) else answer)
    except BaseException as error:
        if timer.ours is not None:
            raise await failure_of(call, timer, error)  # noqa: B904  # because: it has its cause
        if isinstance(error, Exception) or timer.is_theirs(error):
            raise _ResolverFailedError from error
        raise
    finally:
        timer.end()
        recorder.waited(call, "credential", began)


def _missing(call: Call, deployment: Deployment, *, ours: bool) -> CredentialMissingError:
    name = deployment.provider.name
    if not ours:
        return CredentialMissingError(f"tenant {call.tenant!r} has no key for {name}")
    variables = " or ".join(deployment.traits.environment) or "its environment variable"
    return CredentialMissingError(
        f"no key for {name}: set {variables}, or give api_key=... or a credentials= resolver"
    )
