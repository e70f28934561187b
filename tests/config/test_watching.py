"""A pipeline reloads itself when its file has changed, or at a SIGHUP."""

import asyncio
import gc
import logging
import os
import signal
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline
from ranvier.config import watching
from ranvier.layers import Deadline
from ranvier.testing import assert_settled

FILE = '[[layers]]\ntype = "Deadline"\nseconds = {}\n\n[[layers]]\ntype = "Fallback"\ntargets = ["stub"]\n'


def written(folder: Path, seconds: object, name: str = "ranvier.toml") -> Path:
    """A file whose deadline is known."""
    path = folder / name
    path.write_text(FILE.format(seconds))
    os.utime(path, ns=(0, int(float(str(seconds)) * 1e9) if str(seconds).isdecimal() else 1))
    return path


def seconds_of(pipeline: Pipeline) -> float | None:
    """The deadline of the stack in use."""
    first = pipeline.layers[0]
    assert isinstance(first, Deadline)
    return first.seconds


@pytest.mark.virtual_time
async def test_a_changed_file_is_in_use_within_two_looks(tmp_path: Path) -> None:
    """While the pipeline is open."""
    pipeline = Pipeline.from_config(written(tmp_path, 1), watch=True)
    async with pipeline:
        await asyncio.sleep(10)
        written(tmp_path, 2)
        await asyncio.sleep(2 * watching.POLLED_EVERY + 0.1)
        assert seconds_of(pipeline) == 2
    written(tmp_path, 3)
    await asyncio.sleep(60)
    assert seconds_of(pipeline) == 2


@pytest.mark.virtual_time
async def test_a_file_that_is_replaced_by_another_is_a_changed_file(tmp_path: Path) -> None:
    """As editors and deployments write files."""
    pipeline = Pipeline.from_config(written(tmp_path, 1), watch=True)
    async with pipeline:
        written(tmp_path, 2, "new.toml").replace(tmp_path / "ranvier.toml")
        await asyncio.sleep(5)
        assert seconds_of(pipeline) == 2


@pytest.mark.virtual_time
async def test_a_file_is_not_read_while_it_is_written(tmp_path: Path) -> None:
    """Its beginning is valid, and says less: it is read when it has stayed the same from look to look."""
    path = written(tmp_path, 1)
    pipeline = Pipeline.from_config(path, watch=True)
    lines = ('[resilient]\ntargets = ["stub"]\n' + "# more\n" * 20 + "open = true\n").splitlines(
        keepends=True
    )
    async with pipeline:
        await asyncio.sleep(1)
        for count in range(1, len(lines)):
            path.write_text("".join(lines[:count]))
            os.utime(path, ns=(0, count))
            await asyncio.sleep(1.5)
            assert seconds_of(pipeline) == 1
        path.write_text("".join(lines))
        await asyncio.sleep(5)
        assert pipeline.layers[1].takes_any_model


