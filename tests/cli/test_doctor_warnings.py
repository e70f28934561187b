"""`ranvier doctor`: each thing that it warns of, where it is wrong, and what it says of it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from typing import Any

import pytest
import trustme

from ranvier.cli import main
from ranvier.cli.doctor import checks_of_stack, checks_of_targets  # noqa: F401  # because: they join CHECKS
from ranvier.cli.doctor.checking import CHECKS
from support.cli.patients import SECRET

DEADLINE = "Deadline(240)"
ROUTE = "Fallback('ollama/qwen3', 'openai/gpt-5.2')"
REST = "Retry(), Breaker(), Timeout(seconds=120, first_token=120, idle=15)"

WRONG = [
    ("no-deadline", f"{ROUTE}, {REST}", [], "Deadline(seconds=60)"),
    ("no-attempt-limit", f"{DEADLINE}, {ROUTE}, Breaker()", ["ollama/qwen3", "openai/gpt-5.2"], "Timeout("),
    (
        "silence-unnoticed",
        f"{DEADLINE}, {ROUTE}, Breaker(), Timeout(90, first_token=90)",
        ["ollama/qwen3", "openai/gpt-5.2"],
        "idle=...",
    ),
    (
        "several-timeouts",
        f"{DEADLINE}, {ROUTE}, Breaker(), Timeout(9, idle=1), Timeout(120, first_token=120, idle=15)",
        [],
        "overrides=",
    ),
    (
        "unused-override",
        f"{DEADLINE}, {ROUTE}, Retry(overrides={{'opnai': Retry(0)}}), Breaker(), "
        "Timeout(120, first_token=120, idle=15)",
        ["opnai"],
        "the targets are ollama/qwen3, openai/gpt-5.2",
    ),
    ("no-breaker", f"{DEADLINE}, {ROUTE}, Timeout(120, first_token=120, idle=15)", [], "Breaker("),
    (
        "throttle-without-retry",
        f"{DEADLINE}, {ROUTE}, Throttle(), Breaker(), Timeout(120, first_token=120, idle=15)",
        [],
        "Retry(max_retries=2)",
    ),
    ("nothing-reported", f"{DEADLINE}, {ROUTE}, {REST}, listeners=()", [], "remove listeners=()"),
    (
        "silence-fills-deadline",
        f"Deadline(60), {ROUTE}, {REST}",
        ["ollama/qwen3", "openai/gpt-5.2"],
        "below the 60 s",
    ),
    (
        "turn-too-short",
        f"Deadline(180), {ROUTE}, {REST}",
        ["openai/gpt-5.2"],
        "hedge_after='p99'",
    ),
    (
        "retries-miss-deadline",
        f"{DEADLINE}, Fallback('ollama/qwen3'), Retry(max_retries=9, base_delay=60, max_delay=90), "
        "Breaker(), Timeout(120, first_token=120, idle=15)",
        ["ollama/qwen3"],
        "lower max_retries or base_delay",
    ),
    (
        "max-delay-beyond-deadline",
        f"{DEADLINE}, Fallback('ollama/qwen3'), Retry(max_delay=300), Breaker(), "
        "Timeout(120, first_token=120, idle=15)",
        ["ollama/qwen3"],
        "lower max_delay",
    ),
    (
        "limit-beyond-attempt",
        f"{DEADLINE}, Fallback('ollama/qwen3'), Breaker(), Timeout(120, first_token=120, idle=150)",
        ["ollama/qwen3"],
        "lower idle",
    ),
    (
        "first-token-too-short",
        f"{DEADLINE}, Fallback('ollama/qwen3', 'openai/gpt-4.1'), Breaker(), "
        "Timeout(first_token=20, idle=15)",
        ["ollama/qwen3"],
        "set first_token to 120",
    ),
    (
        "lease-below-attempt",
        f"{DEADLINE}, Fallback('ollama/qwen3'), Breaker(probe_lease=30), "
        "Timeout(120, first_token=120, idle=15)",
        ["ollama/qwen3"],
        "leave probe_lease unset",
    ),
    (
        "long-cooldown",
        f"{DEADLINE}, Fallback('ollama/qwen3'), Breaker(cooldown=900), "
        "Timeout(120, first_token=120, idle=15)",
        ["ollama/qwen3"],
        "10 to 60",
    ),
    ("faults-on-purpose", f"{DEADLINE}, {ROUTE}, {REST}, Chaos('auth')", [], "RANVIER_CHAOS=off"),
    (
        "spend-limit-without-price",
        f"SpendLimit(1, 60, prices={{'ollama/qwen3': Price(0, 0)}}), {DEADLINE}, {ROUTE}, {REST}",
        ["openai/gpt-5.2"],
        "prices=",
    ),
    ("spend-limit-too-small", f"SpendLimit(5, 60), {DEADLINE}, {ROUTE}, {REST}", [], "prices="),
    (
        "shared-base-url",
        f"{DEADLINE}, Fallback('openai/gpt-5.2', 'openai/gpt-4.1'), {REST}",
        ["openai/gpt-4.1"],
        "another provider",
    ),
    (
        "same-target",
        f"{DEADLINE}, Fallback('openai/gpt-5.2', 'ollama/qwen3', 'openai/gpt-5.2'), {REST}",
        ["openai/gpt-5.2"],
        "name another target",
    ),
    (
        "smaller-window",
        f"{DEADLINE}, Fallback(Deployment(Ollama(), 'a', context_window=9000), "
        f"Deployment(OpenAI(), 'gpt-5.2', context_window=8000)), {REST}",
        ["openai/gpt-5.2"],
        "larger context_window",
    ),
    (
        "unknown-model",
        f"{DEADLINE}, Fallback('anthropic/gpt-5.2', 'openrouter/qwen3'), {REST}",
        ["anthropic/gpt-5.2", "openrouter/qwen3"],
        "look up the model id",
    ),
    (
        "key-over-http",
        f"{DEADLINE}, Fallback(Deployment(OpenAI(base_url='http://llm.example/v1'), 'gpt-5.2')), {REST}",
        ["openai/gpt-5.2"],
        "https://",
    ),
]
"""The check, the layers, the targets at which it is wrong, and words of the remedy."""


def warnings_of(spec: str, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    """All that is warned of."""
    status = main(["doctor", spec, "--json", *options])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["warnings"]
    assert status == (1 if found else 0)
    return found


def the(name: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of one check."""
    return [each for each in found if each["check"] == name]


