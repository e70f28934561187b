"""Which targets cannot serve a request, so that nothing is sent to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.provider import ContextLengthError, InvalidRequestError
from ranvier.messages.request import Request
from ranvier.messages.size import CHARACTERS_PER_TOKEN, characters_in
from ranvier.pipeline.asking.optional_members import lacks_of

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment

SHORT = 4096 * CHARACTERS_PER_TOKEN
"""Characters of a prompt that every model takes."""


def may_lack(deployment: Deployment) -> bool:
    """True if something is known of what `deployment` takes."""
    return deployment.context_window is not None or lacks_of(deployment.provider) is not None


def is_plain(request: Request) -> bool:
    """True for a request of a few texts, which every target takes."""
    if type(request) is not Request:  # one that is written for one wire
        return False
    if request.tools or request.schema is not None or request.stop or request.extra:
        return False
    length = len(request.system or "")
    for message in request.messages:
        if not isinstance(message.content, str):
            return False
        length += len(message.content)
    return length <= SHORT


def incapable(call: Call, targets: Iterable[Deployment]) -> dict[Deployment, InvalidRequestError]:
    """Those of `targets` that cannot serve the request of `call`, with an error each."""
    found = ((target, _lacking(call, target)) for target in targets)
    return {target: error for target, error in found if error is not None}


def _lacking(call: Call, target: Deployment) -> InvalidRequestError | None:
    window = target.context_window
    if window is not None and characters_in(call.request) > CHARACTERS_PER_TOKEN * window:
        return ContextLengthError(
            f"{target} takes at most {window} tokens; nothing was sent: choose another target",
            provider=target.provider.name,
            model=target.model,
        )
    lacks = lacks_of(target.provider)
    if lacks is None:
        return None
    try:
        error = lacks(call.to(target))
    except PLAIN_FAILURES:  # the attempt raises it again, and whether it falls back is decided there
        return None
    return error if isinstance(error, InvalidRequestError) else None
