"""The commands about the gates of keys that workers share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate at one moment, as a reply or as a change.

    Attributes:
        gate: Its name in the store: make it of a digest of the key.
        closed_for: Milliseconds until it is over; 0 if it is open.
        generation: Of its closing or opening; 0 if the store does not know it. Of two views the one with
            the larger (generation, closed_for) counts.
        reason: Why, in the words of the worker that closed it; empty if open.
        by: The id of the worker that changed it last.
    """

    gate: str
    closed_for: int
    generation: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class CloseGate:
    """The provider limits or rejects the key for `closed_for` milliseconds, at most a day.

    Of several times the longest counts; so does the reason that came with it. If `final`, the reason does
    not pass by waiting, and replaces any other.
    """

    gate: str
    worker: str
    closed_for: int
    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A call was accepted: the gate closed under `generation` is open again."""

    gate: str
    worker: str
    generation: int
