"""The keys of a call at a target where it may not be sent: for a question, which must not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ranvier.pipeline.asking.optional_members import credential_of
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.pipeline.credentials.resolver import SHARED, Key

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment


def known_keys(call: Call, deployment: Deployment) -> tuple[str | None, ...]:
    """The keys for `call` at `deployment` that are known without waiting; `None` stands for none at all."""
    credentials = cast(Credentials, call.pipeline.credentials)
    answer: tuple[Key, ...] = (SHARED,)
    if credentials.resolver is not None:
        answer = credentials.lookups.known(call, deployment)
    keys = [credential_of(deployment.provider) if key is SHARED else key for key in answer]
    return tuple(key or None for key in keys if key or not deployment.traits.needs_credential)
