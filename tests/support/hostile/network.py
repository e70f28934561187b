"""Two network namespaces with a wire between them, and what the kernel can do to the traffic on it.

The clients are in the near one and the servers in the far one, so that nothing that a test sends can leave
this machine. The addresses are those that are kept for documentation.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

NEAR = "192.0.2.1"
FIRST, SECOND = "192.0.2.2", "192.0.2.3"
"""The hosts of two providers: addresses of the far end."""

PORT = 8700
CLONE_NEWNET = 0x40000000

SIMULATE = "import sys, ranvier.cli; sys.exit(ranvier.cli.main())"


class UnavailableError(Exception):
    """There are no such networks here, and why."""


class Network:
    """The wire: `with network.suffering(...)` something is wrong with it."""

    def __init__(self, near: str, far: str) -> None:
        self._near = near
        self._far = far

    @contextmanager
    def suffering(self, *rules: str) -> Iterator[None]:
        """Let these rules of iptables hold at the far end."""
        with ExitStack() as stack:
            for rule in rules:
                self._far_rule("-A", rule)
                stack.callback(self._far_rule, "-D", rule)
            yield

    def _far_rule(self, do: str, rule: str) -> None:
        run("ip", "netns", "exec", self._far, "iptables", "-w", do, *rule.split())

    def unplug(self) -> None:
        """Take the wire out of the far end."""
        run("ip", "-n", self._far, "link", "set", "far0", "down")

    def plug_in(self) -> None:
        """Put it in again."""
        run("ip", "-n", self._far, "link", "set", "far0", "up")

    def ports(self) -> list[int]:
        """The near ends of the connections that stand."""
        lines = run("ip", "netns", "exec", self._near, "ss", "-Htn", "state", "established").splitlines()
        return [int(line.split()[2].rpartition(":")[2]) for line in lines]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread live at the near end, and whatever it connects."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self._near}") as near:
            _enter(near.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


def _enter(namespace: int) -> None:
    # os.setns is there from Python 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def run(*command: str) -> str:
    """Run it, and return what it says.

    Raises:
        UnavailableError: it cannot do that here.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise UnavailableError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


@contextmanager
def network() -> Iterator[Network]:
    """The two namespaces and the wire.

    Raises:
        UnavailableError: this is not root, a program is missing, or the kernel cannot do it.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise UnavailableError("network namespaces need root, on Linux")
    if missing := [program for program in ("ip", "ss", "iptables") if shutil.which(program) is None]:
        raise UnavailableError(f"no {', '.join(missing)}: apt-get install iproute2 iptables")
    near, far = f"ranvier-near-{os.getpid()}", f"ranvier-far-{os.getpid()}"
    with ExitStack() as stack:
        for name in (near, far):
            run("ip", "netns", "add", name)
            stack.callback(run, "ip", "netns", "delete", name)
        run("ip", "link", "add", "near0", "netns", near, "type", "veth", "peer", "name", "far0", "netns", far)
        for name, device, addresses in ((near, "near0", [NEAR]), (far, "far0", [FIRST, SECOND])):
            for address in addresses:
                run("ip", "-n", name, "address", "add", f"{address}/24", "dev", device)
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", device, "up")
        wire = Network(near, far)
        with wire.suffering(cut_after(10**9, "DROP")):  # so that the kernel counts from the beginning
            stack.enter_context(_serving(far))
            yield wire


@contextmanager
def _serving(namespace: str) -> Iterator[None]:
    """Providers that answer well and slowly, on every address of `namespace`."""
    script = Path(__file__).with_name("slow.toml")
    options = ["--host", "0.0.0.0", "--port", str(PORT), "--script", str(script)]
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", SIMULATE, "simulate", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for_port(namespace)
            yield
        finally:
            process.kill()


def _wait_for_port(namespace: str) -> None:
    until = time.monotonic() + 20
    while not run("ip", "netns", "exec", namespace, "ss", "-Hltn"):
        if time.monotonic() > until:
            raise RuntimeError("ranvier simulate did not start")
        time.sleep(0.05)


# --- rules of iptables: what is wrong with the way to the first host -----------------------------


def to_first(what: str, target: str) -> str:
    """Of what is sent to it, `what` meets `target`."""
    return f"INPUT -d {FIRST} -p tcp {what} -j {target}".replace("  ", " ")


def cut_after(size: int, target: str) -> str:
    """Its answers meet `target` from their `size`th byte on."""
    return f"OUTPUT -s {FIRST} -p tcp {counted(size, 'reply')} -j {target}"


def counted(size: int, direction: str) -> str:
    """From the `size`th byte on in this direction: `original` is what we send."""
    return f"-m connbytes --connbytes {size}: --connbytes-dir {direction} --connbytes-mode bytes"


RESET = "REJECT --reject-with tcp-reset"
UNREACHABLE = "REJECT --reject-with icmp-host-unreachable"
