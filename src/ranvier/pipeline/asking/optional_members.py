"""Reads the optional members of providers; no other file looks for them by name.

Members that describe a provider are read once, when a deployment is built: see `ProviderTraits`. The others
may change later, such as slots that `open` creates, and are read on each use. `None` counts as absent.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Protocol

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.native import account_of

if TYPE_CHECKING:
    from ranvier.messages.response import StreamEvent


class Named(Protocol):
    """A provider; this file requires only its name."""

    @property
    def name(self) -> str:
        """Its name."""


@dataclass(frozen=True, slots=True)
class ProviderTraits:
    """The optional members that describe a provider.

    Attributes:
        family: The vendor whose API and models it has; the default is its name.
        base_url: The base URL of its API, if it has one.
        environment: The environment variables that may hold its key.
        needs_credential: True if every request requires a key.
        takes_access: True if it uses `call.access`, with the endpoint and headers of a tenant.
        is_ours: False for a provider class of the user: its answers are checked.
    """

    family: str
    base_url: str | None
    environment: tuple[str, ...]
    needs_credential: bool
    takes_access: bool
    is_ours: bool


def traits_of(provider: Named) -> ProviderTraits:
    """The traits of `provider`, after a check of all its optional members.

    Raises:
        ConfigurationError: one of them cannot be used.
    """
    base_url = getattr(provider, "base_url", None)
    environment = getattr(provider, "environment", None)
    needs, takes = getattr(provider, "needs_credential", None), getattr(provider, "takes_access", None)
    _check(provider, "base_url", type(base_url), isinstance(base_url, str), "a str")
    _check(provider, "environment", type(environment), _are_names(environment), "a tuple of variable names")
    _check(provider, "needs_credential", type(needs), isinstance(needs, bool), "True or False")
    _check(provider, "takes_access", type(takes), isinstance(takes, bool), "True or False")
    for name in ("credential", "open", "lacks"):
        _check_function(provider, name, "a plain function, not `async def`")
    _check_function(provider, "stream", "an async generator, or a function that returns an async iterator")
    for name in ("aclose", "knows_model"):
        member = getattr(provider, name, None)
        _check(provider, name, type(member), callable(member), "a function")
    slots = inspect.getattr_static(provider, "slots", None)
    if not hasattr(slots, "__get__"):  # a property may need the event loop: it is checked at the opening
        _check_slots(provider, slots)
    names = tuple(environment or ())
    ours = type(provider).__module__.startswith("ranvier.")
    return ProviderTraits(family_of(provider), base_url or None, names, bool(needs), bool(takes), ours)


def family_of(provider: Named) -> str:
    """The vendor whose API and models `provider` has, whatever its name is."""
    family = getattr(provider, "family", None)
    _check(provider, "family", type(family), isinstance(family, str), "a str")
    return str(family or provider.name)


def knows_model(provider: Named, model: str) -> bool:
    """True if the table of `provider` has a row for `model`."""
    knows: Callable[[str], bool] | None = getattr(provider, "knows_model", None)
    return knows is not None and knows(model)


def public_id_of(provider: Named, target: Any) -> str:
    """The public id of the model of `target` from the table of `provider`; empty if unknown."""
    facts_at: Callable[[Any], Any] | None = getattr(provider, "facts_at", None)
    return "" if facts_at is None else str(facts_at(target).model)


# --- read on each use ----------------------------------------------------------------------------


def credential_of(provider: Named) -> str | None:
    """The provider's own key: its `api_key` or environment variable."""
    credential: Callable[[], str | None] | None = getattr(provider, "credential", None)
    return None if credential is None else credential()


def account_digest_of(provider: Named) -> Callable[[str | None], str]:
    """The function that maps a key to a digest of its account at `provider`; by default, one per key."""
    function: Callable[[str | None], str] | None = getattr(provider, "account_for", None)
    return account_of if function is None else function


def slots_of(provider: Named) -> asyncio.Semaphore | None:
    """The connection slots of `provider`; `None` if it has none, or not yet."""
    slots: asyncio.Semaphore | None = getattr(provider, "slots", None)
    return slots


def checked_slots_of(provider: Named) -> asyncio.Semaphore | None:
    """Like `slots_of`, with a check; for the opening of a pipeline.

    Raises:
        ConfigurationError: they are no semaphore.
    """
    slots = slots_of(provider)
    _check_slots(provider, slots)
    return slots


def lacks_of(provider: Named) -> Callable[[Any], object] | None:
    """The function of `provider` that returns why it cannot serve a call."""
    function: Callable[[Any], object] | None = getattr(provider, "lacks", None)
    return function


def may_have_slots(provider: Named) -> bool:
    """True if `provider` limits its connections, even if it has created no slots yet."""
    return hasattr(provider, "slots")


def stream_of(provider: Named) -> Callable[[Any], AsyncIterator[StreamEvent]] | None:
    """The function of `provider` that streams; `None` if it cannot stream."""
    stream: Callable[[Any], AsyncIterator[StreamEvent]] | None = getattr(provider, "stream", None)
    return stream


def open_of(provider: Named) -> Callable[[Any], None] | None:
    """The function of `provider` to call with the pipeline that opens."""
    function: Callable[[Any], None] | None = getattr(provider, "open", None)
    return function


def aclose_of(provider: Named) -> Callable[[], Awaitable[None]] | None:
    """The function of `provider` to call when a pipeline closes."""
    function: Callable[[], Awaitable[None]] | None = getattr(provider, "aclose", None)
    return function


# --- checks --------------------------------------------------------------------------------------


def _check(provider: Named, name: str, kind: type, valid: bool, remedy: str) -> None:
    """Raise an error unless `valid`; it does not take the value, which may be a secret in a traceback."""
    if kind is not NoneType and not valid:
        raise ConfigurationError(
            f"{type(provider).__name__}.{name} is a {kind.__name__}: make it {remedy}, or omit it"
        )


def _check_function(provider: Named, name: str, remedy: str) -> None:
    function = getattr(provider, name, None)
    kind, valid, awaited = type(function), callable(function), inspect.iscoroutinefunction(function)
    del function
    _check(provider, name, kind, valid, remedy)
    if awaited:
        raise ConfigurationError(
            f"{type(provider).__name__}.{name} is a coroutine function: make it {remedy}"
        )


def _check_slots(provider: Named, slots: object) -> None:
    usable = all(callable(getattr(slots, name, None)) for name in ("acquire", "locked", "release"))
    _check(provider, "slots", type(slots), usable, "an asyncio.Semaphore")


def _are_names(environment: object) -> bool:
    return isinstance(environment, (tuple, list)) and all(isinstance(each, str) for each in environment)
