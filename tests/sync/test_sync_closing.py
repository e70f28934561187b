"""Closing a pipeline, the end of the process and the garbage collector end the thread of its loop."""

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline, StreamInterruptedError
from ranvier.layers import Breaker, Deadline, Fallback
from ranvier.testing import ScriptedProvider, after, stall, stream


class Closing(ScriptedProvider):
    """Knows in which thread it was closed."""

    def __init__(self, replies: Any) -> None:
        super().__init__("one", replies)
        self.closed: list[str] = []

    async def aclose(self) -> None:
        self.closed.append(threading.current_thread().name)


def built(*replies: Any) -> tuple[Closing, Pipeline]:
    provider = Closing(list(replies))
    return provider, Pipeline(Deadline(60), Fallback(provider), Breaker())


def loops() -> list[threading.Thread]:
    """The threads of pipelines."""
    return [each for each in threading.enumerate() if each.name == "ranvier.sync"]


def eventually(holds: Any) -> bool:
    """True once it holds, within five seconds."""
    end = time.monotonic() + 5
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(holds())


def test_closing_ends_the_thread_and_rejects_further_calls() -> None:
    """The provider is closed on its loop; closing again does nothing; `with` opens it again."""
    provider, pipeline = built("one", "two")
    sync = pipeline.sync
    sync.close()
    with pytest.raises(ConfigurationError, match="is closed"):
        sync.complete("Why?")
    with sync:
        assert sync.complete("Why?").text == "one"
        assert len(loops()) == 1
    assert (provider.closed, loops()) == (["ranvier.sync"], [])
    sync.close()
    with pytest.raises(ConfigurationError, match="is closed"):
        sync.stream("Why?")
    with sync:
        assert sync.complete("Why?").text == "two"
    assert loops() == []


def test_calls_in_flight_end_when_it_is_closed() -> None:
    """A call raises that the pipeline is closed, and a stream that it was interrupted."""
    _, pipeline = built(stall(), stream("one", stall()))
    errors: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(ConfigurationError, match="is closed") as caught:
            pipeline.sync.complete("Why?")
        errors.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    assert eventually(lambda: pipeline.lifecycle.calls)
    with pipeline.sync.stream("Why?") as answer:
        assert next(answer).text == "one"
        pipeline.sync.close()
        with pytest.raises(StreamInterruptedError):
            next(answer)
    thread.join(5)
    assert len(errors) == 1
    assert loops() == []


def test_calls_in_flight_may_continue_for_a_while() -> None:
    """With `drain`."""
    _, pipeline = built(after(0.1, "late"))
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(pipeline.sync.complete("Why?").text))
    thread.start()
    assert eventually(lambda: pipeline.lifecycle.calls)
    pipeline.sync.close(drain=5)
    thread.join(5)
    assert answers == ["late"]


def test_a_reader_that_does_not_read_delays_no_closing() -> None:
    """Its stream waits for room; what it has not read is still there afterwards."""

    class Endless:
        name = default_model = "endless"

        async def complete(self, call: Any) -> Any:
            raise NotImplementedError

        async def stream(self, call: Any) -> Any:
            while True:
                yield "word "
                await asyncio.sleep(0)

    from ranvier.providers import FunctionProvider

    pipeline = Pipeline(Fallback(FunctionProvider(stream=Endless().stream, name="endless")))
    answer = pipeline.sync.stream("Why?")
    next(answer)
    time.sleep(0.05)
    begun = time.monotonic()
    pipeline.sync.close()
    assert time.monotonic() - begun < 3
    with pytest.raises(StreamInterruptedError):
        list(answer)


def test_a_pipeline_that_nothing_refers_to_is_closed() -> None:
    """By the garbage collector, without waiting: its provider first, then the thread ends."""
    provider, pipeline = built("one")
    pipeline.sync.complete("Why?")
    provider.calls.clear()  # they refer to it
    del pipeline
    gc.collect()
    assert eventually(lambda: not loops())
    assert provider.closed == ["ranvier.sync"]


