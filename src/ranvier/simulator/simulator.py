"""The simulator: the server, its script and its log in one object."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ranvier import clock, validation
from ranvier.address import MAX_PORT
from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.app import App
from ranvier.simulator.exchange import Exchange, Log
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.faults.refusals import Status
from ranvier.simulator.rules import Rule
from ranvier.simulator.script import Script
from ranvier.simulator.wires import WIRES, wire_of

if TYPE_CHECKING:
    from ranvier.simulator.server import Server


class Simulator:
    """Providers that fail on purpose, over real HTTP on loopback.

    Args:
        script: Rules, or the data of a script file as for `ranvier simulate --script`; more can be added
            at any time. Without rules, every request gets a good answer.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        seed: The seed of every random choice: the same seed and requests give the same text and faults.
        latency: Seconds before the first token of a good answer, varied by up to a quarter.
        pace: Seconds between two tokens, varied likewise.
        log_size: The most exchanges that the log keeps.
        on_end: Called with each exchange as it ends; it must not raise.

    Raises:
        ConfigurationError: An argument is invalid, or uvicorn is not installed.
        OSError: On opening, the port is not available.
    """

    def __init__(
        self,
        script: Iterable[Rule] | Mapping[str, Any] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        latency: float = 0.0,
        pace: float = 0.0,
        log_size: int = 50_000,
        on_end: Callable[[Exchange], None] | None = None,
    ) -> None:
        if isinstance(script, Mapping):
            from ranvier.simulator.script_file import parse  # because: it needs pydantic, and rules do not

            declared = parse(script)
            script, latency, pace = declared.rules, latency or declared.latency, pace or declared.pace
        self.host = host
        self.port = validation.count("port", port, least=0)
        if port > MAX_PORT:
            raise ConfigurationError(f"port={port!r:.60}: the largest port is {MAX_PORT}")
        self.seed = seed
        self._log = Log(validation.count("log_size", log_size, least=1), on_end)
        self._script = Script(script or (), seed=seed)
        self._app = App(
            self._script,
            self._log,
            self._age,
            seed=seed,
            latency=validation.seconds("latency", latency),
            pace=validation.seconds("pace", pace),
        )
        self._server: Server | None = None
        self._started = 0.0
        self._clock = clock.now

    # --- opening and closing ---------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Listen and answer, on the running loop."""
        if self._server is not None:
            raise ConfigurationError("this simulator was already opened: create a new one")
        server = _server_class()
        listener = _listener(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._clock = clock.clock_of(asyncio.get_running_loop())
        self._started = self._clock()
        self._server = server(self._app, listener)
        await self._server.open()

    async def aclose(self) -> None:
        """Abort all requests in flight, and release the port."""
        self._app.closing = True
        if self._server is not None:
            await self._server.aclose()

    # --- base URLs -------------------------------------------------------------------------------

    def url(self, provider: str) -> str:
        """The base URL for the adapter of `provider`.

        A name with a dash is a separate provider with the same API and its own log and rules:
        `"openai-eu"` beside `"openai"`.
        """
        suffix = wire_of(provider).suffix
        return f"http://{self.host}:{self.port}/{provider}{suffix}"

    @property
    def urls(self) -> dict[str, str]:
        """The base URLs of all providers, by name."""
        return {provider: self.url(provider) for provider in WIRES}

    # --- faults ----------------------------------------------------------------------------------

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The current rules, in the order in which they are tried."""
        return self._script.rules

    def add(self, *rules: Rule) -> None:
        """Add rules after the current ones; their times count from now."""
        for rule in rules:
            self._script.add(rule, self._age() if self._server else 0.0)

    def play(self, provider: str, *faults: Fault) -> None:
        """Play one fault for each of the next requests to `provider`, in order; `Fine()` is a good answer."""
        self.add(*(Rule(fault, provider=provider, first=1) for fault in faults))

    def always(self, provider: str, fault: Fault) -> None:
        """Play `fault` for every request to `provider` from now on."""
        self.add(Rule(fault, provider=provider))

    def down(self, provider: str, *, seconds: float | None = None, fault: Fault | None = None) -> None:
        """Let `provider` fail for `seconds` with `fault`, by default a 503; `None` means forever."""
        self.add(Rule(fault or Status(503), provider=provider, end=seconds))

    def rate_limit(
        self, provider: str, *, per_second: float, retry_after: float | None = None, key: str | None = None
    ) -> None:
        """Limit `provider` to `per_second` requests with each key, or with `key` only; others get a 429.

        `retry_after` is sent with the 429, in seconds; `None` sends the actual time until the next slot.
        """
        self.add(Rule(Status(429, retry_after=retry_after), provider=provider, key=key, above=per_second))

    def refuse_key(self, key: str, provider: str | None = None) -> None:
        """Answer every request with `key` with a 401."""
        self.add(Rule(Status(401), provider=provider, key=key))

    def clear(self, provider: str | None = None) -> None:
        """Remove the rules for `provider` only, or all rules if it is `None`."""
        self._script.clear(provider)

    # --- what happened ---------------------------------------------------------------------------

    @property
    def requests(self) -> deque[Exchange]:
        """The latest exchanges, oldest first, at most `log_size`."""
        return self._log.exchanges

    def requests_to(self, provider: str) -> list[Exchange]:
        """The exchanges of `requests` with `provider`."""
        return list(self._log.to(provider))

    @property
    def total(self) -> int:
        """The number of requests so far, including those no longer in the log."""
        return self._log.total

    @property
    def in_progress(self) -> int:
        """The number of requests in flight."""
        return self._log.running

    @property
    def open_connections(self) -> int:
        """The number of open connections, including idle ones."""
        return len(self._server.connections) if self._server else 0

    async def idle(self, *, within: float = 1.0) -> None:
        """Wait until no request is in flight.

        Raises:
            TimeoutError: A request is still in flight after `within` seconds.
        """
        async with asyncio.timeout(within):
            await self._log.until(lambda: not self.in_progress)

    async def busy(self, count: int = 1, *, within: float = 1.0) -> None:
        """Wait until at least `count` requests are in flight.

        Raises:
            TimeoutError: Fewer requests are in flight after `within` seconds.
        """
        async with asyncio.timeout(within):
            await self._log.until(lambda: self.in_progress >= count)

    def __repr__(self) -> str:
        state = f"{self.total} requests, {self.in_progress} in flight"
        return f"<Simulator on {self.host}:{self.port}, {len(self.rules)} rules, {state}>"

    def _age(self) -> float:
        return self._clock() - self._started


def _listener(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # The protocol must be named: only then does asyncio disable Nagle's algorithm on accepted
    # connections. With it enabled, every reply would wait 40 ms for an acknowledgement.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


def _server_class() -> type[Server]:
    try:
        from ranvier.simulator.server import Server
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f'the simulator needs {missing.name}: pip install "ranvier[cli]"'
        ) from missing
    return Server
