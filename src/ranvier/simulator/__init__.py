"""Providers that fail on purpose, over real HTTP on loopback.

    async with Simulator(latency=0.05, pace=0.005) as sim:
        sim.play("anthropic", Status(529), Cut(after=3))          # the next two requests
        sim.down("openai", seconds=8)                             # then up again
        sim.rate_limit("ollama", per_second=20)                   # with an honest Retry-After
        sim.refuse_key("sk-bad")
        sim.add(Rule(Reset(after=2), model="gpt-5.2", probability=0.1))
        client = Anthropic("sk-simulated", base_url=sim.url("anthropic"))
        ...
        assert [exchange.status for exchange in sim.requests] == [529, 200, 200]

It speaks the wires of all seven providers: whole and streamed, with tools, reasoning, and answers that
fit the schema that was asked for. A request that the real API would refuse is refused in its words,
and `Exchange.refused` says why.

A `Rule` says which requests a `Fault` hits; the first rule that hits decides, and a request that
none hits gets a good answer. How it works: `app` reads a request by its wire, `script` finds the
fault, `composer` writes a good answer, `plan` lays out the reply, the fault changes the plan, and
`player` plays it on a connection of `server`, which alone knows uvicorn.
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
