"""Good answers in another format than the requested one."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.plan import Plan


@dataclass(frozen=True, slots=True, repr=False)
class OtherForm(Fault):
    """A whole answer to a streaming request, and a stream in reply to a non-streaming one.

    A stream becomes one JSON array of its chunks, as from a proxy that drops `alt=sse`. A whole answer
    becomes the only event of a stream, as from a gateway that always streams.
    """

    harmless = True

    def change(self, plan: Plan) -> Plan:
        if not plan.streams:
            body = b"data: " + plan.body + b"\n\ndata: [DONE]\n\n"
            return plan.but(tokens=(body,), length=None).with_header("content-type", "text/event-stream")
        chunks = [b",".join(plan.wire.objects(part)) for part in (plan.opening, *plan.tokens, plan.closing)]
        listed = [chunk for chunk in chunks if chunk]
        tokens = tuple(b"," + chunk for chunk in listed[1:])
        listed_plan = plan.but(opening=b"[" + listed[0], tokens=tokens, closing=b"]")
        return listed_plan.with_header("content-type", "application/json")


@dataclass(frozen=True, slots=True, repr=False)
class OddUsage(Fault):
    """A good answer whose token counts are strings: `"prompt_tokens": "11"`."""

    harmless = True

    def change(self, plan: Plan) -> Plan:
        odd = plan.each(lambda piece: plan.wire.rewritten(piece, _as_texts))
        return odd.but(length=None if plan.length is None else len(odd.body))


def _as_texts(piece: bytes) -> bytes:
    return _COUNTS.sub(rb'\1"\2"', piece)


_COUNTS: Final = re.compile(rb'("(?:\w+_tokens|\w+TokenCount|\w+Tokens|(?:prompt_)?eval_count)":)(\d+)')
