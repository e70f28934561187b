"""Requests that were refused for something that can be fixed: the fixed one is sent once more.

A server that refuses a field often says what it takes instead. Where `_complaints` knows the fix, and the
fix keeps what is asked, it is made within the same attempt: same limits, same slot, one record. What then
worked is remembered for the model, so that its next request is right at once. An adapter has one endpoint,
so what it remembers is per endpoint and model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from ranvier import clock
from ranvier.errors.provider import InvalidRequestError, ModelNotFoundError
from ranvier.errors.root import RanvierError
from ranvier.providers._http.port import HttpReply, HttpRequest
from ranvier.providers._reading import json
from ranvier.providers._reading.reading import ErrorFactory, Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Change, Fix, Growing
from ranvier.providers._wire.fields import encoded

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

MAX_MODELS: Final = 1_000
"""Models for which fixes are remembered; the one that has waited longest is forgotten first."""

MAX_FIXES: Final = 32
"""Fixes that are remembered for one model; what needs a further one costs a refused request each time."""

REMEMBERED_SECONDS: Final = 3_600.0
"""How long fixes are remembered: a name may stand for another model tomorrow."""

Send = Callable[[HttpRequest], Awaitable[HttpReply]]
"""Sends a request that was fixed."""

Find = Callable[[Complaint, Json], Fix | None]
"""The fix for a complaint about a request with these fields; `None` where there is none."""


class Repair(NamedTuple):
    """A fix, what it changes, and the request with the changes made."""

    fix: Fix
    changes: list[Change]
    request: HttpRequest


class Known(NamedTuple):
    """The fixes that a model is known to need, until that time."""

    fixes: list[Fix]
    until: float


class Repairs:
    """Fixes refused requests to one endpoint, and remembers what worked."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def apply(self, call: Call, fields: Json) -> None:
        """Make the changes that the model of `call` is known to need, and tell listeners of them."""
        known = self._known.get(call.deployment.model) if self._known else None
        if known is None:
            return
        if clock.now() >= known.until:
            del self._known[call.deployment.model]
            return
        call.adjusted([change for fix in known.fixes for change in fix.apply(fields)])

    async def answer(self, call: Call, refused: HttpReply, send: Send, find: Find) -> HttpReply:
        """The answer to the fixed request, where `find` knows the fix for a refusal.

        Raises:
            RanvierError: the refusal where there is no fix, or that of the fixed request.
        """
        error, repair = await _judged(refused, find)
        if repair is not None:
            call.adjusted(repair.changes)
            reply = await send(repair.request)
            if reply.ok:
                self._remember(call.deployment.model, repair.fix)
                return reply
            error, further = await _judged(reply, find)
            if further is not None and further.changes[0].parameter != repair.changes[0].parameter:
                self._remember(call.deployment.model, repair.fix)  # it worked: this is about something else
        try:
            raise error
        finally:
            del error  # because it keeps this frame, and would be kept by it: a ring

    def _remember(self, model: str, fix: Fix) -> None:
        if not fix.lasting:
            return
        known = self._known.setdefault(model, Known([], clock.now() + REMEMBERED_SECONDS))
        if isinstance(fix, Growing):
            _grow(known.fixes, fix)
        elif fix not in known.fixes and len(known.fixes) < MAX_FIXES:
            known.fixes.append(fix)
        self._known.move_to_end(model)
        if len(self._known) > MAX_MODELS:
            self._known.popitem(last=False)


def _grow(known: list[Fix], fix: Growing) -> None:
    """Let `fix` take the place of the one of its kind, and do what that did too."""
    older = next((each for each in known if type(each) is type(fix)), fix)
    known[:] = [*(each for each in known if each is not older), fix.grown(older)]


async def _judged(reply: HttpReply, find: Find) -> tuple[RanvierError, Repair | None]:
    try:
        return _judge(reply, await reply.read_start(), find)
    finally:
        await reply.aclose()


def _judge(reply: HttpReply, content: bytes, find: Find) -> tuple[RanvierError, Repair | None]:
    """The error that a refusal is, and what can be done about it."""
    error = ErrorFactory(reply).refusal(content)
    if not reply.request.body or not _is_about_the_request(error, reply.status):
        return error, None
    fields = json.read(reply.request.body)
    fix = find(Complaint.of(content), fields)
    changes = [] if fix is None else fix.apply(fields)
    if fix is None or not changes:
        return error, None
    return error, Repair(fix, changes, reply.request.with_body(encoded(fields)))


def _is_about_the_request(error: RanvierError, status: int) -> bool:
    return (
        400 <= status < 500
        and isinstance(error, InvalidRequestError)
        and not isinstance(error, ModelNotFoundError)
        and not error.refuses_streaming  # that is fixed by asking whole
    )
