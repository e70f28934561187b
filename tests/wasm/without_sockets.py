"""Pytest where there are neither sockets nor threads nor processes: CPython for WebAssembly, in Node.

What a test asks for that is not there is found out by asking: it is skipped, with the reason.
"""

import asyncio
import sys
from asyncio import selector_events
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MISSING = {
    "can't start new thread": "there are no threads",
    "does not support processes": "there are no processes",
    "module 'socket' has no attribute": "there are no sockets",
    "module 'time' has no attribute 'thread_time'": "there is no time of threads",
    "is checked with referencing, which is not installed": "rpds-py has no wheel for WebAssembly",
}
"""Words of the errors of what is not there, and what to say of it."""

NOT_READ = {
    "tests/messages/test_written_answers.py": "rpds-py has no wheel for WebAssembly",
    "tests/providers/engines": "engines are nothing without sockets",
    "tests/providers/test_event_loops.py": "engines are nothing without sockets",
    "tests/telemetry/test_telemetry_page.py": "PyYAML has no wheel for WebAssembly",
    "tests/traps/test_crowds.py": "millions of calls take minutes here",
}
"""Files and folders that are left out, and why."""

CANNOT = {
    "tests/pipeline/test_call_events.py::test_every_call_and_every_attempt_ends_once[stays-unfit": (
        "rpds-py has no wheel for WebAssembly"  # and what it raises is swallowed there
    ),
    "tests/pipeline/test_closing.py::test_another_event_loop_is_refused_in_another_thread_too": (
        "there are no threads"  # and without them it leaves a coroutine behind
    ),
    "tests/pipeline/test_opening.py::test_certificates_that_come_late_are_used": "there are no sockets",
    "tests/pipeline/test_opening.py::test_of_two_threads_that_open_a_pipeline_at_once_one_gets_it": (
        "there are no threads"  # and without them it leaves a coroutine behind
    ),
}
"""How the names of tests begin that cannot pass here, and why not."""


class _NoSocket:
    """What an event loop wakes itself with: nobody is there who could wake it from outside."""

    def send(self, content: bytes) -> int:
        return len(content)

    def close(self) -> None: ...


def run(chosen: list[str]) -> int:
    """The status of pytest with these arguments."""
    _let_loops_do_without_sockets()
    return int(
        pytest.main(["-p", "no:cacheprovider", "--capture=sys", *chosen], plugins=[sys.modules[__name__]])
    )


def _let_loops_do_without_sockets() -> None:
    def make(loop: Any) -> None:
        loop._ssock, loop._csock = _NoSocket(), _NoSocket()
        loop._internal_fds += 1

    def close(loop: Any) -> None:
        loop._internal_fds -= 1
        loop._ssock = loop._csock = None

    async def refuse(loop: Any, *given: Any, **named: Any) -> None:
        pytest.skip("there are no sockets")  # those of Node seem to connect, and never do

    kind: Any = selector_events.BaseSelectorEventLoop
    kind._make_self_pipe, kind._close_self_pipe = make, close
    kind.create_connection = kind.create_server = kind.sock_connect = kind.getaddrinfo = refuse
    asyncio._set_running_loop(None)  # Node's, in which all of this is one callback
    events: Any = asyncio.events
    events._set_event_loop_policy(None)  # or new loops would be Node's, too


def pytest_configure(config: pytest.Config) -> None:
    """Be silent about what hypothesis takes the counts of references here for."""
    config.addinivalue_line("filterwarnings", "ignore:It looks like .register_random.")


def pytest_report_header() -> list[str]:
    """Say which files are left out."""
    return [f"not run: {path}: {reason}" for path, reason in NOT_READ.items()]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave them out."""
    return str(collection_path.relative_to(config.rootpath)) in NOT_READ or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot pass."""
    for item in items:
        for beginning, reason in CANNOT.items():
            if item.nodeid.startswith(beginning):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Make a skipped test of one that has failed for want of what is not here."""
    report: Any = yield
    if report.failed and (reason := _missing(call.excinfo)) is not None:
        report.outcome, report.longrepr = "skipped", (str(item.path), item.location[1] or 0, reason)
    return report


def _missing(failure: pytest.ExceptionInfo[BaseException] | None) -> str | None:
    words = "" if failure is None else str(failure.value)
    return next((reason for error, reason in MISSING.items() if error in words), None)
