"""For tests: providers that follow a script, time that does not have to pass, and proofs of what is left.

ScriptedProvider     answers, fails and stalls as it is told
virtual_time         hours in milliseconds, the same every time
recorded_events      what a pipeline tells its listeners
assert_settled       nothing is left of the calls that have ended
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
