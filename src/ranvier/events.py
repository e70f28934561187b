"""What listeners hear of: one class for each event. They hold facts only, no prompts and no keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on behalf of `tenant` at `provider`; `verbose` is what every call has."""

    name: ClassVar[str] = "event"
    verbose: ClassVar[bool] = False

    tenant: str
    provider: str
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(Event):
    """Attempt number `attempt` failed with an error of `kind`; the next follows in `delay` seconds."""

    name: ClassVar[str] = "retry"

    attempt: int
    delay: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackTaken(Event):
    """The target failed with an error of `kind`, or its answer was `empty`; `to` is asked next."""

    name: ClassVar[str] = "fallback"

    to: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChanged(Event):
    """A circuit went from state `before` to state `after`: closed, open, half_open or isolated."""

    name: ClassVar[str] = "circuit"

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRejected(Event):
    """A circuit that is not closed, or the closed gate of a key, let a call not through."""

    name: ClassVar[str] = "rejected"

    kind: str
    retry_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Event):
    """The provider limits a key, or is overloaded: for `seconds` nothing more is sent with that key."""

    name: ClassVar[str] = "throttled"

    kind: str
    seconds: float
    key: str
    """A digest that tells keys apart; it is good for nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRejected(Event):
    """A key was refused or is out of credit: for `seconds` it is not used again."""

    name: ClassVar[str] = "credential_refused"

    kind: str
    seconds: float
    key: str
    """As in `Throttled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFull(Event):
    """Every circuit is in use and there is no room for another: the call passes without one."""

    name: ClassVar[str] = "registry_full"

    max_circuits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInterrupted(Event):
    """A stream broke after its hand-out, by an error of `kind`."""

    name: ClassVar[str] = "stream_interrupted"

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDropped(Event):
    """A parameter, or a field of a part, that only tunes was left out: the target does not take it."""

    name: ClassVar[str] = "parameter_dropped"

    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """Attempt number `attempt` at this target is about to be sent."""

    name: ClassVar[str] = "attempt_started"
    verbose: ClassVar[bool] = True

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """`attempt` has ended, as the record has it."""

    name: ClassVar[str] = "attempt_ended"
    verbose: ClassVar[bool] = True

    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """A call has ended, a stream by its end, break or close; `provider` is of its last attempt, or empty.

    Attributes:
        outcome: `succeeded`, `abandoned`, or the kind of its error.
        seconds: How long it took.
        streaming: Whether its caller asked for a stream.
        story: Where the seconds went.
    """

    name: ClassVar[str] = "call_ended"
    verbose: ClassVar[bool] = True

    outcome: str
    seconds: float
    streaming: bool
    story: Story


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAdjusted(Event):
    """A request was sent otherwise than asked, because its target would refuse it.

    Attributes:
        parameter: What was changed, in the neutral words of a request (`max_tokens`).
        change: What was done to it: `left out`, `sent as 8192`, `sent as max_completion_tokens`.
    """

    name: ClassVar[str] = "request_adjusted"

    parameter: str
    change: str


Listener = Callable[[Event], object]
"""Told of every event; a plain function or an async one."""
