"""`pipeline.sync` is a pipeline without `await`: the same answers, errors, contexts and circuits."""

import asyncio
import contextvars
import signal
import sys
import threading
import types
from typing import Any

import pytest

from ranvier import (
    ConfigurationError,
    DeadlineExceededError,
    Pipeline,
    ServerError,
    UnknownProviderError,
    current_tenant,
    deadline,
    resilient,
    tenant,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry
from ranvier.testing import ScriptedProvider, after, assert_settled

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


def scripted(*replies: Any) -> tuple[ScriptedProvider, Pipeline]:
    """A provider, and a pipeline with circuits."""
    provider = ScriptedProvider("anthropic", list(replies))
    return provider, Pipeline(Deadline(60), Fallback(provider), Retry(0), Breaker(failure_threshold=2))


def test_a_call_is_answered() -> None:
    """From a thread without an event loop, with the options of `complete`."""
    provider, pipeline = scripted("Because.")
    with pipeline.sync as sync:
        answer = sync.complete("Why?", system="Be brief.", max_tokens=7, to="anthropic", tenant="acme")
        (call,) = provider.calls
        assert (answer.text, call.tenant) == ("Because.", "acme")
        assert (call.request.system, call.request.max_tokens) == ("Be brief.", 7)
        assert_settled(pipeline)


def test_errors_are_raised_in_the_thread_that_asks() -> None:
    """Those of a call, and those of its arguments, before anything is sent."""
    provider, pipeline = scripted(ServerError("down", provider="anthropic"), "fine")
    with pipeline.sync as sync:
        with pytest.raises(ServerError) as caught:
            sync.complete("Why?")
        assert len(caught.value.attempts) == 1
        with pytest.raises(ConfigurationError, match="prompt=''"):
            sync.complete("")
        with pytest.raises(UnknownProviderError, match="nobody"):
            sync.complete("Why?", to="nobody")
        with pytest.raises(TypeError, match="write max_tokens"):
            sync.complete("Why?", max_output_tokens=3)  # type: ignore[call-arg]  # because: it is the mistake
        with pytest.raises(ConfigurationError, match="prompt is a NoneType"):
            sync.complete()  # type: ignore[call-arg]  # because: it is the mistake
        assert len(provider.calls) == 1


def test_context_variables_come_along() -> None:
    """The tenant, the deadline, and those of the application."""
    seen = []

    def answer(call: Any) -> Any:
        seen.append((call.tenant, current_tenant(), REQUEST.get(), call.deadline is not None))
        return "fine"

    pipeline = Pipeline(Fallback(ScriptedProvider("one", answer)))
    REQUEST.set("r1")
    with pipeline.sync as sync:
        sync.complete("Why?")
        with tenant("acme"), deadline(20):
            sync.complete("Why?")
            assert sync.stream("Why?").collect().text == "fine"
    assert seen == [("default", None, "r1", False), *[("acme", "acme", "r1", True)] * 2]


def test_a_deadline_of_the_thread_counts() -> None:
    """The clock of the thread is that of the loop."""
    _, pipeline = scripted(after(30, "late"))
    with pipeline.sync as sync, deadline(0.05), pytest.raises(DeadlineExceededError):
        sync.complete("Why?")


def test_all_threads_share_one_pipeline_and_one_loop() -> None:
    """Also if their first calls come at once: one thread is started."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", lambda call: call.tenant)))
    start, answers = threading.Barrier(20), []

    def ask(number: int) -> None:
        start.wait()
        answers.append(pipeline.sync.complete("Why?", tenant=f"t{number}").text)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == sorted(f"t{number}" for number in range(20))
    assert [each.name for each in threading.enumerate()].count("ranvier.sync") == 1
    pipeline.sync.close()


def test_circuits_are_read_and_reset() -> None:
    """Without `await`, by key."""
    down = ServerError("down", provider="anthropic")
    _, pipeline = scripted(down, down, "fine")
    with pipeline.sync as sync:
        circuits = sync.circuits
        for _ in range(2):
            with pytest.raises(ServerError):
                sync.complete("Why?", tenant="acme")
        assert circuits.state("acme", "anthropic") == "open"
        assert [key for key, _ in circuits] == [("acme", "anthropic")]
        assert circuits.states() == [(("acme", "anthropic"), "open")]
        assert circuits.shared is None
        assert circuits.reset("acme", "anthropic")
        assert not circuits.reset("nobody")
        assert sync.complete("Why?", tenant="acme").text == "fine"
        circuits.isolate("acme", "anthropic")
        assert (circuits.state("acme", "anthropic"), len(circuits)) == ("isolated", 1)


def test_shared_circuits_are_isolated_and_reset() -> None:
    """Those that all tenants share, too."""
    pipeline = resilient(ScriptedProvider("anthropic", ["fine", "fine"]))
    with pipeline.sync as sync:
        sync.complete("Why?")
        shared = sync.circuits.shared
        assert shared is not None
        assert [each.state for each in shared] == ["closed"] * len(shared)
        shared.isolate("anthropic")
        assert shared.state("anthropic") == "isolated"
        assert shared.reset("anthropic")
        assert not shared.reset("nobody")


def test_an_async_function_runs_on_the_loop_of_the_pipeline() -> None:
    """For what else belongs to it."""
    _, pipeline = scripted("fine")

    async def ask() -> str:
        return (await pipeline.complete("Why?")).text

    with pipeline.sync as sync:
        assert sync.run(ask) == "fine"


def test_system_exit_of_foreign_code_ends_its_caller_and_not_the_loop() -> None:
    """It is raised in the thread that asks; other calls go on."""

    def answer(call: Any) -> Any:
        if call.tenant == "bad":
            raise SystemExit(3)
        return "fine"

    pipeline = Pipeline(Fallback(ScriptedProvider("one", answer)))
    with pipeline.sync as sync:
        with pytest.raises(SystemExit):
            sync.complete("Why?", tenant="bad")
        assert sync.complete("Why?").text == "fine"


# --- signals -------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers of this kind")
def test_ctrl_c_cancels_the_call_and_waits_for_its_cleanup(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread goes on when the provider has let go."""
    ends = []

    class Slow:
        name = default_model = "slow"

        async def complete(self, call: Any) -> Any:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.05)
                ends.append("cleaned up")

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    pipeline = Pipeline(Fallback(Slow()))
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pipeline.sync as sync:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                sync.complete("Why?")
            assert ends == ["cleaned up"]
            assert_settled(pipeline)
    finally:
        signal.signal(signal.SIGALRM, before)


