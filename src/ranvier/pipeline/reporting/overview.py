"""The text of `print(pipeline)`: what is in flight, and each layer with its state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ranvier.clock import now
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.pipeline.layer import Layer


def overview(state: str, in_flight: tuple[int, int], layers: Iterable[Layer]) -> str:
    """The text for a pipeline; `in_flight` is the number of calls and of streams."""
    calls, streams = in_flight
    what = f"{counted(calls, 'call')} and {counted(streams, 'stream')} in flight"
    lines = [f"Pipeline ({state}, {what})"]
    for layer in layers:
        lines.append(f"  {layer.place.name:<8} {layer!r}")
        lines.extend(f"           {line}" for line in layer.status(now()))
    return "\n".join(lines)
