"""Requests that were refused for something that can be fixed: the fixed one is sent once more.

A refusal may come by its status, or within an answer of status 200, whole or as an event of its stream.
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
from ranvier.errors.provider import (
    AttemptTimeoutError,
    InvalidRequestError,
    ModelNotFoundError,
    ProviderError,
)
from ranvier.errors.root import RanvierError
from ranvier.messages.collector import Step
from ranvier.messages.response import StreamEvent
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

Failed = ProviderError | AttemptTimeoutError


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

    def remember(self, model: str, fix: Fix) -> None:
        """Make `fix` for later requests to `model` too, if it is one that it needs always."""
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


class Fixing:
    """The one fix that an attempt may make, of a refusal by its status or within an answer of status 200.

    Attributes:
        open: Nothing of the answer has come yet, so that it may still be asked for again.
    """

    __slots__ = ("_call", "_find", "_id", "_made", "_repairs", "_send", "open")

    def __init__(self, repairs: Repairs, call: Call, send: Send, find: Find) -> None:
        self.open = True
        self._made: tuple[Fix, str] | None = None  # the fix, and the first parameter that it has changed
        self._id: str | None = None  # of the stream, until its answer comes
        self._repairs = repairs
        self._call = call
        self._send = send
        self._find = find

    async def sent(self, request: HttpRequest) -> HttpReply:
        """What answers `request`, or the fixed one where that is refused by its status.

        Raises:
            RanvierError: the refusal where there is no fix, or that of the fixed request.
        """
        reply = await self._send(request)
        while not reply.ok:
            error = await _judged(reply)
            fixed = self.instead(reply, error)
            try:
                if fixed is None:
                    raise error
            finally:
                del error  # because it keeps this frame, and would be kept by it: a ring
            reply = await self._send(fixed)
        return reply

    def after(self, reply: HttpReply, error: Failed | None, steps: list[Step]) -> HttpRequest | None:
        """What to send instead after the first events of a stream; `None` where it goes on, or fails.

        The id is told with the answer, since the first one counts.
        """
        self.open = not any(map(_is_answer, steps))
        if self.open and error is None:
            for step in steps:
                if isinstance(step, StreamEvent):
                    self._id, step.id = step.id or self._id, None
            return None
        instead = self.instead(reply, error) if self.open or error is None else None
        if instead is None and self._id is not None:
            steps.insert(0, StreamEvent(id=self._id))
        self._id = None
        return instead

    def instead(self, reply: HttpReply, error: RanvierError | None) -> HttpRequest | None:
        """The request without what `reply` refuses; `None` where there is no fix, or one was made before.

        What was fixed is remembered where the answer has come, or is refused for something else.
        """
        repair = None if error is None else _repair(reply, error, self._find)
        if self._made is not None:
            fix, parameter = self._made
            if error is None or (repair is not None and repair.changes[0].parameter != parameter):
                self._repairs.remember(self._call.deployment.model, fix)
        elif repair is not None:
            self._made = repair.fix, repair.changes[0].parameter
            self._call.adjusted(repair.changes)
            return repair.request
        return None


def _is_answer(step: Step) -> bool:
    """True for more than that an answer begins: its id, its model, what the prompt costs."""
    if isinstance(step, str):
        return True
    return bool(step.has_content or step.parts or step.finish_reason is not None)


def _grow(known: list[Fix], fix: Growing) -> None:
    """Let `fix` take the place of the one of its kind, and do what that did too."""
    older = next((each for each in known if type(each) is type(fix)), fix)
    known[:] = [*(each for each in known if each is not older), fix.grown(older)]


async def _judged(reply: HttpReply) -> Failed:
    """The error that a refusal is."""
    try:
        return ErrorFactory(reply).from_body(await reply.read_start())
    finally:
        await reply.aclose()


def _repair(reply: HttpReply, error: RanvierError, find: Find) -> Repair | None:
    """What can be done about a refusal."""
    if reply.error_body is None or not reply.request.body or not _is_about_the_request(error, reply.status):
        return None
    fields = json.read(reply.request.body)
    fix = find(Complaint.of(reply.error_body), fields)
    changes = [] if fix is None else fix.apply(fields)
    if fix is None or not changes:
        return None
    return Repair(fix, changes, reply.request.with_body(encoded(fields)))


def _is_about_the_request(error: RanvierError, status: int) -> bool:
    return (
        status < 500
        and isinstance(error, InvalidRequestError)
        and not isinstance(error, ModelNotFoundError)
        and not error.refuses_streaming  # that is fixed by asking whole
    )
