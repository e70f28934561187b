"""`pipeline.sync.map`: many prompts from a thread."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline, tenant
from ranvier.layers import Fallback
from ranvier.testing import ScriptedProvider, assert_settled, stall


def built(replies: Any = None) -> Pipeline:
    return Pipeline(
        Fallback(ScriptedProvider("one", replies or (lambda call: f"{call.tenant} {text_of(call)}")))
    )


def text_of(call: Any) -> str:
    return str(call.request.messages[0].text)


def test_results_are_read_in_order(tmp_path: Path) -> None:
    """With the tenant of the thread, and a file with which a second run goes on."""
    file = tmp_path / "answers.db"
    pipeline = built()
    with pipeline.sync as sync, tenant("acme"):
        run = sync.map((str(number) for number in range(300)), file=file)
        assert [result.text for result in run] == [f"acme {number}" for number in range(300)]
        assert run.progress.answered == 300
        again = sync.map([str(number) for number in range(301)], file=file)
        assert [result.text for result in again.collect()] == ["acme 300"]
        assert_settled(pipeline)


def test_a_run_that_is_left_stops() -> None:
    """At the end of its block; nothing more is read, and calls in flight are cancelled."""
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield str(read)

    pipeline = built()
    with pipeline.sync as sync:
        with sync.map(endless(), concurrency=2) as run:
            assert next(run).text == "default 1"
        before = read
        threading.Event().wait(0.02)
        assert read == before < 200
        assert list(run) == []
        assert_settled(pipeline)


def test_a_closing_pipeline_ends_a_run() -> None:
    """The thread that reads gets an error."""
    pipeline = built(lambda call: stall())
    run = pipeline.sync.map(["a", "b"])
    closing = threading.Timer(0.1, pipeline.sync.close)
    closing.start()
    with pytest.raises(ConfigurationError, match="closed"):
        next(run)
    closing.join()


def test_threads_that_share_a_run_get_each_result_once() -> None:
    """Whichever of them begins it."""
    with built().sync as sync:
        run = sync.map(map(str, range(2000)))
        start = threading.Barrier(8)
        found: list[list[int]] = [[] for _ in range(8)]

        def read(own: list[int]) -> None:
            start.wait()
            own.extend(result.index for result in run)

        threads = [threading.Thread(target=read, args=(own,)) for own in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(index for own in found for index in own) == list(range(2000))


def test_a_run_that_another_thread_closes_has_no_shorter_list() -> None:
    """`collect` raises an error."""
    with built(["a", "b", stall()]).sync as sync:
        run = sync.map(map(str, range(9)), concurrency=1)
        closing = threading.Timer(0.1, run.close)
        closing.start()
        with pytest.raises(RuntimeError, match="this run was stopped, and has not all results"):
            run.collect()
        closing.join()


def test_what_the_iterable_raises_is_raised_in_the_thread() -> None:
    """And bad arguments at once."""

    def failing() -> Iterator[str]:
        yield "a"
        raise ValueError("gone")

    with built().sync as sync:
        with pytest.raises(ValueError, match="gone"):
            sync.map(failing(), concurrency=1).collect()
        with pytest.raises(ConfigurationError, match="concurrency=0"):
            sync.map(["a"], concurrency=0)
