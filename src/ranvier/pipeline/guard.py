"""A layer that may refuse, and the permit it hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ranvier.errors import RanvierError
from ranvier.pipeline.layer import Handler, Layer, Place, R
from ranvier.pipeline.outcome import ABANDONED, SUCCEEDED, Outcome
from ranvier.pipeline.stream import ResponseStream

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class Permit:
    """The right to one attempt; it is given back by settling it, exactly once.

    Settling never waits, so that no cancellation can fall between an outcome and its effect.
    """

    __slots__ = ()

    circuit: str | None = ""
    """The state of the circuit that admits the attempt, for the record; empty where the guard knows none."""

    probes: bool = False
    """It is a probe's: it wants to know when the request waits for a connection, and when it is sent."""

    @property
    def refuses_now(self) -> bool:
        """True when the guard would refuse another attempt now, so that a retry is pointless."""
        return False

    def waits(self, call: Call) -> None:
        """The request has to wait for a connection now; `call` has the limits of the attempt.

        Also a further request of the same attempt, as where an answer is to be repaired.
        """

    def sent(self, call: Call) -> None:
        """The request is sent now, after the wait for a connection; `call` has the limits of the attempt.

        A call may be sent more than once, as where a target refuses to stream and is asked again.
        """

    def settle(self, outcome: Outcome) -> None:
        """Say how it ended and give the place back; of several calls only the first counts."""

    def proved(self) -> None:
        """A stream has begun: the provider answers, whatever comes of the rest."""


class Guard(Layer):
    """A layer that admits a call or refuses it by raising a `RejectedError`.

    A subclass supplies `admit`; this class sees to it that every permit is settled: with the
    response, with the error, or with the end of the stream. Where a layer inside it answers, and no
    provider does, that says nothing about the provider: it is settled as `ABANDONED`.
    """

    place: ClassVar[Place] = Place.ADMIT

    def admit(self, call: Call) -> Permit:
        """A permit for `call`. It must not wait.

        Raises:
            RejectedError: not now.
        """
        raise NotImplementedError

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Admit the call, carry it out, settle."""
        permit, tried = self.admit(call), call.record.attempts
        try:
            if permit.circuit != call.circuit and permit.circuit != "":
                call = call.admitted(permit.circuit)
            if permit.probes:
                call = call.probed_by(permit)
            answer = await inner(call)
        except BaseException as error:
            permit.settle(Outcome.of(error))
            if isinstance(error, RanvierError) and permit.refuses_now:
                error.target_refuses = True
            raise
        if isinstance(answer, ResponseStream) and answer.is_of_provider:
            try:
                permit.proved()
            finally:  # whatever a listener raises
                answer.on_end(permit.settle)
        else:
            permit.settle(SUCCEEDED if call.record.answered_since(tried) else ABANDONED)
        return answer