@pytest.mark.parametrize(("name", "layers", "targets", "remedy"), WRONG, ids=[each[0] for each in WRONG])
def test_what_is_wrong_is_warned_of(write, capsys, name, layers, targets, remedy):
    """At the targets where it is wrong and at no other, once, with what to do; the status is 1."""
    found = the(name, warnings_of(write(f"pipeline = Pipeline({layers})"), capsys, "--offline"))
    assert found
    assert sorted(target for each in found for target in each["targets"]) == targets
    assert all(remedy in each["remedy"] for each in found)


def test_nothing_of_it_is_warned_of_where_it_is_right(write, capsys):
    """The stack from which the wrong ones are made has no fault."""
    assert warnings_of(write(f"pipeline = Pipeline({DEADLINE}, {ROUTE}, {REST})"), capsys, "--offline") == []


def test_layers_in_a_wrong_order_are_warned_of(write, capsys):
    """Though the user has said that they know better."""
    stack = f"{DEADLINE}, {ROUTE}, Breaker(), Retry(), Timeout(120, first_token=120, idle=15)"
    spec = write(f"pipeline = Pipeline({stack}, check_order=False)")
    [found] = the("order", warnings_of(spec, capsys, "--offline"))
    assert "check_order=False" in found["remedy"]


def test_a_missing_key_is_warned_of(write, capsys, monkeypatch):
    """With the variables that would bring it, in JSON and in words."""
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    spec = write(f"pipeline = Pipeline({DEADLINE}, Fallback('anthropic/claude-sonnet-5'), {REST})")
    [found] = warnings_of(spec, capsys, "--offline")
    assert (found["check"], found["targets"]) == ("no-key", ["anthropic/claude-sonnet-5"])
    assert found["remedy"] == "set ANTHROPIC_API_KEY"
    assert main(["doctor", spec, "--offline"]) == 1
    said = capsys.readouterr().out
    assert "    key      not found\n" in said
    assert "1 warning\n  no-key at anthropic/claude-sonnet-5\n" in said


