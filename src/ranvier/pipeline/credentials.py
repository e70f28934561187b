"""Whose key is used at which target."""

from __future__ import annotations

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from ranvier import checks
from ranvier.errors import AuthenticationError, ConfigurationError, CredentialMissingError, RanvierError
from ranvier.pipeline.foreign import PLAIN_FAILURES, failure_of
from ranvier.pipeline.key_rotation import ClosedFor, KeyRotation, own_key
from ranvier.pipeline.loops import Loops
from ranvier.pipeline.resolver import SHARED, Holder, Key, Lookup, Resolver
from ranvier.pipeline.watch import Watch

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.pipeline import Pipeline


class Credentials:
    """Finds the key of a call at a target: by the resolver where there is one, else our own.

    Args:
        resolver: A plain function of a tenant and a provider's name is asked for every call and
            target. An async one is asked once for all who want to know the same at that time, and
            its answer is kept. One that fails is asked again by the next call.
        ttl: Seconds for which an async answer is believed; `forget` makes a change count at once.
        missing_ttl: The same for the answer that a tenant has no key.
        max_entries: Answers kept at most; the oldest goes first.

    A resolver answers with a key, `SHARED` for ours, `None` where the tenant has none, or several
    keys: they are used in turn, but for those that the provider limits or refuses at the moment. A
    conversation stays with the key that its opaque parts (signatures of thoughts) were issued to. A call
    whose key turns out to be limited or refused goes on with another one at once, if there is one.
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
        self.ttl = checks.seconds("Credentials(ttl)", ttl)
        self.missing_ttl = checks.seconds("Credentials(missing_ttl)", missing_ttl)
        self._max_entries = checks.count("Credentials(max_entries)", max_entries, least=1)
        self._answers: OrderedDict[Holder, tuple[tuple[Key, ...], float]] = OrderedDict()  # until when, too
        self._turns = KeyRotation(self._max_entries)
        self._lookups: dict[Holder, Lookup] = {}  # under way
        self._loops = Loops()

    # --- for the pipeline ------------------------------------------------------------------------

    def opened(self, pipeline: Pipeline) -> None:
        """A pipeline opens: what was looked up on a loop that is closed is asked for again."""
        shift = self._loops.enter(pipeline.loop, pipeline.clock)
        if shift is not None:
            self._lookups.clear()
            for holder, (keys, until) in self._answers.items():
                self._answers[holder] = keys, until + shift

    async def find(self, call: Call, deployment: Deployment) -> str | None:
        """The key for `call` at `deployment`, by the resolver; `None` where the provider works without.

        Raises:
            CredentialMissingError: there is none, or the resolver failed (its error is the cause).
            DeadlineExceededError: the resolver took too long.
        """
        answer = await self._answer(call, deployment)
        key = self._turns.choose(answer, call, deployment)
        if not key and getattr(deployment.provider, "needs_credential", False):
            raise _missing(call, deployment, ours=SHARED in answer)
        return key or None

    async def following(self, call: Call, error: RanvierError) -> Call | None:
        """`call` with another key, after `error` was about its own; `None` where there is none to try.

        Only keys that may be used at once are tried. Where the provider refuses a key, the resolver is
        asked whether it has a newer one.
        """
        refused = isinstance(error, AuthenticationError)
        if refused:
            self.refused(call)
        call.record.tried_keys += ((call.deployment.target, hash(call.credential)),)
        again = call.to(call.deployment, None, error.kind)
        again.credential = self.another(call)
        if again.credential is None and refused:
            again.credential = await self._newer(call)
        return None if again.credential is None else again

    async def _newer(self, call: Call) -> str | None:
        """What the resolver says now of a refused key; `None` where that is no other one."""
        try:
            key = self._turns.untried(await self._answer(call, call.deployment), call)
        except CredentialMissingError:
            return None
        if key is None:
            self.refused(call)  # or the refused one would be kept again
        return key

    def another(self, call: Call) -> str | None:
        """A key for the target of `call`, beside its own, that is known and may be used at once."""
        return self._turns.another(call)

    def ours(self, call: Call, deployment: Deployment) -> str | None:
        """The same without a resolver, which nobody has to wait for."""
        key = own_key(deployment)
        if not key and getattr(deployment.provider, "needs_credential", False):
            raise _missing(call, deployment, ours=True)
        return key or None

    def avoid(self, closed_for: ClosedFor) -> None:
        """Of several keys take one for which `closed_for` says 0, or the least."""
        self._turns.closed_for.append(closed_for)

    def refused(self, call: Call) -> None:
        """The provider has refused the key of `call`: the next call asks the resolver again."""
        holder = (call.tenant, call.deployment.provider.name)
        kept = self._answers.get(holder)
        # Another call may have learnt of a newer key meanwhile, which is to be kept.
        if kept is not None and (call.credential in kept[0] or SHARED in kept[0]):
            del self._answers[holder]

    # --- for operators ---------------------------------------------------------------------------

    def forget(self, tenant: str, provider: str | None = None) -> None:
        """Ask the resolver again, from the next call of `tenant` on: its key has changed.

        Args:
            tenant: Whose key.
            provider: Where; `None` is everywhere.
        """
        for holder in [each for each in self._answers if each[0] == tenant and provider in (None, each[1])]:
            del self._answers[holder]
        for holder in [each for each in self._lookups if each[0] == tenant and provider in (None, each[1])]:
            self._lookups.pop(holder).outdated = True

    def __repr__(self) -> str:
        return f"Credentials(ttl={self.ttl!r}, {len(self._answers)} answers kept)"

    # --- asking ----------------------------------------------------------------------------------

    async def _answer(self, call: Call, deployment: Deployment) -> tuple[Key, ...]:
        """The keys for `call`: those that are known, or what the resolver says."""
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
                    del cause, lookup  # the error holds this frame: a frame that held it too would be a cycle
            if lookup.keys is not None and not lookup.outdated:
                return lookup.keys  # else whoever asked has gone, or the key has changed meanwhile

    async def _ask(self, lookup: Lookup, holder: Holder, call: Call, deployment: Deployment) -> None:
        """Let `lookup` know what the resolver says, or why it says nothing."""
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
            del lookup  # its error holds this frame: a frame that held it too would be a cycle

    def _called(self, lookup: Lookup, holder: Holder) -> object:
        """What the resolver returns; `None` where it raises, and `lookup` then knows why."""
        assert self.resolver is not None
        try:
            return self.resolver(*holder)
        except PLAIN_FAILURES as error:
            lookup.error = error
            return None

    def _known(self, holder: Holder, now: float) -> tuple[Key, ...] | None:
        """What is still believed. Nobody else looks, so that no frame which may raise holds an old key."""
        kept = self._answers.get(holder)
        return kept[0] if kept is not None and now < kept[1] else None

    def _keep(self, holder: Holder, keys: tuple[Key, ...], now: float) -> None:
        self._answers[holder] = keys, now + (self.ttl if keys else min(self.ttl, self.missing_ttl))
        self._answers.move_to_end(holder)
        if len(self._answers) > self._max_entries:
            self._answers.popitem(last=False)


class _ResolverFailedError(Exception):
    """The cause is what an async resolver raised itself."""


async def _in_time(call: Call, answer: Awaitable[object]) -> object:
    """What a resolver answers before the deadline of `call`.

    Raises:
        DeadlineExceededError: it does not; an answer that others may wait for, too, is left to them.
        _ResolverFailedError: it failed, by a deadline of its own or a CancelledError of its own, too.
    """
    watch, began = Watch(call), call.pipeline.clock()
    watch.start(call.deadline, "deadline")
    try:
        return await (asyncio.shield(answer) if asyncio.isfuture(answer) else answer)
    except BaseException as error:
        if watch.ours is not None:
            raise await failure_of(call, watch, error)  # noqa: B904  # because: it has its cause
        if isinstance(error, Exception) or watch.is_theirs(error):
            raise _ResolverFailedError from error
        raise
    finally:
        watch.end()
        call.record.waited("credential", call, began)


def _missing(call: Call, deployment: Deployment, *, ours: bool) -> CredentialMissingError:
    provider = deployment.provider
    if not ours:
        return CredentialMissingError(f"tenant {call.tenant!r} has no key for {provider.name}")
    variables = " or ".join(getattr(provider, "environment", ())) or "its environment variable"
    return CredentialMissingError(
        f"no key for {provider.name}: set {variables}, or give api_key=... or a credentials= resolver"
    )
