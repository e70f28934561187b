"""The commands about the gates of keys that workers share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate at one moment, as a reply or as a change.

    Attributes:
        gate: Its name in the store, which has to hold a digest of the key instead of the key.
        closed_for: Milliseconds until it opens; 0 if it is open.
        generation: The generation of its closing or opening; 0 if the store does not know it. The view with
            the larger (generation, closed_for) is the later one.
        reason: The reason given by the worker that closed it; empty if open.
        by: The id of the worker that last changed it.
    """

    gate: str
    closed_for: int
    generation: int
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class CloseGate:
    """Close the gate for `closed_for` milliseconds, at most a day: the provider limits or rejects the key.

    Of several closings, the longest applies, with its reason. With `final`, waiting does not help, and the
    reason replaces any other.
    """

    gate: str
    worker: str
    closed_for: int
    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Open the gate that was closed under `generation`, because the provider accepted a call."""

    gate: str
    worker: str
    generation: int
