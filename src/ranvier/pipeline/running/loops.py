"""Tracks the event loops that share long-lived state, such as the circuits of a breaker."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakKeyDictionary, WeakSet, ref

from ranvier.clock import Clock
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.asking.optional_members import checked_slots_of, open_of

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Provider
    from ranvier.pipeline.running.joining import Joining
    from ranvier.pipeline.runtime import Runtime


class Opened(Protocol):
    """The lifecycle of a pipeline, as far as its layers need it; each is documented there."""

    joining: Joining

    @property
    def holds_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop on which it is in use; `None` if it is not."""


class Loops:
    """The event loops whose clocks measure the time stamps of what a layer keeps.

    Waiting calls are woken on their own loop, and a store is used on its pipeline's loop, never from another
    thread. So pipelines that share a layer must be open on the same loop.

    Args:
        owner: The name of the layer, for errors.
        several: True if no call waits in the layer: it may be used on several loops if no pipeline with it
            has a store.
    """

    def __init__(self, owner: str, *, several: bool = False) -> None:
        self._owner, self._several = owner, several
        self._clocks: dict[asyncio.AbstractEventLoop, Clock] = {}
        self._pipelines: WeakSet[Opened] = WeakSet()

    def enter(self, pipeline: Runtime) -> float | None:
        """`pipeline` opens on its loop.

        Returns the seconds to add to every time stamp if all previous loops are closed, so that everything
        in flight on them is gone; `None` if nothing changes.

        Raises:
            ConfigurationError: another pipeline with the layer is open on another loop.
        """
        loop, clock, known = pipeline.loop, pipeline.clock, self._clocks
        self._check(cast(Opened, pipeline.lifecycle), loop)
        gone = loop not in known and all(each.is_closed() for each in known)
        shift = clock() - next(reversed(known.values()))() if gone and known else None
        self._clocks = {each: its for each, its in known.items() if not each.is_closed()}
        self._clocks[loop] = clock
        return shift

    def _check(self, opened: Opened, loop: asyncio.AbstractEventLoop) -> None:
        self._pipelines.add(opened)  # first: of two threads that open at once, one has to see the other
        in_use = [each for each in list(self._pipelines) if each.holds_loop is not None]
        alone = all(each.joining.store is None for each in in_use)
        if any(each.holds_loop is not loop for each in in_use) and not (self._several and alone):
            raise ConfigurationError(
                f"this {self._owner} is in use on another event loop: aclose() its pipeline there first, or "
                "give the pipelines of each loop layers of their own, which share their state by a store "
                "(store=MemoryStore())"
            )


class _Slots:
    """The replacements of a semaphore on later event loops; all providers that share it share these too."""

    def __init__(self, first: asyncio.Semaphore, loop: asyncio.AbstractEventLoop) -> None:
        self._count: int = getattr(first, "_bound_value", first._value)
        self._loop = ref(loop)
        self._current = ref(first)

    def on(self, loop: asyncio.AbstractEventLoop, known: asyncio.Semaphore) -> asyncio.Semaphore:
        """The semaphore for `loop`, copied from `known` if needed; `known` while another loop uses it."""
        before, current = self._loop(), self._current()
        if before is not loop and before is not None and not before.is_closed():
            return known
        if before is loop and current is not None:
            return current
        fresh = copy.copy(known)  # keeps the subclass; holders of the old semaphore may still release it
        vars(fresh).update(_value=self._count, _waiters=None, _loop=None)
        self._loop, self._current = ref(loop), ref(fresh)
        return fresh


_slots: WeakKeyDictionary[asyncio.Semaphore, _Slots] = WeakKeyDictionary()


def renew_slots(provider: Provider, loop: asyncio.AbstractEventLoop) -> None:
    """Give a provider whose `slots` are a plain semaphore a new one if the old loop is closed.

    Waiters of a closed loop stay in a semaphore forever, and its holders never release it.

    Raises:
        ConfigurationError: the provider's `slots` are no semaphore; or they cannot be assigned, and it has no
            `open` that could replace them.
    """
    own = checked_slots_of(provider)
    if not isinstance(own, asyncio.Semaphore):
        return
    slots = _slots.get(own)
    if slots is None:
        slots = _slots[own] = _Slots(own, loop)
    renewed = slots.on(loop, own)
    if renewed is own:
        return
    _slots[renewed] = slots
    try:
        _holder(provider).slots = renewed
    except AttributeError:
        if open_of(provider) is None:
            raise ConfigurationError(
                f"the slots of {provider.name} belong to an event loop that is closed: make them assignable, "
                "or recreate them in its open(pipeline)"
            ) from None


def _holder(provider: Provider) -> Any:
    """The provider, or its class if the instances share their slots."""
    if "slots" not in getattr(provider, "__dict__", {}):
        for each in type(provider).__mro__:
            if isinstance(vars(each).get("slots"), asyncio.Semaphore):
                return each
    return provider
