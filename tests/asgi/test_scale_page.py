"""The service of the page on many processes: its four workers, an outage, a store that restarts.

Its command is the one of `compose.yaml`; the containers of Valkey and Prometheus are a real server, and a
reader of what Prometheus would read.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ranvier.simulator import Simulator
from support.simulator.threaded import simulator_in_thread
from support.valkey.server import AbsentError, ValkeyServer, serving

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
FIRST = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
FILES = dict(re.findall(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))

WORKERS = 4
TOKEN = "a-token-of-24-characters"
TENANTS = [f"tenant-{number}" for number in range(12)]

pytestmark = pytest.mark.once


class Service:
    """The service, from outside."""

    def __init__(self, url: str, store: ValkeyServer, providers: Simulator) -> None:
        self.store = store
        self.providers = providers
        # A connection for each request: any worker may answer.
        self._client = httpx.Client(
            base_url=url, trust_env=False, timeout=60, headers={"connection": "close"}
        )

    def ask(self) -> Counter[str]:
        """Ask once for each tenant; who has answered."""
        answered: Counter[str] = Counter()
        for tenant in TENANTS:
            reply = self._client.post("/ask", json={"text": "Hi"}, headers={"x-tenant-id": tenant})
            answered[reply.json()["by"] if reply.status_code == 200 else str(reply.json())] += 1
        return answered

    def page(self) -> dict[str, Any]:
        """What the status page of the worker that answers shows."""
        facts: dict[str, Any] = self._client.get("/ranvier/status.json").json()
        return facts

    def status(self) -> dict[str, Any]:
        """What it knows of the service."""
        facts: dict[str, Any] = self.page()["service"]
        return facts

    def metrics(self) -> dict[str, float]:
        """The sums of all samples of each name."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self._client.get(self.path).text):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    path = "/ranvier/metrics"

    def isolate(self, action: str, tenant: str) -> int:
        """An operator's command, which any worker gets; the status."""
        command = {"tenant": tenant, "provider": "anthropic"}
        headers = {"authorization": f"Bearer {TOKEN}"}
        return self._client.post(f"/ranvier/circuits/{action}", json=command, headers=headers).status_code

    def close(self) -> None:
        """Ask no more."""
        self._client.close()


def until_true(met: Callable[[], object], *, within: float) -> None:
    """Wait until it is so; a refused connection is not."""
    deadline = time.monotonic() + within
    while True:
        with suppress(httpx.TransportError):
            if met():
                return
        assert time.monotonic() < deadline, f"not within {within:g} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Its workers, all of whom have joined."""
    folder = tmp_path_factory.mktemp("service")
    with ExitStack() as stack:
        try:
            store = stack.enter_context(serving())
        except AbsentError as reason:
            pytest.skip(str(reason))
        providers = stack.enter_context(simulator_in_thread())
        (folder / "app.py").write_text(FILES["app.py"], encoding="utf-8")
        port = free_port()
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                command(port), cwd=folder, env=environment(store, providers), stdout=log, stderr=log
            )
        stack.callback(end, process)
        started = Service(f"http://127.0.0.1:{port}", store, providers)
        stack.callback(started.close)
        until_true(lambda: started.status()["live"] == WORKERS, within=240)
        yield started


def command(port: int) -> list[str]:
    """That of `compose.yaml`, on this machine alone."""
    words = shlex.split(yaml.safe_load(FILES["compose.yaml"])["services"]["app"]["command"])
    words[words.index("--host") + 1] = "127.0.0.1"
    words[words.index("--port") + 1] = str(port)
    return [sys.executable, "-m", *words]


def environment(store: ValkeyServer, providers: Simulator) -> dict[str, str]:
    """All that `compose.yaml` names, and simulated providers."""
    named = set(yaml.safe_load(FILES["compose.yaml"])["services"]["app"]["environment"])
    given = {
        "VALKEY_URL": store.url,
        "RANVIER_SECRET": "of the test",
        "RANVIER_STATUS_TOKEN": TOKEN,
        "ANTHROPIC_API_KEY": "sk-ours",
        "OPENAI_API_KEY": "sk-ours",
    }
    assert named == set(given)
    urls = {f"{name.upper()}_BASE_URL": providers.url(name) for name in ("anthropic", "openai")}
    return {**os.environ, **given, **urls}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    """End the workers with their parent."""
    process.terminate()
    try:
        process.wait(30)
    finally:
        process.kill()


# --- what it promises --------------------------------------------------------------------------------


def test_the_first_lines_of_the_page_run_as_they_stand() -> None:
    """Nobody connects before the pipeline opens."""
    pytest.importorskip("valkey")
    names: dict[str, Any] = {}
    exec(compile(FIRST, "docs/scale.md", "exec"), names)
    assert "localhost:6379" in repr(names["store"])


def test_prometheus_reads_the_path_that_is_served(service: Service) -> None:
    """As `prometheus.yml` has it."""
    (job,) = yaml.safe_load(FILES["prometheus.yml"])["scrape_configs"]
    assert job["metrics_path"] == service.path


def test_counters_are_those_of_all_workers_and_never_fall(service: Service) -> None:
    """Whichever worker answers."""
    service.ask()
    until_true(lambda: service.metrics().get("ranvier_calls_total", 0) >= len(TENANTS), within=20)
    last = 0.0
    for _ in range(10):
        service.ask()
        now = service.metrics()["ranvier_calls_total"]
        assert now >= last
        last = now


def test_the_page_shows_the_calls_of_all_workers(service: Service) -> None:
    """Whichever worker answers: one alone has had a part of them."""
    service.ask()
    until_true(lambda: service.page()["calls"]["succeeded"] >= len(TENANTS), within=20)
    for _ in range(12):
        shown = service.page()
        assert shown["service"]["summed"] == WORKERS
        assert shown["calls"]["succeeded"] >= len(TENANTS)
        assert shown["providers"][0]["succeeded"] >= len(TENANTS)


def test_a_tenant_is_isolated_at_all_workers_by_one_command(service: Service) -> None:
    """And by another one reset."""
    service.ask()
    assert service.isolate("isolate", TENANTS[0]) == 200
    until_true(lambda: all(service.ask()["openai"] == 1 for _ in range(3)), within=30)
    until_true(lambda: service.isolate("reset", TENANTS[0]) == 200, within=5)
    until_true(lambda: all(service.ask()["openai"] == 0 for _ in range(3)), within=30)


def test_an_outage_is_known_to_all_and_the_store_may_restart_in_it(service: Service) -> None:
    """Every call is answered all the while, and the first target is in use again after it."""
    service.providers.down("anthropic")
    answered: Counter[str] = Counter()

    def opened() -> bool:
        answered.update(service.ask())
        said = [each for each in service.status()["troubles"] if each["kind"] == "circuit"]
        return any(each["state"] in ("open", "half_open") and each["by"] for each in said)

    until_true(opened, within=60)
    service.store.kill()
    answered.update(service.ask())
    until_true(lambda: not service.status()["reachable"], within=20)
    assert service.metrics()["ranvier_store_reachable"] == 0
    assert "ranvier_calls_total" not in service.metrics()
    answered.update(service.ask())
    service.store.start()
    until_true(lambda: service.status()["live"] == WORKERS, within=30)
    answered.update(service.ask())
    assert set(answered) == {"openai"}, "a call failed, or the target that is down answered"
    service.providers.clear("anthropic")
    until_true(lambda: service.ask()["anthropic"] == len(TENANTS), within=90)