# --- event loops ---------------------------------------------------------------------------------


async def test_inside_a_running_loop_it_blocks_and_warns_once() -> None:
    """The answer comes; the warning names the remedy."""
    _, pipeline = scripted("one", "two")
    with pytest.warns(RuntimeWarning, match=r"await the complete\(...\) of another pipeline") as caught:
        assert pipeline.sync.complete("Why?").text == "one"
    assert [each.filename for each in caught] == [__file__]
    assert pipeline.sync.complete("Why?").text == "two"
    pipeline.sync.close()


@pytest.mark.parametrize(
    ("name", "function"), [("gevent.monkey", "is_module_patched"), ("eventlet.patcher", "is_monkey_patched")]
)
def test_threads_that_are_none_are_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, function: str
) -> None:
    """An event loop in a greenlet would stop all others."""
    patching = types.ModuleType(name)
    setattr(patching, function, lambda module: True)
    monkeypatch.setitem(sys.modules, name, patching)
    with pytest.raises(ConfigurationError, match="use workers with threads or processes"):
        scripted("one")[1].sync.complete("Why?")


async def test_a_notebook_is_not_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells run in a running loop, and are meant to block."""
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: object()  # type: ignore[attr-defined]  # because: it stands for the real one
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    _, pipeline = scripted("one")
    with pipeline.sync as sync:
        assert sync.complete("Why?").text == "one"


def test_on_its_own_thread_it_is_an_error() -> None:
    """A listener that waits for the loop in which it runs would wait for ever."""
    errors = []

    def answer(call: Any) -> Any:
        with pytest.raises(ConfigurationError, match="wait for itself") as caught:
            pipeline.sync.complete("Why?")
        errors.append(caught.value)
        return "fine"

    pipeline = Pipeline(Fallback(ScriptedProvider("one", answer)))
    with pipeline.sync as sync:
        assert sync.complete("Why?").text == "fine"
    assert len(errors) == 1


async def test_a_pipeline_of_another_loop_says_whose_it_is() -> None:
    """In both directions, with the remedy."""
    _, pipeline = scripted("one", "two")
    assert (await pipeline.complete("Why?")).text == "one"
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(ConfigurationError, match="belongs to another event loop"),
    ):
        pipeline.sync.complete("Why?")
    pipeline.sync.close()
    await pipeline.aclose()
    _, other = scripted("one")
    with pytest.warns(RuntimeWarning) as caught:
        other.sync.__enter__()
    assert [each.filename for each in caught] == [__file__]
    with other.sync as sync:
        sync.complete("Why?")
        with pytest.raises(ConfigurationError, match=r"pipeline.sync.close\(\)"):
            await other.complete("Why?")
