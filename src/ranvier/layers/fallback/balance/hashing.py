"""Rendezvous hashing: every process finds the same targets for a conversation, and nothing is stored."""

from __future__ import annotations

from hashlib import blake2b
from math import log

_ALL = (1 << 64) - 1
_RETURN = 0x9E3779B97F4A7C15


def number_of(name: str) -> int:
    """64 bits that depend on `name` alone; Python's own hash of a text differs from process to process."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def distance(conversation: int, target: int, weight: float) -> float:
    """The target with the smallest distance is the home of a conversation: `weight` of all homes are there.

    Without that target, the next one is, and all other conversations stay where they are.
    """
    return -log((_mixed(conversation ^ target) + 1) / (_ALL + 1)) / weight


def turn_of(conversation: int, target: int) -> float:
    """When a conversation returns to a target that has come back: after so much of its slow start."""
    return _mixed(conversation ^ target ^ _RETURN) / (_ALL + 1)


def _mixed(value: int) -> int:
    """The finalizer of splitmix64: each bit of `value` changes half of the result."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _ALL
    return value ^ (value >> 31)
