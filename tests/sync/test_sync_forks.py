"""A process that is forked makes its own loop and connections, and leaves those of its parent alone."""

import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ranvier import ConfigurationError, Pipeline, ServerError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.providers import Anthropic
from ranvier.simulator import Simulator, Slow
from ranvier.testing import ScriptedProvider, stall
from support.simulator.threaded import simulator_in_thread

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


def in_child(work: Callable[[], object]) -> str:
    """What `work` returns in a forked process, or its traceback; without `os._exit`'s clean up of tests."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return told
    try:  # pragma: no cover  # because: it runs in the child
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            told = str(work())
    except BaseException:
        told = traceback.format_exc()
    os.write(writer, told.encode())
    os._exit(0)


@contextmanager
def simulated() -> Iterator[tuple[Simulator, Pipeline]]:
    """A provider over HTTP, and a pipeline that asks it."""
    with simulator_in_thread() as simulator:
        provider = Anthropic("sk-ours", base_url=simulator.url("anthropic"))
        pipeline = Pipeline(Deadline(20), Fallback(provider), Retry(0), Breaker(), Timeout(10))
        try:
            yield simulator, pipeline
        finally:
            pipeline.sync.close()


@pytest.mark.once
def test_a_child_makes_new_connections_and_the_parent_keeps_its_own() -> None:
    """Both go on asking over HTTP, whole and streamed, again and again."""
    with simulated() as (simulator, pipeline):

        def ask() -> str:
            with pipeline.sync.stream("Why?") as answer:
                streamed = answer.collect().text
            return f"{bool(pipeline.sync.complete('Why?').text)} {bool(streamed)}"

        assert ask() == "True True"
        for _ in range(3):
            assert in_child(ask) == "True True"
            assert ask() == "True True"
        assert simulator.total == 14


@pytest.mark.once
def test_a_fork_in_the_middle_of_a_stream_leaves_the_stream_to_the_parent() -> None:
    """The child's read is an error at once, and the parent reads to the end."""
    with simulated() as (simulator, pipeline):
        simulator.always("anthropic", Slow(pace=0.02))
        with pipeline.sync.stream("Why?") as answer:
            first = next(answer).text

            def read() -> str:
                with pytest.raises(ConfigurationError, match=r"before os\.fork"):
                    list(answer)
                return pipeline.sync.complete("Why?").text

            child = in_child(read)
            rest = "".join(event.text for event in answer)
        assert answer.response is not None
        assert first + rest == answer.response.text
        assert child == answer.response.text


def test_a_child_forgets_what_was_in_flight_and_keeps_its_circuits() -> None:
    """A call of another thread is the parent's; the circuit that it opened is known to both."""
    down = ServerError("down", provider="one")
    provider = ScriptedProvider("one", [down, stall(), "fine", "fine"])
    pipeline = Pipeline(Fallback(provider), Retry(0), Breaker(failure_threshold=1))
    with pytest.raises(ServerError):
        pipeline.sync.complete("Why?", tenant="bad")

    def wait() -> None:
        with pytest.raises(ConfigurationError):
            pipeline.sync.complete("Why?")

    thread = threading.Thread(target=wait)
    thread.start()
    while len(provider.calls) < 2:
        threading.Event().wait(0.005)

    def look() -> str:
        text = pipeline.sync.complete("Why?").text
        calls, streams = pipeline.lifecycle.in_flight
        state = pipeline.sync.circuits.state("bad", "one")
        pipeline.sync.close()
        return f"{text} {calls} {streams} {state} {threading.active_count()}"

    assert in_child(look) == "fine 0 0 open 1"
    assert len(pipeline.lifecycle.calls) == 1
    assert pipeline.sync.complete("Why?").text == "fine"
    pipeline.sync.close()
    thread.join(5)


def test_a_child_may_fork_again_and_close() -> None:
    """Generation after generation; a closed pipeline stays closed."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", lambda call: "ok")))
    pipeline.sync.complete("Why?")

    def grandchild() -> str:
        return pipeline.sync.complete("Why?").text

    def child() -> str:
        first = pipeline.sync.complete("Why?").text
        second = in_child(grandchild)
        pipeline.sync.close()
        return first + second

    assert in_child(child) == "okok"
    pipeline.sync.close()

    def closed() -> str:
        with pytest.raises(ConfigurationError, match="closed"):
            pipeline.sync.complete("Why?")
        return sys.version[:1]

    assert in_child(closed) == "3"
