"""Good answers in shapes that servers should not send, and do."""

# ruff: noqa: D102  # because: what an overriding method does is said where it is declared

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ranvier.simulator.dialogue import Answer
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.plan import Plan

_HALVES = {"\ue000".encode(): rb"\ud83d", "\ue001".encode(): rb"\ude00"}
"""What stands for the halves of a character until the answer is in bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class EarlyFinish(Fault):
    """A good stream that gives a finish reason after each token; a whole answer is as usual."""

    harmless = True

    def change(self, plan: Plan) -> Plan:
        if not plan.streams:
            return plan
        return plan.but(tokens=tuple(token + plan.wire.stopping() for token in plan.tokens))


@dataclass(frozen=True, slots=True, repr=False)
class HalfCharacters(Fault):
    """A good answer that ends with an emoji, the two halves of which come in two events of a stream."""

    harmless = True

    def rewrite(self, answer: Answer) -> Answer:
        return dataclasses.replace(answer, text=(*answer.text, "\ue000", "\ue001"))

    def change(self, plan: Plan) -> Plan:
        changed = plan.each(_with_halves)
        return changed if plan.length is None else changed.but(length=len(changed.body))


def _with_halves(raw: bytes) -> bytes:
    for mark, half in _HALVES.items():
        raw = raw.replace(mark, half)
    return raw
