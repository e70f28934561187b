"""The keys with which a call could be sent to a target, as far as they are known without waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from ranvier.pipeline.credentials.access import SHARED
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.pipeline.credentials.key_rotation import UsableKey, usable_keys, use
from ranvier.pipeline.credentials.resolver import KeyOrAccess

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment


def with_known_keys(call: Call, deployment: Deployment) -> Iterator[Call]:
    """`call` at `deployment` with each key that is known without waiting, or without one if it needs none."""
    credentials = cast(Credentials, call.pipeline.credentials)
    answer: tuple[KeyOrAccess, ...] = (SHARED,)
    if credentials.resolver is not None:
        answer = credentials.lookups.known(call, deployment)
    chosen: list[UsableKey | None] = [*usable_keys(answer, deployment)]
    if answer and not chosen and not deployment.traits.needs_credential:
        chosen = [None]
    for each in chosen:
        asked = call.to(deployment)
        use(asked, each)
        yield asked
