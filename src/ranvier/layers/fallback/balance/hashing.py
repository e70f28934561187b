"""Rendezvous hashing: every process computes the same targets for a conversation, and stores nothing."""

from __future__ import annotations

from hashlib import blake2b
from math import log

_ALL = (1 << 64) - 1
_RETURN = 0x9E3779B97F4A7C15


def number_of(name: str) -> int:
    """A 64-bit hash of `name` that is the same in all processes, unlike Python's own hash."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def distance(conversation: int, target: int, weight: float) -> float:
    """The distance of a target from a conversation, whose home is the target with the smallest distance.

    Targets get homes in proportion to their weights. Without a target, its conversations move to their next
    one, and all others stay where they are.
    """
    return -log((_mixed(conversation ^ target) + 1) / (_ALL + 1)) / weight


def turn_of(conversation: int, target: int) -> float:
    """The part of a target's slow start after which a conversation returns to it, from 0 to 1."""
    return _mixed(conversation ^ target ^ _RETURN) / (_ALL + 1)


def _mixed(value: int) -> int:
    """The finalizer of splitmix64: each bit of `value` changes half of the result."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _ALL
    return value ^ (value >> 31)
