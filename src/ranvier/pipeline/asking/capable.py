"""Finds the targets that cannot serve a request, so that nothing is sent to them."""

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
"""The length of a prompt, in characters, that fits the context window of every model."""


def may_lack(deployment: Deployment) -> bool:
    """True if some requests may not fit `deployment`: its window is known, or its provider has `lacks`."""
    return deployment.context_window is not None or lacks_of(deployment.provider) is not None


def is_plain(request: Request) -> bool:
    """True for a short request of plain texts, which every target can serve."""
    if type(request) is not Request:  # a subclass for the wire format of one provider
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
    """The targets that cannot serve the request of `call`, with an error each."""
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
    except PLAIN_FAILURES:  # the attempt raises it again, and may fall back then
        return None
    return error if isinstance(error, InvalidRequestError) else None
