"""The keys of a call at a target where it may not be sent: for a question, which must not wait."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, cast

from ranvier.pipeline.asking.optional_members import credential_of
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.pipeline.credentials.resolver import SHARED, Holder, Key, Lookup

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment


def known_keys(call: Call, deployment: Deployment) -> tuple[str | None, ...]:
    """The keys for `call` at `deployment` that are known without waiting; `None` stands for none at all.

    A plain resolver is called; of an async one, only a cached answer counts.
    """
    credentials = cast(Credentials, call.pipeline.credentials)
    if credentials.resolver is None:
        answer: tuple[Key, ...] = (SHARED,)
    else:
        holder = (call.tenant, deployment.provider.name)
        kept = credentials._known(holder, call.pipeline.clock())
        answer = _answered_at_once(credentials, holder) if kept is None else kept
    needed = deployment.traits.needs_credential
    keys = [credential_of(deployment.provider) if key is SHARED else key for key in answer]
    return tuple(key or None for key in keys if key or not needed)


def _answered_at_once(credentials: Credentials, holder: Holder) -> tuple[Key, ...]:
    """The answer of a plain resolver; nothing if it fails, or if it is an async one."""
    lookup = Lookup()
    answer = credentials._called(lookup, holder) if credentials._is_plain else ()
    if inspect.isawaitable(answer):  # it is plain for some tenants only
        if inspect.iscoroutine(answer):
            answer.close()
        return ()
    lookup.take(answer)
    return lookup.keys or ()
