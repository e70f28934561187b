"""The demo, and the judge who holds its two sets of books against each other."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ranvier.cli import main
from ranvier.cli.demo.tally import Ended, Tally, judge
from ranvier.events import CircuitChanged, FallbackTaken, RetryScheduled
from ranvier.facts.attempt import Attempt
from ranvier.simulator import End, Exchange, Fine, Status


def attempt(provider: str, outcome: str = "succeeded") -> Attempt:
    return Attempt(f"{provider}/m", 1, 0.0, None, "closed", 0.0, outcome)


def exchange(call: int, provider: str, *, good: bool = True) -> Exchange:
    body = {"messages": [{"role": "user", "content": f"call {call}: why?"}]}
    fault = Fine() if good else Status(503)
    return Exchange(
        call, 0.0, provider, body=body, fault=fault, status=200 if good else 503, end=End.SENT, ended=1.0
    )


def call(number: int, *attempts: Attempt, tenant: str = "acme", failed: str | None = None) -> Ended:
    return Ended(number, tenant, 0.1, attempts, failed)


def test_a_call_whose_first_request_failed_and_that_was_answered_is_rescued():
    """Rescued is counted by the simulator's log, not by our own word."""
    calls = [call(1, attempt("a", "server_error"), attempt("b")), call(2, attempt("a"))]
    log = [exchange(1, "a", good=False), exchange(1, "b"), exchange(2, "a")]
    verdict = judge(calls, log, unlucky="nobody")
    assert verdict.good
    assert str(verdict) == "calls 2, rescued 1, failed 0, healthy tenants unserved 0"


@pytest.mark.parametrize(
    ("calls", "log"),
    [
        pytest.param([call(1, attempt("a"))], [], id="a request that was never sent"),
        pytest.param([], [exchange(1, "a")], id="a request that no record tells of"),
        pytest.param([call(1, attempt("a"))], [exchange(1, "a"), exchange(1, "a")], id="one sent twice"),
        pytest.param([call(1, attempt("a"))], [exchange(1, "b")], id="one sent elsewhere"),
        pytest.param([call(1, attempt("a"))], [exchange(1, "a", good=False)], id="a failure told as success"),
    ],
)
def test_books_that_do_not_balance_are_found(calls, log):
    """Whatever one side knows and the other does not makes the demo fail."""
    assert not judge(calls, log, unlucky="nobody").good


def test_a_tenant_with_a_good_key_who_was_not_served_makes_the_demo_fail():
    """Only the tenant with the bad key may go without an answer."""
    calls = [call(1, attempt("a", "server_error"), tenant="healthy", failed="server_error")]
    log = [exchange(1, "a", good=False)]
    assert judge(calls, log, unlucky="nobody").unserved == ("healthy",)
    assert judge(calls, log, unlucky="healthy").good


def test_the_tally_counts_what_it_hears():
    """Retries, fallbacks and openings are counted by provider, and tenants by what they met."""
    tally = Tally()
    who: dict[str, Any] = {"tenant": "acme", "provider": "a", "model": "m"}
    tally.record(RetryScheduled(**who, attempt=1, delay=0.1, kind="server_error"))
    tally.record(FallbackTaken(**who, to="b/m", kind="server_error"))
    tally.record(CircuitChanged(tenant="acme", provider="a", before="closed", after="open"))
    assert (tally.retries["a"], tally.fallbacks["a"], tally.openings["a"]) == (1, 1, 1)
    assert tally.affected["a circuit open"] == {"acme"}


def test_percentiles_of_few_calls_are_sensible():
    """No call takes no time, and one call is every percentile."""
    tally = Tally()
    assert tally.percentile(95) == 0.0
    tally.ended(1, "acme", 0.5, ())
    assert tally.percentile(95) == 0.5


@pytest.mark.parametrize(
    ("option", "value"),
    [("--tenants", "0"), ("--seconds", "0"), ("--seconds", "-1"), ("--seconds", "nan"), ("--seconds", "inf")],
)
def test_a_demo_of_nothing_is_bad_input(option, value, capsys):
    """It would prove nothing, with status 0."""
    assert main(["demo", "--plain", option, value]) == 2
    said, told = capsys.readouterr()
    assert (said, told.count("\n")) == ("", 1)
    assert told.startswith(f"ranvier demo: {option}")


@pytest.mark.parametrize("options", [["--plain"], []])
def test_a_short_demo_serves_everybody_and_balances_its_books(options, capsys):
    """`ranvier demo` ends with status 0 and a last line that says so, drawn or plain."""
    with ThreadPoolExecutor() as thread:  # because the command runs a loop of its own
        status = thread.submit(main, ["demo", *options, "--seconds", "2", "--tenants", "10"])
    assert status.result() == 0
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("calls ")
    assert last.endswith("failed 0, healthy tenants unserved 0")
