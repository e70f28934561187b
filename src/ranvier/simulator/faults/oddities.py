"""Good answers in formats that servers should not send, but do."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ranvier.simulator.dialogue import Answer
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.plan import Plan

_HALVES = {"\ue000".encode(): rb"\ud83d", "\ue001".encode(): rb"\ude00"}
"""Placeholders for the halves of a character, replaced once the answer is encoded."""


@dataclass(frozen=True, slots=True, repr=False)
class EarlyFinish(Fault):
    """A good stream with a finish reason after each token; a whole answer is unchanged."""

    harmless = True

    def change(self, plan: Plan) -> Plan:
        if not plan.streams:
            return plan
        return plan.but(tokens=tuple(token + plan.wire.stopping() for token in plan.tokens))


@dataclass(frozen=True, slots=True, repr=False)
class HalfCharacters(Fault):
    """A good answer that ends with an emoji; a stream sends its two halves in two events."""

    harmless = True

    def rewrite(self, answer: Answer) -> Answer:
        return dataclasses.replace(answer, text=(*answer.text, "\ue000", "\ue001"))

    def change(self, plan: Plan) -> Plan:
        changed = plan.each(lambda piece: plan.wire.rewritten(piece, _with_halves))
        return changed if plan.length is None else changed.but(length=len(changed.body))


def _with_halves(raw: bytes) -> bytes:
    for mark, half in _HALVES.items():
        raw = raw.replace(mark, half)
    return raw
