"""Whether another target would admit a call now, so that it need not wait at the current one, or go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.caller import PLAIN_FAILURES
from ranvier.pipeline.credentials.known import with_known_keys

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment


def later_target_admits(call: Call) -> bool:
    """True if the stack would admit `call` now at one of its later targets, with a key that is known."""
    return any(_admits(call, deployment) for deployment in call.watch.later)


def _admits(call: Call, deployment: Deployment) -> bool:
    try:
        for asked in with_known_keys(call, deployment):
            if all(layer.admits_now(asked) for layer in call.pipeline.layers):
                return True
    except PLAIN_FAILURES:  # because: a question must not fail a call that only has to wait
        pass
    return False


def accepted_at(call: Call, deployment: Deployment) -> bool | None:
    """Whether the stack would accept `call` at `deployment` now, or probe; `None` if no key is known."""
    accepted = None
    try:
        for asked in with_known_keys(call, deployment):
            accepted = all(layer.accepts(asked) for layer in call.pipeline.layers)
            if accepted:
                return True
    except PLAIN_FAILURES:  # the call learns of it when it is sent there
        return None
    return accepted
