"""The ASGI application: parses a request, selects a fault, plays the reply, and keeps the log."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.composer import compose
from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.exchange import End, Exchange, Log
from ranvier.simulator.plan import Plan, good, refusing
from ranvier.simulator.player import Connection, ConnectionLost, Player, Send
from ranvier.simulator.script import Script
from ranvier.simulator.wires import wire_of
from ranvier.simulator.wires.reading import Sent, Unacceptable
from ranvier.simulator.wires.wire import Wire

Receive = Callable[[], Awaitable[dict[str, Any]]]
"""ASGI's receive function: returns the next message."""


class App:
    """Serves all providers on one port: the first part of a path names the provider.

    Attributes:
        script: Selects the fault of each request.
        log: Records every exchange.
        latency, pace: Seconds before the first token and between two tokens of a good answer.
        closing: True while the simulator is closing, so a lost connection is not the client's doing.
    """

    def __init__(
        self, script: Script, log: Log, clock: Callable[[], float], *, seed: int, latency: float, pace: float
    ) -> None:
        self.script = script
        self.log = log
        self.latency = latency
        self.pace = pace
        self.closing = False
        self._clock = clock
        self._seed = seed
        self._jitter = random.Random(seed)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        connection: Connection = scope["state"]["connection"]
        exchange = self.log.begin(self._clock())
        end = End.BROKEN
        try:
            body = await _body(receive)
            connection.check()
            plan = self._plan(scope, body, exchange)
            await Player(connection, send, exchange, self._clock).play(plan)
            end = End.SENT
        except ConnectionLost:
            end = self._lost(connection)
        finally:
            self.log.finish(exchange, end, self._clock())

    def _lost(self, connection: Connection) -> End:
        if connection.ended_by_us:
            return End.BROKEN
        return End.SHUTDOWN if self.closing else End.CLIENT_LEFT

    def _plan(self, scope: dict[str, Any], body: bytes, exchange: Exchange) -> Plan:
        _, _, path = scope["path"].partition("/")
        exchange.provider, _, exchange.path = path.partition("/")
        exchange.body = _json(body)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        exchange.headers = headers
        try:
            wire = wire_of(exchange.provider, f"/{exchange.path}")
        except ConfigurationError:
            return _unknown(exchange)
        exchange.key = wire.key(headers)
        query = scope.get("query_string", b"").decode("latin-1")
        target = scope.get("raw_path", b"").decode("latin-1")
        sent = Sent(exchange.provider, f"/{exchange.path}", query, headers, exchange.body, target, body)
        try:
            ask = wire.read(sent)
            answer = compose(ask, number=exchange.number, seed=self._seed)
        except Unacceptable as rejection:
            exchange.refused = str(rejection)
            return refusing(
                _nothing(wire, exchange), rejection.status, rejection.reason, fields=rejection.fields
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # A body that does not look like a request fails in the parser before any check,
            # and an invalid schema fails in the composer.
            exchange.refused = f"400 invalid_request: {type(error).__name__}: {error}"
            return refusing(_nothing(wire, exchange), 400, "invalid_request")
        exchange.model, exchange.streaming = ask.model, ask.streaming
        return self._scripted(wire, ask, answer, exchange)

    def _scripted(self, wire: Wire, ask: Ask, answer: Answer, exchange: Exchange) -> Plan:
        fault = exchange.fault = self.script.fault_for(ask, self._clock())
        if fault is not None:
            answer = fault.rewrite(answer)
        exchange.input_tokens, exchange.output_tokens = answer.input_tokens, answer.output_tokens
        plan = good(wire, ask, answer, latency=self._varied(self.latency), pace=self._varied(self.pace))
        return plan if fault is None else fault.change(plan)

    def _varied(self, seconds: float) -> float:
        """`seconds`, varied at random by up to a quarter: real providers are not perfectly regular."""
        return seconds * self._jitter.uniform(0.75, 1.25) if seconds else 0.0


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _nothing(wire: Wire, exchange: Exchange) -> Plan:
    """A plan without an answer, for a request that could not be parsed."""
    ask = Ask(exchange.provider, exchange.key, exchange.model or "", streaming=False)
    unanswered = Answer(exchange.number, 0, ask.model, 0, 0)
    return good(wire, ask, unanswered)


def _unknown(exchange: Exchange) -> Plan:
    plan = _nothing(wire_of("ollama"), exchange)
    return plan.instead(404, b"the first part of the path must name a provider\n", "text/plain")
