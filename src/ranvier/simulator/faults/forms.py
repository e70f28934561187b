"""Good answers in a form that nobody asked for."""

# ruff: noqa: D102  # because: what an overriding method does is said where it is declared

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.plan import Plan


@dataclass(frozen=True, slots=True, repr=False)
class OtherForm(Fault):
    """A good answer in the other form than was asked for.

    A stream comes as one JSON array of its chunks, as of a proxy that loses `alt=sse`; a whole answer as the
    one event of a stream, as of a gateway that always streams.
    """

    harmless = True

    def change(self, plan: Plan) -> Plan:
        if not plan.streams:
            body = b"data: " + plan.body + b"\n\ndata: [DONE]\n\n"
            return plan.but(tokens=(body,), length=None).with_header("content-type", "text/event-stream")
        chunks = [b",".join(_objects(part)) for part in (plan.opening, *plan.tokens, plan.closing)]
        listed = [chunk for chunk in chunks if chunk]
        tokens = tuple(b"," + chunk for chunk in listed[1:])
        listed_plan = plan.but(opening=b"[" + listed[0], tokens=tokens, closing=b"]")
        return listed_plan.with_header("content-type", "application/json")


@dataclass(frozen=True, slots=True, repr=False)
class OddUsage(Fault):
    """A good answer whose counts of tokens are texts: `"prompt_tokens": "11"`."""

    harmless = True

    def change(self, plan: Plan) -> Plan:
        odd = plan.each(lambda piece: _COUNTS.sub(rb'\1"\2"', piece))
        return odd.but(length=None if plan.length is None else len(odd.body))


def _objects(part: bytes) -> Iterator[bytes]:
    """The JSON objects in a part of a stream, whether its wire has events or lines."""
    for line in part.splitlines():
        line = line.removeprefix(b"data:").strip()
        if line.startswith(b"{"):
            yield line


_COUNTS: Final = re.compile(rb'("(?:\w+_tokens|\w+TokenCount|(?:prompt_)?eval_count)":)(\d+)')
