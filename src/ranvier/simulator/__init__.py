"""Providers that fail on purpose, over real HTTP on loopback.

    async with Simulator(latency=0.05, pace=0.005) as sim:
        sim.play("anthropic", Status(529), Cut(after=3))          # the next two requests
        sim.down("openai", seconds=8)                             # then it recovers
        sim.rate_limit("ollama", per_second=20)                   # with the correct Retry-After
        sim.refuse_key("sk-bad")
        sim.add(Rule(Reset(after=2), model="gpt-5.2", probability=0.1))
        client = Anthropic("sk-simulated", base_url=sim.url("anthropic"))
        ...
        assert [exchange.status for exchange in sim.requests] == [529, 200, 200]

It speaks the APIs of all seven providers, whole and streamed, with tools, reasoning, and answers that
fit the requested schema. A request that the real API would reject is rejected with the real error body,
and `Exchange.refused` has the reason.

A `Rule` selects the requests that a `Fault` hits. The first matching rule decides; a request that
matches no rule gets a good answer. How it works: `app` parses a request with its provider's wire,
`script` selects the fault, `composer` writes a good answer, `plan` lays out the reply, the fault
changes the plan, and `player` sends it on a connection of `server`, the only module that uses uvicorn.
"""

from __future__ import annotations

from ranvier.simulator.exchange import End, Exchange
from ranvier.simulator.faults import (
    CallTool,
    ContentType,
    Cut,
    Drop,
    EarlyFinish,
    Empty,
    ErrorIn200,
    Fault,
    Fine,
    Gzip,
    HalfCharacters,
    Malformed,
    OddUsage,
    OtherForm,
    Oversized,
    Page,
    Pings,
    Redirect,
    Reset,
    Say,
    SetCookie,
    Shredded,
    Silence,
    Slow,
    Stall,
    Status,
    Truncated,
    Unended,
)
from ranvier.simulator.rules import Rule
from ranvier.simulator.simulator import Simulator

__all__ = [
    "CallTool",
    "ContentType",
    "Cut",
    "Drop",
    "EarlyFinish",
    "Empty",
    "End",
    "ErrorIn200",
    "Exchange",
    "Fault",
    "Fine",
    "Gzip",
    "HalfCharacters",
    "Malformed",
    "OddUsage",
    "OtherForm",
    "Oversized",
    "Page",
    "Pings",
    "Redirect",
    "Reset",
    "Rule",
    "Say",
    "SetCookie",
    "Shredded",
    "Silence",
    "Simulator",
    "Slow",
    "Stall",
    "Status",
    "Truncated",
    "Unended",
]
