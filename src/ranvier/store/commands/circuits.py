"""The commands about shared circuits. All times are whole milliseconds from now.

    closed --- Alarm, then Counts with enough votes ---> open --- Probe granted ---> half_open
    half_open --- Release of the last probe ---> open        open, half_open --- Prove ---> closed
    any --- Isolate ---> isolated --- Reset ---> closed

Opening, isolating and closing start a new generation. A command carries the generation in which its call
was admitted; one of another generation changes nothing. The reply always shows the circuit as it is now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ranvier.facts.circuit import CircuitState


class CircuitKey(NamedTuple):
    """Which shared circuit: of a model (`None`: of the whole endpoint), for our keys or for tenants' own."""

    provider: str
    model: str | None
    tenants_keys: bool


class Rules(NamedTuple):
    """Those of `SharedCircuits`, with times in milliseconds. They come with the commands that need them.

    Attributes:
        observed: The circuit rejects nothing, so that it has no probes: the first outcome after each
            cooldown stands for one.
    """

    votes: int = 5
    share: float = 0.5
    cooldown: int = 10_000
    max_cooldown: int = 20_000
    max_probes: int = 6
    observed: bool = False


class TenantCount(NamedTuple):
    """What one worker saw of a tenant (its digest) in one half: absolute numbers, silences as failures."""

    tenant: str
    contents: int
    failures: int


@dataclass(frozen=True, slots=True)
class CircuitView:
    """A shared circuit at one moment, as a reply or as a change.

    Attributes:
        generation: 0 if the store does not know the circuit: then it is closed.
        step: Counts the changes within a generation. Of two views the one with the larger
            (generation, step) is the later one; equal ones differ in numbers only, and in whether an open
            circuit is half-open, which it is while a probe holds a valid lease.
        retry_after: Milliseconds until the next probe may start; `None` if closed or isolated.
        alarmed: Workers report their counts, while it is closed.
        half: The number of the current half; counts of it and of the one before are taken.
        sample: Only tenants whose digests, as hexadecimal numbers, are multiples of it vote: a power of 2.
        failing, active: Tenants that vote against the target, of how many; when it opened, unless closed.
        probes: Leases that are valid.
        opens: How often it has opened.
        by: The id of the worker that changed it last.
    """

    circuit: CircuitKey
    state: CircuitState
    generation: int
    step: int
    retry_after: int | None
    alarmed: bool
    half: int
    sample: int
    failing: int
    active: int
    probes: int
    opens: int
    by: str


@dataclass(frozen=True, slots=True)
class CircuitReply:
    """The reply to every command of this module.

    Attributes:
        accepted: The command had its effect: a probe is granted, a proof closed the circuit, counts were
            taken. False if it came too late or under another generation.
        circuit: How the circuit is now. If a probe was refused, `retry_after` is when to ask again.
    """

    accepted: bool
    circuit: CircuitView


# --- evidence ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alarm:
    """The first failure that a worker sees while the circuit is closed: all workers have to report.

    Attributes:
        generation: 0 if the worker knows none; that is accepted, too.
        voters: How many there may be at all workers, at most. If that is too many, a sample of them votes
            from the beginning; it is widened if there were fewer.
    """

    circuit: CircuitKey
    worker: str
    generation: int
    voters: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """Counts of one worker in one half, at most 256 tenants. They replace its earlier ones of that half.

    They may open the circuit. `jitter` adds so many thousandths to the cooldown, 0 to 200. If they are not
    accepted under the right generation, that half is over: count anew under the one in the reply, after
    another `Alarm` if the circuit is not `alarmed` any more.
    """

    circuit: CircuitKey
    worker: str
    generation: int
    half: int
    counts: tuple[TenantCount, ...]
    rules: Rules
    jitter: int


# --- probes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask to start a probe: one per cooldown, and at most `max_probes` in flight over all workers.

    It is leased for `lease`, which ends early 3 s after the last `Beat`. The same worker and number again
    get the same lease. The probe is of the generation in the reply.
    """

    circuit: CircuitKey
    worker: str
    number: int
    lease: int
    rules: Rules
    jitter: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The worker still waits for its probe: once a second for each. Not accepted once the lease is over."""

    circuit: CircuitKey
    worker: str
    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class Release:
    """A probe has ended without content. If it was never `sent`, another may start at once."""

    circuit: CircuitKey
    worker: str
    number: int
    generation: int
    sent: bool


@dataclass(frozen=True, slots=True)
class Prove:
    """Content proves that the target answers: the circuit closes.

    `number` is that of the probe, which closes nothing once its lease is over; 0 for content of a call
    that was asked as the last target, or in mode `observed`.
    """

    circuit: CircuitKey
    worker: str
    generation: int
    number: int
    observed: bool


@dataclass(frozen=True, slots=True)
class Disprove:
    """A failure in mode `observed`, which stands for a failed probe if the cooldown is over."""

    circuit: CircuitKey
    worker: str
    generation: int
    rules: Rules
    jitter: int


# --- operators ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Isolate:
    """Reject every call of every worker until `Reset`."""

    circuit: CircuitKey
    worker: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Close the circuit, also an isolated one, and forget its votes."""

    circuit: CircuitKey
    worker: str
