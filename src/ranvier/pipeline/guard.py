"""A layer that may reject attempts, and the permit it issues."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ranvier.errors.root import RanvierError
from ranvier.pipeline.call import UNWATCHED
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.outcome import ABANDONED, SUCCEEDED, Outcome
from ranvier.pipeline.place import Place
from ranvier.pipeline.streaming.stream import ResponseStream

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class Permit:
    """The permission for one attempt; it is released by settling it, exactly once.

    Settling never awaits, so that no cancellation can occur between an outcome and its effect.
    """

    __slots__ = ()

    circuit: str | None = ""
    """The state of the circuit that admits the attempt, for the record; empty if the guard has no circuit."""

    probes: bool = False
    """True for a probe: `waits` and `sent` are called when the request waits for a connection or is sent."""

    observes: bool = False
    """True if `silent` and `content` must be called; a route that watches attempts does so."""

    @property
    def asks(self) -> bool:
        """True for a probe that has to be `granted` before it is sent, because workers share its circuit."""
        return False

    @property
    def refuses_now(self) -> bool:
        """True if the guard would reject another attempt now, so that a retry is pointless."""
        return False

    async def granted(self) -> None:
        """Wait until the store lets the probe start, for at most 0.25 seconds.

        Raises:
            RejectedError: another worker has sent the probe that is due.
        """

    def waits(self, call: Call) -> None:
        """The request starts to wait for a connection; `call` has the limits of the attempt.

        Called also for further requests of the same attempt, such as the repair of an answer.
        """

    def sent(self, call: Call) -> None:
        """The request is sent now, after the wait for a connection; `call` has the limits of the attempt.

        A call may be sent more than once, for example when a target rejects streaming.
        """

    def silent(self) -> None:
        """The attempt has had no content for longer than its hang threshold."""

    def content(self) -> None:
        """The first content has arrived, of a whole answer or of a stream."""

    def settle(self, outcome: Outcome) -> None:
        """Record the outcome and release the permit; only the first of several calls counts."""

    def failed(self, error: BaseException) -> None:
        """The attempt ended with `error`, before it had an answer or a stream: settle the permit."""
        self.settle(Outcome.of(error))

    def injected(self, *, counted: bool) -> None:
        """A fault is injected: count no outcome, or with `counted` only in the tenant's own circuit."""
        if not counted:
            self.settle(ABANDONED)

    def proved(self) -> None:
        """A stream has started: the provider answers, even if the stream breaks later."""


class Guard(Layer):
    """A layer that admits a call or rejects it by raising a `RejectedError`.

    A subclass implements `admit`; this class ensures that every permit is settled: with the
    response, with the error, or at the end of the stream. If a layer inside answers instead of a
    provider, the permit is settled as `ABANDONED`, because the answer proves nothing about the provider.
    """

    place: ClassVar[Place] = Place.ADMIT

    def admit(self, call: Call) -> Permit:
        """A permit for `call`. It must not wait.

        Raises:
            RejectedError: the guard does not admit the call now.
        """
        raise NotImplementedError

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Admit the call, pass it to `inner`, and settle its permit."""
        permit, tried = self.admit(call), call.record.attempts
        try:
            if permit.circuit != call.circuit and permit.circuit != "":
                call = call.admitted(permit.circuit)
            if permit.probes:
                if permit.asks:
                    await permit.granted()
                call = call.probed_by(permit)
            if call.pipeline.injects_faults:
                call = call.permitted_by(permit)
            if permit.observes and call.watch is not UNWATCHED:
                call.watch.observers += (permit,)
            answer = await inner(call)
        except BaseException as error:
            if call.watch.observers:
                call.watch.observers = ()
            permit.failed(error)
            if isinstance(error, RanvierError) and permit.refuses_now:
                error.retry_useless = True
            raise
        if isinstance(answer, ResponseStream) and answer.is_of_provider:
            try:
                permit.proved()
            finally:  # even if a listener raises
                answer.on_end(permit.settle)
        else:
            answered = call.record.answered_since(tried, call.deployment.target)
            permit.settle(SUCCEEDED if answered else ABANDONED)
        return answer
