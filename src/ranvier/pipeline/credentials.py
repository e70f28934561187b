"""Whose key is used at which target."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Final

from ranvier.errors import ConfigurationError, CredentialMissingError, DeadlineExceededError
from ranvier.pipeline.watch import Watch

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment


class Shared(Enum):
    """The type of `SHARED`."""

    SHARED = "shared"

    def __repr__(self) -> str:
        return "SHARED"


SHARED: Final = Shared.SHARED
"""A resolver's answer "use our own key": the provider's `api_key` or environment variable."""

Credential = str | Shared | None
"""A key; `SHARED`; or `None`: this tenant has no key there."""

Resolver = Callable[[str, str], Credential | Awaitable[Credential]]
"""Given a tenant and a provider's name, says which key to use; plain or async."""

CACHE_SECONDS = 60.0
"""How long the answer of an async resolver is believed."""

CACHE_SIZE = 10_000
"""Answers kept at most; the oldest goes first."""


class Credentials:
    """Finds the key of a call at a target: by the resolver where there is one, else our own."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        if resolver is not None and not callable(resolver):
            raise ConfigurationError(
                f"credentials={type(resolver).__name__}: give a function of a tenant and a provider's name"
            )
        self._resolver = resolver
        self._cache: OrderedDict[tuple[str, str], tuple[Credential, float]] = OrderedDict()

    async def find(self, call: Call, deployment: Deployment) -> str | None:
        """The key for `call` at `deployment`; `None` where the provider works without.

        Raises:
            CredentialMissingError: there is none, or the resolver failed (its error is the cause).
            DeadlineExceededError: the resolver took too long.
        """
        answer = SHARED if self._resolver is None else await self._ask(call, deployment)
        own = getattr(deployment.provider, "credential", None)
        key = (own() if own is not None else None) if answer is SHARED else answer
        if key:
            return key
        if getattr(deployment.provider, "needs_credential", False):
            raise CredentialMissingError(_missing(call.tenant, deployment, answer))
        return None

    async def _ask(self, call: Call, deployment: Deployment) -> Credential:
        who = (call.tenant, deployment.provider.name)
        cached = self._cache.get(who)
        if cached is not None and call.pipeline.clock() < cached[1]:
            return cached[0]
        assert self._resolver is not None
        try:
            answer = self._resolver(*who)
            if inspect.isawaitable(answer):
                answer = _checked(await _in_time(call.to(deployment), answer))
                self._keep(who, answer, call.pipeline.clock() + CACHE_SECONDS)
            return _checked(answer)
        except DeadlineExceededError:
            raise
        except Exception as error:
            raise CredentialMissingError(
                f"credentials= failed for tenant {call.tenant!r} at {who[1]}: {type(error).__name__}"
            ) from error

    def _keep(self, who: tuple[str, str], answer: Credential, until: float) -> None:
        self._cache[who] = (answer, until)
        self._cache.move_to_end(who)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)


async def _in_time(call: Call, answer: Awaitable[Credential]) -> Credential:
    watch = Watch(call)
    try:
        with watch.until(call.deadline, "deadline"):
            return await answer
    finally:
        watch.close()


def _checked(answer: object) -> Credential:
    if answer is None or answer is SHARED or isinstance(answer, str):
        return answer
    raise TypeError(f"a credentials resolver answers with a str, None or SHARED, not {type(answer).__name__}")


def _missing(tenant: str, deployment: Deployment, answer: Credential) -> str:
    name = deployment.provider.name
    if answer is not SHARED:
        return f"tenant {tenant!r} has no key for {name}"
    variables = " or ".join(getattr(deployment.provider, "environment", ())) or "its environment variable"
    return f"no key for {name}: set {variables}, or give api_key=... or a credentials= resolver"
