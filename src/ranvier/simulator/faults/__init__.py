"""The faults that the simulator can play, and scripted good answers."""

from __future__ import annotations

from ranvier.simulator.faults.breaks import Cut, Drop, Pings, Reset, Silence, Slow, Stall, Truncated, Unended
from ranvier.simulator.faults.contents import (
    CallTool,
    ContentType,
    Fine,
    Gzip,
    Malformed,
    Oversized,
    Say,
    SetCookie,
    Shredded,
)
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.faults.forms import OddUsage, OtherForm
from ranvier.simulator.faults.oddities import EarlyFinish, HalfCharacters
from ranvier.simulator.faults.refusals import Empty, ErrorIn200, Page, Redirect, Status

__all__ = [
    "CallTool",
    "ContentType",
    "Cut",
    "Drop",
    "EarlyFinish",
    "Empty",
    "ErrorIn200",
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
    "Say",
    "SetCookie",
    "Shredded",
    "Silence",
    "Slow",
    "Stall",
    "Status",
    "Truncated",
    "Unended",
]
