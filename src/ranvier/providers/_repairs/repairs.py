"""Fixes rejected requests within the same attempt, and remembers which fixes a model needs.

A rejection may come as an error status, or within an answer of status 200, whole or as an event of its
stream. The message often names what the server accepts instead. If `known_fixes` has a fix, which keeps the
meaning of the request, the fixed request is sent within the same attempt: same limits, same slot, one
record. A fix that worked is remembered for the model, so its next request is right at once. An adapter has
one endpoint, so fixes are remembered per endpoint and model.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
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
from ranvier.providers._reading.rate_limits import rate_limits
from ranvier.providers._reading.reading import ErrorFactory, Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Change, Fix, Growing
from ranvier.providers._wire.fields import encoded
from ranvier.providers._wire.preparation import Send

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

MAX_MODELS: Final = 1_000
"""The most models with remembered fixes; the one whose last fix is the oldest is removed first."""

MAX_FIXES: Final = 32
"""The most fixes remembered per model; any further fix costs one rejected request each time."""

REMEMBERED_SECONDS: Final = 3_600.0
"""How long fixes are remembered: a name may refer to another model tomorrow."""

Find = Callable[[Complaint, Json], Fix | None]
"""Returns the fix for a complaint about a request with these fields, or `None`."""

Failed = ProviderError | AttemptTimeoutError


class Repair(NamedTuple):
    """A fix, its changes, and the changed request."""

    fix: Fix
    changes: list[Change]
    request: HttpRequest


class Known(NamedTuple):
    """The fixes that a model needs, and when they expire, in seconds on the clock."""

    fixes: list[Fix]
    until: float


class Repairs:
    """The remembered fixes of one endpoint, by model."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def apply(self, call: Call, fields: Json) -> None:
        """Apply the remembered fixes of the call's model to `fields`, and emit an event for each change."""
        known = self._known.get(call.deployment.model) if self._known else None
        if known is None:
            return
        if clock.now() >= known.until:
            del self._known[call.deployment.model]
            return
        call.adjusted([change for fix in known.fixes for change in fix.apply(fields)])

    def remember(self, model: str, fix: Fix) -> None:
        """Remember `fix` for later requests to `model`, if it is lasting."""
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
    """The one fix that an attempt may make, after an error status or an error within an answer of status 200.

    Attributes:
        open: True until content of the answer arrives, so the request may still be sent again.
    """

    __slots__ = ("_call", "_find", "_id", "_made", "_repairs", "_request", "_send", "open")

    def __init__(self, repairs: Repairs, call: Call, send: Send, find: Find) -> None:
        self.open = True
        self._request: HttpRequest | None = None  # the last one, as it was written
        self._made: tuple[Fix, str] | None = None  # the fix, and the first parameter that it changed
        self._id: str | None = None  # the id of the stream, until its content arrives
        self._repairs = repairs
        self._call = call
        self._send = send
        self._find = find

    async def sent(self, request: HttpRequest) -> HttpReply:
        """Send `request`, or if its error status has a fix, the fixed request; returns the good reply.

        Raises:
            RanvierError: the error of the request without a fix, or that of the fixed request.
        """
        reply = await self._sent(request)
        while not reply.ok:
            error = await _error_of(reply)
            fixed = self.instead(reply, error)
            try:
                if fixed is None:
                    raise error
            finally:
                del error  # because it refers to this frame, which refers to it: a reference cycle
            reply = await self._sent(fixed)
        return reply

    async def _sent(self, request: HttpRequest) -> HttpReply:
        """Send `request`, and pass on the limits in its reply, if a layer wants them."""
        self._request = request
        reply = await self._send(request)
        on_limits = self._call.on_limits
        if on_limits is not None and (limits := rate_limits(reply.headers)) is not None:
            on_limits(limits, reply.status != 429)
        return reply

    def after(self, reply: HttpReply, error: Failed | None, steps: list[Step]) -> HttpRequest | None:
        """The request to send instead after the first events of a stream; `None` if it continues or fails.

        The id of a stream is held back until its content arrives, since the first id counts.
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
        """The request fixed for the error in `reply`; `None` if there is no fix, or one was made before.

        A fix is remembered once its request is answered, or is rejected for another parameter.
        """
        repair = None if error is None else self._repair(reply, error)
        if self._made is not None:
            fix, parameter = self._made
            if error is None or (repair is not None and repair.changes[0].parameter != parameter):
                self._repairs.remember(self._call.deployment.model, fix)
        elif repair is not None:
            self._made = repair.fix, repair.changes[0].parameter
            self._call.adjusted(repair.changes)
            return repair.request
        return None

    def _repair(self, reply: HttpReply, error: RanvierError) -> Repair | None:
        """What can be done about a refusal."""
        request = self._request
        if request is None or not request.body or not _is_about_the_request(reply, error):
            return None
        fields = json.read(request.body)
        fix = self._find(Complaint.of(reply.error_body), fields)
        changes = [] if fix is None else fix.apply(fields)
        if fix is None or not changes:
            return None
        return Repair(fix, changes, request.with_body(encoded(fields)))


def _is_answer(step: Step) -> bool:
    """True for content or a finish reason; false for an event with only id, model or usage of the prompt."""
    if isinstance(step, str):
        return True
    return bool(step.has_content or step.parts or step.finish_reason is not None)


def _grow(known: list[Fix], fix: Growing) -> None:
    """Replace the known fix of the same type with `fix`, extended by what the older one does."""
    older = next((each for each in known if type(each) is type(fix)), fix)
    known[:] = [*(each for each in known if each is not older), fix.grown(older)]


async def _error_of(reply: HttpReply) -> Failed:
    """Read and classify an error reply."""
    try:
        return ErrorFactory(reply).from_body(await reply.read_start())
    finally:
        await reply.aclose()


def _is_about_the_request(reply: HttpReply, error: RanvierError) -> bool:
    return (
        reply.error_body is not None
        and reply.status < 500
        and isinstance(error, InvalidRequestError)
        and not isinstance(error, ModelNotFoundError)
        and not error.refuses_streaming  # that is fixed by a non-streaming request
    )