def test_two_threads_may_close_it_at_once() -> None:
    """Both return when it is closed."""
    provider, pipeline = built("one")
    pipeline.sync.complete("Why?")
    threads = [threading.Thread(target=pipeline.sync.close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert (len(provider.closed), loops()) == (1, [])


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers of this kind")
def test_a_close_that_ctrl_c_ends_holds_up_no_further_one() -> None:
    """While it waits for a thread to leave: the loop ends, and the end of the process waits for nothing."""
    _, pipeline = built("one")
    pipeline.sync.complete("Why?")
    inside, leave = threading.Event(), threading.Event()

    class Slow(list[str]):
        def __len__(self) -> int:
            inside.set()
            leave.wait(10)
            return 0

    thread = threading.Thread(target=pipeline.sync.map, args=(Slow(),))
    thread.start()
    inside.wait(5)

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            pipeline.sync.close()
    finally:
        signal.signal(signal.SIGALRM, before)
    closing = threading.Thread(target=pipeline.sync.close)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()
    assert loops() == []
    leave.set()
    thread.join(5)


def test_a_call_that_comes_too_late_gets_an_error_and_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has passed the door when the pipeline closes: its coroutine never begins, and is closed."""
    monkeypatch.setattr("ranvier.pipeline.blocking.own_loop.GRACE", 0.01)
    _, pipeline = built("one", "two")
    pipeline.sync.complete("Why?")

    def work() -> Any:
        pipeline.sync.close()
        return pipeline.complete("Why?")

    with pytest.raises(ConfigurationError, match="is closed"):
        pipeline.sync.run(work)
    gc.collect()


def test_a_listener_that_exits_ends_the_loop_and_no_thread_waits() -> None:
    """A `SystemExit` in a background task ends the loop: threads get an error, and the next call works."""
    _, pipeline = built(after(30, "late"), "fine")

    async def exit_now() -> None:
        async def work() -> None:
            raise SystemExit(3)

        pipeline.in_background(work())

    errors: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(ConfigurationError) as caught:
            pipeline.sync.complete("Why?")
        errors.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    assert eventually(lambda: pipeline.lifecycle.calls)
    pipeline.sync.run(exit_now)
    thread.join(5)
    assert len(errors) == 1
    assert pipeline.sync.complete("Why?").text == "fine"
    pipeline.sync.close()


def test_a_task_that_ignores_its_cancellation_holds_no_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop is left behind and logged; the thread that waits gets an error, and so does a further call."""
    monkeypatch.setattr("ranvier.pipeline.running.shutdown.CUT_OFF_GRACE", 0.1)
    for module in ("portal", "own_loop"):
        monkeypatch.setattr(f"ranvier.pipeline.blocking.{module}.GRACE", 0.1)
    release = threading.Event()

    class Stubborn:
        name = default_model = "stubborn"

        async def complete(self, call: Any) -> Any:
            while not release.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)

    pipeline = Pipeline(Fallback(Stubborn()))
    errors: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(ConfigurationError, match="is closed") as caught:
            pipeline.sync.complete("Why?")
        errors.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    assert eventually(lambda: pipeline.lifecycle.calls)
    pipeline.sync.close()
    thread.join(5)
    assert len(errors) == 1
    assert "a task ignores its cancellation" in caplog.text
    release.set()
    assert eventually(lambda: not loops())


SCRIPT = """
import sys
from ranvier import Pipeline
from ranvier.layers import Fallback
from ranvier.testing import ScriptedProvider, stall, stream

class Provider(ScriptedProvider):
    async def aclose(self):
        print("closed")

pipeline = Pipeline(Fallback(Provider("one", ["fine", stream("one", stall())])))
print(pipeline.sync.complete("Why?").text)
answer = pipeline.sync.stream("Why?")
print(next(answer).text)
{end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "del pipeline, answer"])
def test_the_end_of_the_process_closes_it(end: str) -> None:
    """Without a warning, and without waiting for a stream that is still open."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.replace("{end}", end)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    dropped = "dropped before its end" in done.stderr
    assert (done.stdout, done.returncode) == ("fine\none\nclosed\n", 0)
    assert dropped == ("del" in end)
    assert done.stderr == "" or dropped
