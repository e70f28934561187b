"""Test support: scripted providers, virtual time, recorded events, and checks for leaks.

ScriptedProvider     answers, fails and stalls according to a script
virtual_time         runs hours in milliseconds, reproducibly
recorded_events      records the events that a pipeline emits
assert_settled       asserts that ended calls left nothing behind
"""

from ranvier.testing.contract import ProviderContract
from ranvier.testing.events import RecordedEvents, recorded_events
from ranvier.testing.exploring import ScenarioFailedError, explore
from ranvier.testing.faults import Fault, Faults
from ranvier.testing.loop import DeadlockError, EndlessError, VirtualTimeLoop
from ranvier.testing.loopback import Loopback, Visit
from ranvier.testing.runner import VirtualTime, run, virtual_time
from ranvier.testing.scripted import ScriptedProvider, after, broken, cut, ping, stall, stream
from ranvier.testing.settled import assert_settled, settled

__all__ = [
    "DeadlockError",
    "EndlessError",
    "Fault",
    "Faults",
    "Loopback",
    "ProviderContract",
    "RecordedEvents",
    "ScenarioFailedError",
    "ScriptedProvider",
    "VirtualTime",
    "VirtualTimeLoop",
    "Visit",
    "after",
    "assert_settled",
    "broken",
    "cut",
    "explore",
    "ping",
    "recorded_events",
    "run",
    "settled",
    "stall",
    "stream",
    "virtual_time",
]
