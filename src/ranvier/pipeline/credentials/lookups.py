"""Calls the resolver, once for all calls that need the same key, and caches its answers."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Awaitable
from types import MethodType
from typing import TYPE_CHECKING

from ranvier.caller import PLAIN_FAILURES, shielded
from ranvier.errors.rejected import CredentialLookupError
from ranvier.events import CredentialLookupFailed
from ranvier.pipeline.asking.foreign import failure_of
from ranvier.pipeline.credentials.access import SHARED
from ranvier.pipeline.credentials.resolver import Holder, KeyOrAccess, Lookup, Resolver
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.running.loops import Loops
from ranvier.pipeline.timing.wait_timer import WaitTimer

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime


class Lookups:
    """Calls a resolver, and caches the answers of an async one.

    Args:
        resolver: The resolver, if there is one.
        ttl, missing_ttl, max_entries: As for `Credentials`.

    Attributes:
        answers: The cached answers, and when they expire.
        running: The lookups in flight.
    """

    def __init__(self, resolver: Resolver | None, ttl: float, missing_ttl: float, max_entries: int) -> None:
        self._resolver = resolver
        self._ttl = ttl
        self._missing_ttl = missing_ttl
        self._max_entries = max_entries
        self._is_plain = False  # True once the resolver has returned without awaiting
        self._loops = Loops("Credentials")
        self.answers: OrderedDict[Holder, tuple[tuple[KeyOrAccess, ...], float]] = OrderedDict()
        self.running: dict[Holder, Lookup] = {}

    def opened(self, pipeline: Runtime) -> None:
        """Called when a pipeline opens: lookups that were in flight on a closed loop are repeated."""
        shift = self._loops.enter(pipeline)
        if shift is not None:
            self.running.clear()
            for holder, (keys, until) in self.answers.items():
                self.answers[holder] = keys, until + shift

    def take_over(self, before: Lookups) -> None:
        """Take over the answers and the lookups in flight, if the resolver is the same."""
        one, other = before._resolver, self._resolver
        if one is other or (isinstance(one, MethodType) and isinstance(other, MethodType) and one == other):
            self.answers, self.running, self._is_plain = before.answers, before.running, before._is_plain

    def invalidate(self, call: Call) -> None:
        """Drop the cached answer with the key of `call`."""
        holder = (call.tenant, call.deployment.provider.name)
        kept = self.answers.get(holder)
        # Another call may have cached a newer key meanwhile, which must stay.
        if kept is not None and ((call.access or call.credential) in kept[0] or SHARED in kept[0]):
            del self.answers[holder]

    def forget(self, tenant: str, provider: str | None) -> None:
        """Drop cached answers, and repeat the lookups in flight."""
        for holder in [each for each in self.answers if each[0] == tenant and provider in (None, each[1])]:
            del self.answers[holder]
        for holder in [each for each in self.running if each[0] == tenant and provider in (None, each[1])]:
            self.running.pop(holder).outdated = True

    async def keys(self, call: Call) -> tuple[KeyOrAccess, ...]:
        """The keys for `call` at its target: from the cache, or from the resolver.

        Raises:
            CredentialLookupError: the resolver raised (its error is the cause), or returned something else.
            DeadlineExceededError: the resolver took too long.
        """
        holder = (call.tenant, call.deployment.provider.name)
        while True:
            if (keys := self._known(holder, call.pipeline.clock())) is not None:
                return keys
            lookup = self.running.get(holder)
            if lookup is None:
                lookup = Lookup()
                await self._ask(lookup, holder, call)
                cause = lookup.error
                if cause is not None:
                    _announce_failed(call, cause)
            else:
                await _in_time(call, lookup.ended.wait())
                cause = lookup.error_for_others()
            if lookup.error is not None:
                what = type(lookup.error).__name__
                recorder.noted(call, "lookup_failed", reason=what)
                try:
                    raise _failed(call, what) from cause
                finally:
                    del cause, lookup  # the error refers to this frame: locals would complete a cycle
            if lookup.keys is not None and not lookup.outdated:
                return lookup.keys  # otherwise its call was cancelled, or the key has changed: look up again

    async def _ask(self, lookup: Lookup, holder: Holder, call: Call) -> None:
        """Call the resolver, and store its answer or its error in `lookup`."""
        try:
            answer = self._called(lookup, holder)
            if not inspect.isawaitable(answer):
                self._is_plain = True
                lookup.take(answer)
                return
            self.running[holder] = lookup
            try:
                lookup.take(await _in_time(call, answer))
            except _ResolverFailedError as failed:
                lookup.error = failed.__cause__
                return
            if lookup.keys is not None and not lookup.outdated:
                self._keep(holder, lookup.keys, call.pipeline.clock())
        finally:
            lookup.ended.set()
            if self.running.get(holder) is lookup:
                del self.running[holder]
            del lookup  # its error refers to this frame: a local would complete a reference cycle

    def known(self, call: Call, deployment: Deployment) -> tuple[KeyOrAccess, ...]:
        """The keys for `call` at `deployment` that are known without waiting; none if there are none.

        A plain resolver is called; of an async one, only a cached answer counts.
        """
        holder = (call.tenant, deployment.provider.name)
        kept = self._known(holder, call.pipeline.clock())
        return self._answered_at_once(holder) if kept is None else kept

    def _answered_at_once(self, holder: Holder) -> tuple[KeyOrAccess, ...]:
        lookup = Lookup()
        answer = self._called(lookup, holder) if self._is_plain else ()
        if inspect.isawaitable(answer):  # the resolver is plain for some tenants only
            if inspect.iscoroutine(answer):
                answer.close()
            return ()
        lookup.take(answer)
        return lookup.keys or ()

    def _called(self, lookup: Lookup, holder: Holder) -> object:
        """The resolver's return value; `None` if it raises, with the error in `lookup`."""
        assert self._resolver is not None
        try:
            return self._resolver(*holder)
        except PLAIN_FAILURES as error:
            lookup.error = error
            return None

    def _known(self, holder: Holder, now: float) -> tuple[KeyOrAccess, ...] | None:
        """The cached keys, if not expired. A function, so that no frame that may raise holds an old key."""
        kept = self.answers.get(holder)
        return kept[0] if kept is not None and now < kept[1] else None

    def _keep(self, holder: Holder, keys: tuple[KeyOrAccess, ...], now: float) -> None:
        self.answers[holder] = keys, now + (self._ttl if keys else min(self._ttl, self._missing_ttl))
        self.answers.move_to_end(holder)
        if len(self.answers) > self._max_entries:
            self.answers.popitem(last=False)


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
        return await shielded(answer)
    except BaseException as error:
        if timer.ours is not None:
            raise await failure_of(call, timer, error)  # noqa: B904  # because: it has its cause
        if isinstance(error, Exception) or timer.is_theirs(error):
            raise _ResolverFailedError from error
        raise
    finally:
        timer.end()
        recorder.waited(call, "credential", began)


def _failed(call: Call, cause: str) -> CredentialLookupError:
    """The error of a lookup: the name of its cause, whose text might hold a key."""
    where = f"tenant {call.tenant!r} at {call.deployment.provider.name}"
    return CredentialLookupError(f"the credentials= resolver failed for {where}: {cause}")


def _announce_failed(call: Call, error: BaseException) -> None:
    events = call.pipeline.events
    if events.listeners:
        events.emit(CredentialLookupFailed(**call.where(), kind=type(error).__name__), call.record)
