"""Checks whether another target would admit a call now, so that it need not wait at the current one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.rejected import CredentialMissingError
from ranvier.pipeline.credentials.known import with_known_keys
from ranvier.pipeline.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Stacked


def later_target_admits(call: Call) -> bool:
    """True if the stack would admit `call` now at one of its later targets, with a key that is known."""
    return any(_admits(call, deployment) for deployment in call.watch.later)


def _admits(call: Call, deployment: Deployment) -> bool:
    try:
        for asked in with_known_keys(call, deployment):
            if all(layer.admits_now(asked) for layer in call.pipeline.layers):
                return True
    except PLAIN_FAILURES:  # this check must not fail a call that only has to wait
        pass
    return False


def accepted_at(call: Call, deployment: Deployment) -> bool | None:
    """True if the stack would accept `call` at `deployment` now, also as a probe; `None` without a key."""
    pipeline, accepted = call.pipeline, None
    try:
        if pipeline.credentials.resolver is None:
            asked = call.to(deployment)
            asked.credential = pipeline.credentials.default(call, deployment)
            return _accept(pipeline.judges, asked)
        for asked in with_known_keys(call, deployment):
            accepted = _accept(pipeline.judges, asked)
            if accepted:
                return True
    except CredentialMissingError:
        return False
    except PLAIN_FAILURES:  # raised again when the call is sent there
        return None
    return accepted


def _accept(layers: Iterable[Stacked], call: Call) -> bool:
    for layer in layers:  # noqa: SIM110  # because: a generator costs twice as much
        if not layer.accepts(call):
            return False
    return True


def judges_of(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The layers that may reject a call."""
    own = (Layer.accepts, Layer.admits_now)
    return tuple([each for each in layers if (type(each).accepts, type(each).admits_now) != own])
