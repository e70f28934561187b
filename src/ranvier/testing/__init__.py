"""For tests: providers that follow a script, and time that does not have to pass."""

from ranvier.testing.scripted import ScriptedProvider, after, broken, cut, stall, stream
from ranvier.testing.virtual_time import DeadlockError, VirtualTimeLoop, run

__all__ = [
    "DeadlockError",
    "ScriptedProvider",
    "VirtualTimeLoop",
    "after",
    "broken",
    "cut",
    "run",
    "stall",
    "stream",
]
