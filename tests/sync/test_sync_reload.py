"""`pipeline.sync` and `pipeline.map` go on with the stack of a reload, and keep its circuits."""

import threading
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline, ServerError
from ranvier.testing import after, assert_settled
from support.reloads import Reloadable, layer, route

DOWN = ServerError("down", provider="one")


def reload(pipeline: Pipeline, *layers: dict[str, Any]) -> None:
    """Go on with other layers, from a thread without an event loop."""
    pipeline.sync.run(lambda: pipeline.reload({"layers": list(layers)}))


def test_calls_and_streams_go_through_the_stack_of_a_reload(monkeypatch: Any) -> None:
    """Also by a face that was taken before, and after one that failed."""
    scene = Reloadable(monkeypatch, route("one"), one=["first"], two=["second"])
    with scene.pipeline.sync as sync:
        assert sync.complete("Why?").text == "first"
        reload(scene.pipeline, route("two"))
        assert sync.complete("Why?").text == "second"
        assert sync.stream("Why?").collect().text == "second"
        with pytest.raises(ConfigurationError, match="nobody"):
            reload(scene.pipeline, route("nobody"))
        assert scene.pipeline.sync.complete("Why?").text == "second"
        assert_settled(scene.pipeline)


def test_a_reload_comes_before_the_first_call(monkeypatch: Any) -> None:
    """Nothing of the stack before is opened."""
    scene = Reloadable(monkeypatch, route("one"), one=["first"], two=["second"])
    with scene.pipeline.sync as sync:
        reload(scene.pipeline, route("two"))
        assert sync.complete("Why?").text == "second"
        assert not scene.providers["one"].calls


def test_a_stream_that_was_made_before_a_reload_begins_on_the_new_stack(monkeypatch: Any) -> None:
    """Nothing has been sent when it is made."""
    scene = Reloadable(monkeypatch, route("one"), one=["first"], two=["second"])
    with scene.pipeline.sync as sync:
        pending = sync.stream("Why?")
        reload(scene.pipeline, route("two"))
        assert pending.collect().text == "second"


def test_circuits_are_kept_for_threads_too(monkeypatch: Any) -> None:
    """One that is open before a reload rejects calls after it, and can be reset."""
    breaker = layer("Breaker", failure_threshold=1)
    scene = Reloadable(monkeypatch, route("one"), breaker, one=[DOWN, "fine"])
    with scene.pipeline.sync as sync:
        with pytest.raises(ServerError):
            sync.complete("Why?", tenant="acme")
        reload(scene.pipeline, layer("Deadline", seconds=60), route("one"), breaker)
        assert sync.circuits.state("acme", "one") == "open"
        sync.circuits.reset("acme", "one")
        assert sync.complete("Why?", tenant="acme").text == "fine"


def test_a_thread_that_waits_ends_on_the_stack_with_which_it_began(monkeypatch: Any) -> None:
    """The reload does not wait for it."""
    scene = Reloadable(monkeypatch, route("one", "two"), one=[after(0.3, DOWN)], two=["second"], three=["3"])
    texts: list[str] = []
    with scene.pipeline.sync as sync:
        thread = threading.Thread(target=lambda: texts.append(sync.complete("Why?").text))
        thread.start()
        while not scene.providers["one"].calls:
            sync.run(scene.pipeline.open_here)
        reload(scene.pipeline, route("three"))
        assert sync.complete("Why?").text == "3"
        thread.join()
    assert texts == ["second"]


def test_the_rest_of_a_run_goes_through_the_stack_of_a_reload(monkeypatch: Any) -> None:
    """The prompts that are sent after it."""
    scene = Reloadable(monkeypatch, route("one"), one=["first"], two=["second"])

    def prompts() -> Any:
        yield from ["a", "b"]
        while not reloaded.is_set():  # the loop reads prompts: let it do something else
            yield "between"
        yield from ["c", "d"]

    reloaded = threading.Event()
    with scene.pipeline.sync as sync:
        run = sync.map(prompts(), concurrency=1)
        texts = [next(run).response.text]
        reload(scene.pipeline, route("two"))
        reloaded.set()
        texts += [result.response.text for result in run]
    assert texts[0] == "first"
    assert texts[-2:] == ["second", "second"]
