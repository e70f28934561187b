"""`ranvier watch`, in a terminal of its own, against a real server."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from typing import Any

import pytest
import uvicorn
from rich.console import Console

from ranvier import Credentials, Pipeline
from ranvier.asgi import status_app
from ranvier.asgi.exchange import Reply
from ranvier.asgi.status import health
from ranvier.cli import main
from ranvier.cli.watch.polling import _lines
from ranvier.cli.watch.screen import draw, line
from ranvier.errors import OverloadedError
from ranvier.layers import Breaker, Fallback
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider
from support.asgi.serving import serving
from support.cli.processes import RANVIER
from support.cli.watched import drawn, status_of

pytestmark = pytest.mark.once

STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Application:
    """A pipeline with its status page, served by a thread until it is told to end."""

    def __init__(self, port: int = 0) -> None:
        self.failing = False
        self.pipeline = Pipeline(Fallback(ScriptedProvider("openai", self._reply)), Breaker())
        config = uvicorn.Config(self.app(), port=port, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._until(lambda: self._server.started)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def app(self) -> Any:
        """Its status page, for whoever knows the token."""
        page = status_app(self.pipeline)

        async def guarded(scope: Any, receive: Any, send: Any) -> None:
            if (b"authorization", b"Bearer wrong") in scope["headers"]:
                scope = {**scope, "path": "/nowhere"}
            await page(scope, receive, send)

        return guarded

    def isolate(self, tenant: str) -> None:
        """Isolate a tenant's circuit, on the loop of the server."""
        asyncio.run_coroutine_threadsafe(self.pipeline.circuits.isolate(tenant, "openai"), self._loop).result(
            5
        )

    def ask(self, *, failing: bool) -> None:
        """Make five calls, for one tenant each."""
        self.failing = failing

        async def calls() -> None:
            asked = [self.pipeline.complete("Hi", tenant=f"{number}") for number in range(5)]
            await asyncio.gather(*asked, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(calls(), self._loop).result(5)

    def _reply(self, call: Call) -> str | OverloadedError:
        return OverloadedError("down", provider="openai") if self.failing else "hello"

    def end(self) -> None:
        """Serve no more."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()

    def _serve(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(serve())

    def _until(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + 10
        while not true():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.fixture
def application() -> Iterator[Application]:
    running = Application()
    yield running
    running.end()


class Terminal:
    """What a person sees, and may press.

    Attributes:
        process: The command that runs in it.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._seen = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self._seen += os.read(self._master, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                return

    def until(self, words: str) -> str:
        """Wait until it is shown; what was shown before it is forgotten."""
        end = time.monotonic() + 60
        while words not in (plain := STEERING.sub("", self._seen)):
            assert time.monotonic() < end, f"{words!r} was not shown: {plain[-2000:]}"
            time.sleep(0.02)
        seen, self._seen = plain, ""
        return seen


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    """`ranvier watch` with these arguments, in a terminal of 110 columns."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 110, 0, 0))
    with subprocess.Popen(
        [*RANVIER, "watch", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    ) as process:
        os.close(slave)
        try:
            yield Terminal(process, master)
        finally:
            process.kill()
            process.wait()
            os.close(master)


def test_it_shows_what_changes_and_ends_cleanly(application: Application) -> None:
    """A circuit that is isolated is seen at the next look; Ctrl-C gives the terminal back, with status 0."""
    with terminal(application.url, "--interval", "0.1") as seen:
        seen.until("all is well")
        application.isolate("acme")
        shown = seen.until("isolated at openai")
        assert "strained" in shown + seen.until("acme")
        seen.process.send_signal(signal.SIGINT)
        assert seen.process.wait(60) == 0
        assert "Traceback" not in STEERING.sub("", seen._seen)


def test_it_tells_that_nobody_answers_and_recovers() -> None:
    """What was known stays, and is told to be old."""
    first = Application()
    with terminal(first.url, "--interval", "0.1") as seen:
        try:
            first.isolate("acme")
            seen.until("acme")
        finally:
            first.end()
        assert "acme" in seen.until("last known state below") + seen.until("acme")
        second = Application(first.port)
        try:
            seen.until("all is well")
        finally:
            second.end()


def test_nothing_is_cut_off_at_80_columns() -> None:
    """Seven busy providers, long names, and every column whole; a long tenant costs only its own column."""
    states = {"closed": 1234, "open": 12, "half_open": 3, "isolated": 1}
    series = {"succeeded": [3] * 120, "failed": [1] * 120}
    busy = {
        "level": "trouble",
        "rate": 123.4,
        "succeeded": 999,
        "failed": 1,
        "series": series,
        "seconds": {"p50": 0.412, "p95": 11.2, "p99": 119.9},
        "retries": 120,
        "fallbacks": 1234,
        "rejections": 1234,
        "rescued": 12,
        "running": 88,
        "streams": 7,
        "circuits": states,
    }
    circuit = {
        "state": "half_open",
        "tenant": "a-customer-with-a-long-name" * 3,
        "provider": "openrouter",
        "more": ["gpt-5.2"],
        "failures": 12,
        "opens": 34,
        "retry_after": 29.5,
    }
    facts = {
        "level": "trouble",
        "process": {"number": 4711, "up": 90_000.0},
        "findings": [],
        "calls": busy,
        "providers": [{**busy, "name": name} for name in ("anthropic", "openrouter", "gemini")],
        "circuits": {"total": 1250, "troubled": 16, "rows": [circuit]},
        "stories": [],
    }
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(draw(facts, rows=40, columns=80))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    heads = "provider /s ok p50 p95 p99 fell back rejected circuits"
    assert any(line.split() == heads.split() for line in lines)
    (row,) = [line for line in lines if "openrouter" in line and "%" in line]
    assert "\u2026" not in row
    assert "119.9 s 1234" in " ".join(row.split())
    (open_one,) = [line for line in lines if "half-open" in line and "a-customer" in line]
    assert open_one.split()[-2:] == ["29.5", "s"]


def tenant(name: str, failed: int) -> dict[str, Any]:
    """A tenant that is also rejected, and lacks keys."""
    return {
        "tenant": name,
        "calls": 12345,
        "failed": failed,
        "fallbacks": 12345,
        "rejections": 12345,
        "missing_keys": 12345,
    }


def test_failing_tenants_are_shown_at_80_columns() -> None:
    """The worst five, with every number; those that only lack a key are not among them."""
    failing = [tenant("a-customer-with-a-long-name" * 3 + "\x1b[2J", 99999 - number) for number in range(7)]
    facts = status_of(*failing, tenant("keyless", 0))
    lines = drawn(facts)
    assert max(map(len, lines)) <= 80
    assert "7 tenants with failed calls" in [line.strip() for line in lines]
    rows = [line.split() for line in lines if "a-customer" in line]
    assert [row[2] for row in rows] == [str(99999 - number) for number in range(5)]
    assert {(row[1], *row[3:]) for row in rows} == {("12345",) * 4}
    assert "keyless" not in "".join(lines)
    assert "\x1b" not in "".join(lines)
    assert "7 tenants with failed calls" in line(facts).plain


def test_without_failing_tenants_there_is_no_such_table() -> None:
    """Nor with a server that does not report tenants yet."""
    healthy = status_of(tenant("keyless", 0))
    older = {name: value for name, value in healthy.items() if name != "tenants"}
    for facts in (healthy, older):
        assert "keyless" not in "".join(drawn(facts))
        assert "failed calls" not in "".join(drawn(facts))
        assert "failed calls" not in line(facts).plain


def test_once_is_calm_while_a_tenant_has_no_key(application: Application) -> None:
    """Nothing has failed."""
    application.pipeline.credentials = Credentials(lambda tenant, provider: None)
    for layer in application.pipeline.layers:
        for deployment in layer.deployments():
            deployment.provider.needs_credential = True  # type: ignore[attr-defined]
    application.ask(failing=False)
    assert main(["watch", application.url, "--once"]) == 0


def test_lines_are_enough_where_there_is_no_terminal(application: Application) -> None:
    """One a look, without anything that steers a terminal."""
    with subprocess.Popen(
        [*RANVIER, "watch", application.url, "--plain", "--interval", "0.1"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().decode() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert all("well" in each and "0 of 0 circuits not closed" in each for each in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--token", "\u00fc" * 16], "token: use printable ASCII"),
        (["--token", "a\nb"], "token: use printable ASCII"),
        (["--interval", "inf"], "interval=inf: give at most 3600 seconds"),
        (["--interval", "nan"], "interval=nan"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """That blames what is wrong."""
    assert main(["watch", "http://127.0.0.1:9", "--once", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("ranvier watch: ")
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("body", ['{"version": 1}', '{"version": 1, "level": "odd", "findings": 7}', "[]"])
@pytest.mark.parametrize("plain", [[], ["--plain"]])
async def test_what_answers_may_be_no_status_page(
    body: str, plain: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it says, the command says so in one line, with status 3."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Reply(200, body.encode()).send(send)

    async with serving(app) as served:
        url = f"http://127.0.0.1:{served.port}"
        assert await asyncio.to_thread(main, ["watch", url, "--once", *plain]) == 3
    assert "not from a status page of this version" in capsys.readouterr().out


def test_lines_do_not_promise_a_state_below(capsys: pytest.CaptureFixture[str]) -> None:
    """What was known is above them; and at first nothing is."""
    shows = _lines(Console(width=200))
    shows(None, "ConnectError", 3.0)
    shows({"version": 1}, "ConnectError", 3.0)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "? no answer from the server (ConnectError)"
    assert second == "? no answer from the server (ConnectError), for 3.0 s"


def test_once_tells_by_its_status(application: Application, capsys: pytest.CaptureFixture[str]) -> None:
    """0 where all is well or dealt with, 3 where nobody answers or what answers is no status page."""
    application.isolate("acme\u202e")
    assert main(["watch", application.url, "--once"]) == 0
    shown = capsys.readouterr().out
    assert "isolated" in shown
    assert "acme\ufffd" in shown
    assert main(["watch", application.url, "--once", "--plain", "--search", "nobody"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    assert main(["watch", application.url + "/elsewhere", "--once"]) == 3
    assert "status 404" in capsys.readouterr().out


def test_once_tells_an_outage_that_is_over(
    application: Application, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 while calls fail, 0 again when none has failed of late."""
    monkeypatch.setattr(health, "QUIET", 3)
    application.ask(failing=True)
    assert main(["watch", application.url, "--once"]) == 1
    assert "5 calls failed" in capsys.readouterr().out
    time.sleep(3)
    application.ask(failing=False)
    time.sleep(1.1 - time.monotonic() % 1)
    assert main(["watch", application.url, "--once"]) == 0
    assert "failed, 50.0% of all, none in the last 3 s" in capsys.readouterr().out


def test_the_token_is_sent_and_not_in_the_address(
    application: Application, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the argument or, unseen by others, from the environment."""
    assert main(["watch", application.url, "--once", "--token", "right"]) == 0
    assert main(["watch", application.url, "--once", "--token", "wrong"]) == 3
    monkeypatch.setenv("RANVIER_STATUS_TOKEN", "wrong")
    assert main(["watch", application.url, "--once"]) == 3


@pytest.mark.parametrize("arguments", [["localhost:8000"], ["http://"], ["http://a", "--interval", "-1"]])
def test_bad_input_is_told_in_a_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With status 2."""
    assert main(["watch", *arguments, "--once"]) == 2
    assert capsys.readouterr().err.startswith("ranvier watch: ")


def test_nobody_at_all_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With status 3."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert main(["watch", f"http://127.0.0.1:{unused.getsockname()[1]}", "--once"]) == 3
    assert "no answer from the server (ConnectError)" in capsys.readouterr().out


def shared(state: str, **more: Any) -> dict[str, Any]:
    """A shared circuit, as the status page reports it."""
    return {
        "target": "openrouter/a-model-with-a-long-name" * 2,
        "keys": "tenants",
        "state": state,
        "mode": "observed",
        "failing": 1234,
        "active": 2345,
        "retry_after": 12.5,
        **more,
    }


def test_shared_circuits_and_closed_gates_are_shown_at_80_columns() -> None:
    """Those that are not closed, with who votes against them, and each key that is not used at a model."""
    rows = [shared("open"), shared("half_open", keys="ours"), shared("closed", target="calm")]
    gate = {
        "provider": "openrouter-with-a-long-name",
        "model": "gpt-5.2-with-a-long-name\x1b[2J",
        "key": "1a2b3c4d",
        "reason": "quota_exhausted",
        "seconds": 299.0,
        "waiting": 12,
    }
    facts = {
        **status_of(),
        "shared_circuits": {"total": 3, "troubled": 2, "rows": rows},
        "keys": [gate, {**gate, "model": None}],
    }
    lines = drawn(facts)
    assert max(map(len, lines)) <= 80
    assert "3 shared circuits, 2 not closed" in [line.strip() for line in lines]
    (first,) = [line for line in lines if "open" in line and "observed" in line and "half" not in line]
    assert first.split()[-7:] == ["tenants", "1234", "of", "2345", "observed", "12.5", "s"]
    assert not any("calm" in line for line in lines)
    gates = [line.split() for line in lines if "1a2b3c4d" in line]
    assert [(each[:2], each[-3:]) for each in gates] == [
        (["5", "min"], ["1a2b3c4d", "quota_exhausted", "12"]),
        (["5", "min"], ["1a2b3c4d", "quota_exhausted", "12"]),
    ]
    assert gates[1][3] == "all"
    assert "\x1b" not in "".join(lines)
    assert "2 of 3 shared circuits not closed" in line(facts).plain


def test_hedges_and_withheld_retries_are_counted_where_there_are_any() -> None:
    calm = status_of()
    assert not any("hedge" in line for line in drawn(calm))
    busy = [{**each, "hedges": 12, "hedges_withheld": 3, "retries_withheld": 4} for each in calm["providers"]]
    assert "12 hedges, 3 withheld  4 retries withheld" in "\n".join(drawn({**calm, "providers": busy}))


def test_an_older_server_that_reports_less_is_shown() -> None:
    """Neither shared circuits nor keys nor hedges."""
    facts = status_of()
    for name in ("shared_circuits", "keys", "tenants"):
        del facts[name]
    for each in facts["providers"]:
        del each["hedges"], each["hedges_withheld"], each["retries_withheld"]
    assert drawn(facts)
    assert line(facts).plain