@pytest.mark.virtual_time
async def test_a_bad_file_is_reported_once_and_the_next_good_one_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what is wrong with it, and where."""
    pipeline = Pipeline.from_config(written(tmp_path, 1), watch=True)
    async with pipeline:
        written(tmp_path, "'x'")
        with caplog.at_level(logging.ERROR):
            await asyncio.sleep(60)
        assert len(caplog.messages) == 1
        assert "ranvier.toml, line 3: layers[0].seconds" in caplog.messages[0]
        assert "the pipeline goes on as it was" in caplog.messages[0]
        assert seconds_of(pipeline) == 1
        (tmp_path / "ranvier.toml").unlink()
        await asyncio.sleep(10)
        assert seconds_of(pipeline) == 1
        written(tmp_path, 4)
        await asyncio.sleep(10)
        assert seconds_of(pipeline) == 4


@pytest.mark.virtual_time
async def test_the_file_that_is_watched_is_the_last_one(tmp_path: Path) -> None:
    """A change of the one before does not bring it back; of a dict, nothing changes."""
    one, two = written(tmp_path, 1), written(tmp_path, 2, "two.toml")
    async with Pipeline.from_config(one, watch=True) as pipeline:
        await pipeline.reload(two)
        written(tmp_path, 3)
        await asyncio.sleep(10)
        assert seconds_of(pipeline) == 2
        written(tmp_path, 4, "two.toml")
        await asyncio.sleep(10)
        assert seconds_of(pipeline) == 4
        layers = [{"type": "Deadline", "seconds": 5}, {"type": "Fallback", "targets": ["stub"]}]
        await pipeline.reload({"layers": layers})
        written(tmp_path, 6)
        written(tmp_path, 6, "two.toml")
        await asyncio.sleep(10)
        assert seconds_of(pipeline) == 5
        await pipeline.reload(one)
        written(tmp_path, 7)
        await asyncio.sleep(10)
        assert seconds_of(pipeline) == 7


@pytest.mark.virtual_time
async def test_a_pipeline_that_nobody_has_is_not_watched(tmp_path: Path) -> None:
    """The task that watches does not keep it alive."""
    pipeline = Pipeline.from_config(written(tmp_path, 1), watch=True)
    await pipeline.complete("Why?")
    tasks = set(pipeline.lifecycle.background)
    assert len(tasks) == 1
    known = weakref.ref(pipeline)
    del pipeline
    gc.collect()
    assert known() is None
    await asyncio.sleep(5)
    assert all(task.done() for task in tasks)


@pytest.mark.virtual_time
async def test_watching_is_no_leak(tmp_path: Path) -> None:
    """It lasts as long as the pipeline is open, and no call has left it."""
    async with Pipeline.from_config(written(tmp_path, 1), watch=True) as pipeline:
        await pipeline.complete("Why?")
        assert_settled(pipeline)


async def test_a_signal_reloads_every_pipeline_that_wants_it(tmp_path: Path) -> None:
    """Several on one loop; afterwards the signal does what it did before."""
    path, before = written(tmp_path, 1), signal.getsignal(signal.SIGHUP)
    one, two = (Pipeline.from_config(path, sighup=True) for _ in range(2))
    async with one, two:
        await asyncio.sleep(0.01)
        written(tmp_path, 2)
        os.kill(os.getpid(), signal.SIGHUP)
        for pipeline in (one, two):
            await _until(pipeline, 2)
    assert signal.getsignal(signal.SIGHUP) == before


@pytest.mark.parametrize("before", [signal.SIG_IGN, lambda number, frame: None])
async def test_a_signal_does_afterwards_what_it_did_before(tmp_path: Path, before: Any) -> None:
    """Under `nohup` it was ignored, and must not end the process once a pipeline is closed."""
    known = signal.signal(signal.SIGHUP, before)
    try:
        for _ in range(2):
            one, two = (Pipeline.from_config(written(tmp_path, 1), sighup=True) for _ in range(2))
            async with one:
                async with two:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.01)
                assert signal.getsignal(signal.SIGHUP) != before
            assert signal.getsignal(signal.SIGHUP) == before
    finally:
        signal.signal(signal.SIGHUP, known)


async def _until(pipeline: Pipeline, seconds: float) -> None:
    async with asyncio.timeout(10):
        while seconds_of(pipeline) != seconds:  # noqa: ASYNC110  # because: a thread reads the file
            await asyncio.sleep(0.01)


def test_a_loop_that_gets_no_signals_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Only that of the main thread does; calls are not affected."""
    answers: list[str] = []

    async def ask() -> None:
        async with Pipeline.from_config(written(tmp_path, 1), sighup=True) as pipeline:
            answers.append((await pipeline.complete("Why?")).text)
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(ask()))
    thread.start()
    thread.join()
    assert len(answers) == 1
    assert "SIGHUP cannot be heard here" in caplog.text


def test_a_dict_cannot_be_watched() -> None:
    """It is no file."""
    for options in ({"watch": True}, {"sighup": True}):
        with pytest.raises(ConfigurationError, match="a dict cannot be watched"):
            Pipeline.from_config({"resilient": {"targets": ["stub"]}}, **options)


def test_a_system_without_the_signal_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    """Windows, for example."""
    monkeypatch.delattr(signal, "SIGHUP")
    with pytest.raises(ConfigurationError, match="has no SIGHUP"):
        Pipeline.from_config(written(tmp_path, 1), sighup=True)
