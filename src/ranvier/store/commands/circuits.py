"""The commands about shared circuits. All times are relative to now, in whole milliseconds.

    closed --- Alarm, then Counts with enough votes ---> open --- Probe granted ---> half_open
    half_open --- Release of the last probe ---> open        open, half_open --- Prove ---> closed
    any --- Isolate ---> isolated --- Reset ---> closed

Opening, isolating and closing start a new generation. A command carries the generation in which its call
was admitted; with another generation it changes nothing. The reply always has the circuit's current state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ranvier.facts.circuit import CircuitState


class CircuitKey(NamedTuple):
    """Identifies a shared circuit: a model (`None`: the whole endpoint), with our keys or with tenants'."""

    provider: str
    model: str | None
    tenants_keys: bool


class Rules(NamedTuple):
    """The settings of `SharedCircuits`, with times in milliseconds; part of the commands that need them.

    Attributes:
        observed: True if the circuit rejects no calls. It has no probes then: the first outcome after each
            cooldown counts as one.
    """

    votes: int = 5
    share: float = 0.5
    cooldown: int = 10_000
    max_cooldown: int = 20_000
    max_probes: int = 6
    observed: bool = False


class TenantCount(NamedTuple):
    """One worker's counts for a tenant (its digest) in one half, as totals; silences count as failures."""

    tenant: str
    contents: int
    failures: int


@dataclass(frozen=True, slots=True)
class CircuitView:
    """A shared circuit at one moment, as a reply or as a change.

    Attributes:
        generation: The current generation; 0 if the store does not know the circuit, which is closed then.
        step: Counts the changes within a generation. The view with the larger (generation, step) is the
            later one. Views with the same step may differ in their counts, and in open or half-open: an open
            circuit is half-open while a probe holds a valid lease.
        retry_after: Milliseconds until the next probe may start; `None` if closed or isolated.
        alarmed: True if the circuit is closed and workers report their counts.
        half: The number of the current half; counts for it and for the half before are accepted.
        sample: A power of 2: only tenants whose digest, as a hexadecimal number, is a multiple of it vote.
        failing, active: The tenants that vote against the target, and all that vote; unless the circuit is
            closed, as of its opening.
        probes: The number of valid leases.
        opens: The number of times it has opened.
        by: The id of the worker that last changed it.
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
        accepted: True if the command took effect: the probe is granted, the circuit closed, or the counts are
            stored. False if it came too late or had another generation.
        circuit: The current state. If a probe was rejected, `retry_after` says when to ask again.
    """

    accepted: bool
    circuit: CircuitView


# --- evidence ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alarm:
    """A worker's first failure while the circuit is closed: asks all workers to report their counts.

    Attributes:
        generation: The generation that the worker knows; 0, also accepted, if it knows none.
        voters: The maximum number of voters at all workers. If that is too many, a sample of them votes from
            the beginning; the sample is widened if it turns out too small.
    """

    circuit: CircuitKey
    worker: str
    generation: int
    voters: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """Counts of one worker in one half, for at most 256 tenants; they replace its earlier ones of that half.

    They may open the circuit. `jitter`, from 0 to 200, adds thousandths to the cooldown. If they are not
    accepted under the current generation, their half has ended: report for the half in the reply, after
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

    The lease lasts `lease` milliseconds, or until 3 s after the last `Beat`. Repeating the command with the
    same worker and number returns the same lease. The probe has the generation in the reply.
    """

    circuit: CircuitKey
    worker: str
    number: int
    lease: int
    rules: Rules
    jitter: int


@dataclass(frozen=True, slots=True)
class Beat:
    """Extends the lease of a probe in flight; sent once a second. Not accepted after the lease has ended."""

    circuit: CircuitKey
    worker: str
    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class Release:
    """Ends the lease of a probe without content. If the probe was never `sent`, another may start at once."""

    circuit: CircuitKey
    worker: str
    number: int
    generation: int
    sent: bool


@dataclass(frozen=True, slots=True)
class Prove:
    """Closes the circuit, because content proves that the target answers.

    `number` is the number of the probe, which closes nothing after its lease has ended; 0 if the content is
    from a last-resort call, or the mode is `observed`.
    """

    circuit: CircuitKey
    worker: str
    generation: int
    number: int
    observed: bool


@dataclass(frozen=True, slots=True)
class Disprove:
    """A failure in mode `observed`; it counts as a failed probe if the cooldown has ended."""

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
    """Close the circuit, even an isolated one, and drop its votes."""

    circuit: CircuitKey
    worker: str
