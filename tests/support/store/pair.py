"""The engine in memory and the scripts on a server, side by side, at one and the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ranvier.store.commands import Change, Command, Reply
from ranvier.store.commands.circuits import CircuitKey, CircuitReply, Probe
from ranvier.store.commands.gates import GateView
from ranvier.store.commands.spending import SliceView, TakeSlice
from ranvier.store.commands.tenants import TenantView
from ranvier.store.commands.workers import LookReply
from ranvier.store.engine.circuit import view
from ranvier.store.engine.engine import Engine
from ranvier.store.valkey import scripts
from ranvier.store.valkey.commands import encoded
from ranvier.store.valkey.names import name_of_circuit
from ranvier.store.valkey.replies import pushed, reply_to
from support.store.moves import BAD, MAKES, Move, Seen

if TYPE_CHECKING:
    from valkey import Valkey

ROOT = b"test"

CLOCK = b"""
local server = redis
local redis = {call = function(command, ...)
  if command == 'TIME' then
    local now = tonumber(server.call('GET', 'clock'))
    return {math.floor(now / 1000000), now % 1000000}
  elseif command == 'PEXPIRE' then
    return 1
  end
  return server.call(command, ...)
end}
"""
"""Gives scripts the time of the test, in which nothing expires by the server's own clock."""


def timed(script: bytes) -> bytes:
    """The script, with `CLOCK` after its first line."""
    first, rest = script.split(b"\n", 1)
    return first + CLOCK + rest


class ScriptedServer:
    """Carries out commands by the scripts, on a server whose time the test sets."""

    def __init__(self, client: Valkey) -> None:
        self._client = client
        self._pushes = client.pubsub(ignore_subscribe_messages=True)
        self._pushes.subscribe("test:changes")
        self._pushes.get_message(timeout=1)
        self._scripts: dict[str, Any] = {}

    def start(self) -> None:
        """Begin without data; the limits of the scripts may have changed."""
        self._client.flushall()
        self._client.hset("test:epoch", "id", "epoch")
        self._scripts = {}

    def execute(self, command: Command, us: int) -> tuple[Reply, list[Change]]:
        """The reply, and what is pushed."""
        name, arguments = encoded(command)
        if name not in self._scripts:
            self._scripts[name] = self._client.script_load(timed(scripts.load(name).text))
        self._client.set("clock", us)
        raw = self._client.execute_command("EVALSHA", self._scripts[name], 0, ROOT, *arguments)
        assert isinstance(raw, bytes)
        self._client.publish("test:changes", "end")
        changes = []
        while (message := self._pushes.get_message(timeout=1)) and message["data"] != b"end":
            change = pushed(message["data"])
            assert change is not None, message
            changes.append(change)
        return reply_to(command, raw), changes

    def lose(self, circuit: CircuitKey, *suffixes: str) -> None:
        """Evict keys of a circuit."""
        name = f"test:circuit:{{{name_of_circuit(circuit)}}}"
        self._client.delete(*(name + suffix for suffix in suffixes))

    def close(self) -> None:
        """Unsubscribe."""
        self._pushes.close()


class Pair:
    """Plays moves to both, and compares what they answer and push."""

    def __init__(self, server: ScriptedServer) -> None:
        self.engine = Engine("epoch")
        self.server = server
        self.us = 1_700_000_000_000_123
        self._views: dict[CircuitKey, list[Any]] = {}
        self._probes: dict[CircuitKey, tuple[str, int]] = {}  # the last one that was granted
        self._seen = {"tenant": 0, "gate": 0, "version": 0, "number": 0, "window": 0, "held": 0}

    def play(self, move: Move) -> None:
        """One move, on both sides."""
        if move.what in ("outage", "failures"):
            self.play(move._replace(what="alarm", truth=False))
            counts = BAD if move.what == "outage" else move.counts
            return self.play(move._replace(what="count", pause=0, old=0, number=0, counts=counts))
        self.us += move.pause * 1_000 + 1
        if move.what.startswith("lose"):
            return self._lose(move)
        if move.what in ("beat", "release", "prove") and not move.old and move.circuit in self._probes:
            worker, number = self._probes[move.circuit]
            move = move._replace(worker=worker, number=number)
        views = self._views.get(move.circuit) or [view(move.circuit, None, 0)]
        known = views[max(-1 - move.old, -len(views))]
        command = MAKES[move.what](move, Seen(known, **self._seen))
        reply, changes = self.engine.execute(command, self.us)
        other, pushes = self.server.execute(command, self.us)
        assert other == reply, command
        assert pushes == list(changes), command
        self._learn(reply)
        if isinstance(command, TakeSlice):
            self._seen["number"] = max(self._seen["number"], command.number)
        if isinstance(command, Probe) and isinstance(reply, CircuitReply) and reply.accepted:
            self._probes[command.circuit] = command.worker, command.number
        return None

    def _lose(self, move: Move) -> None:
        record = self.engine.circuits.records.get(move.circuit, self.us // 1000)
        if move.what == "lose circuit":
            self.engine.circuits.records.drop(move.circuit)
            self.server.lose(move.circuit, "", ":now", ":past")
        elif record is not None:
            lost, suffix = (record.votes.now, ":now") if move.truth else (record.votes.past, ":past")
            lost.clear()
            self.server.lose(move.circuit, suffix)

    def _learn(self, reply: Reply) -> None:
        if isinstance(reply, CircuitReply):
            self._views.setdefault(reply.circuit.circuit, []).append(reply.circuit)
        elif isinstance(reply, TenantView):
            self._seen["tenant"] = reply.generation
        elif isinstance(reply, SliceView):
            self._seen |= {"window": reply.window, "held": reply.held}
        elif isinstance(reply, GateView):
            self._seen["gate"] = reply.generation
        elif isinstance(reply, LookReply):
            self._seen["version"] = reply.version