@pytest.mark.parametrize(
    ("host", "why"),
    [("127.0.0.1", "connection refused"), (f"{'a' * 64}.invalid", "unknown host name")],
)
def test_a_base_url_that_cannot_be_reached_is_warned_of(write, capsys, host, why):
    """With why; a name that no name server could be asked for is one that is not known."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://{host}:{port}"
    target = f"Deployment(Ollama(base_url='{url}'), 'a')"
    spec = write(f"pipeline = Pipeline({DEADLINE}, Fallback({target}), {REST})")
    [found] = the("unreachable", warnings_of(spec, capsys))
    assert found["targets"] == ["ollama/a"]
    assert found["why"] == f"{url} cannot be reached: {why}"


def test_a_port_that_cannot_be_is_warned_of(write, capsys):
    """An address with too large a port is one that cannot be reached, and not the end of the doctor."""
    provider = "ollama = Ollama(); ollama.base_url = 'http://127.0.0.1:99999'"  # or it would be refused
    spec = write(f"{provider}\npipeline = Pipeline({DEADLINE}, Fallback(Deployment(ollama, 'a')), {REST})")
    [found] = the("unreachable", warnings_of(spec, capsys))
    assert found["why"] == "http://127.0.0.1:99999 cannot be reached: invalid port"


def test_a_server_that_speaks_no_tls_is_warned_of(write, capsys, monkeypatch):
    """It is reached, but no certificate is shown; no key is sent to find that out."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr("ranvier.cli.doctor.reachability.LIMIT", 0.5)
        target = f"Deployment(OpenAI(base_url='{url}'), 'gpt-5.2')"
        spec = write(f"pipeline = Pipeline({DEADLINE}, Fallback({target}), {REST})")
        [found] = warnings_of(spec, capsys)
        with server.accept()[0] as connection:
            assert SECRET.encode() not in connection.recv(65536)
    assert found["why"] == f"{url} cannot be reached: no answer within 0.5 s"


@pytest.mark.parametrize("given", [True, False])
def test_a_context_of_the_provider_verifies_its_server(write, capsys, tmp_path, given):
    """Where nobody else would trust the server, the doctor does so with the provider's `ssl_context` only."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "company.pem")
    proof = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(proof)

    def shake_hands(server):
        with server.accept()[0] as connection, contextlib.suppress(OSError):
            proof.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=shake_hands, args=(server,))
        thread.start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        context = f"ssl.create_default_context(cafile='{tmp_path}/company.pem')" if given else "None"
        target = f"Deployment(OpenAI(base_url='{url}', ssl_context={context}), 'gpt-5.2')"
        spec = write(f"import ssl\npipeline = Pipeline({DEADLINE}, Fallback({target}), {REST})")
        warnings = warnings_of(spec, capsys)
        thread.join()
    failed = [found["why"] for found in warnings if found["check"] == "unreachable"]
    reason = "TLS failed: unable to get local issuer certificate"
    assert failed == ([] if given else [f"{url} cannot be reached: {reason}"])


def test_every_check_is_proven_here():
    """Whoever adds one adds its proof."""
    proven = {each[0] for each in WRONG} | {"order", "no-key", "unreachable"}
    assert {check.__name__ for check in CHECKS} == proven
