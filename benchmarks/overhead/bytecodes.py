"""Where a call's time goes: `python -m benchmarks.overhead.bytecodes` counts bytecodes by file.

Unlike a time, a count is the same on every machine, and no profiler's own cost is in it. What is written in
C, such as a loop's timers on uvloop, counts nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import ranvier
from benchmarks.overhead.ours import FLOOR, FULL
from benchmarks.overhead.subject import AT_ONCE, Subject

CALLS = 10
OURS = Path(ranvier.__file__).parent


async def counted(subject: Subject) -> tuple[Counter[CodeType], Counter[CodeType]]:
    """Bytecodes and entries of each function, in so many calls once the first few are over."""
    executed: Counter[CodeType] = Counter()
    entered: Counter[CodeType] = Counter()

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            entered[frame.f_code] += 1
        elif event == "opcode":
            executed[frame.f_code] += 1
        return tracer

    async with subject.open(AT_ONCE) as ask:
        for _ in range(5):
            await ask()
        sys.settrace(tracer)
        for _ in range(CALLS):
            await ask()
        sys.settrace(None)
    return executed, entered


def file_of(code: CodeType) -> str:
    """Where a function is defined; the methods that `dataclasses` makes are in no file."""
    if code.co_filename == "<string>":
        return "made by dataclasses"
    path = Path(code.co_filename)
    ours = path.is_relative_to(OURS)
    return str(path.relative_to(OURS)) if ours else f"{path.parent.name}/{path.name}"


def main() -> None:
    """Print both, added up by file."""
    for subject in (FLOOR, FULL):
        executed, entered = asyncio.run(counted(subject))
        print(f"\n{executed.total() / CALLS:6.0f} {subject.name}, {entered.total() / CALLS:.0f} frames")
        files: Counter[str] = Counter()
        for code, count in executed.items():
            files[file_of(code)] += count
        for file, count in files.most_common():
            print(f"{count / CALLS:6.0f}   {file}")


if __name__ == "__main__":
    main()
