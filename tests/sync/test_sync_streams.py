"""A stream of `pipeline.sync` is read by a thread, and fed by one task on the loop of the pipeline."""

import asyncio
import gc
import threading
from typing import Any

import pytest

from ranvier import DeadlineExceededError, Pipeline, ServerError, StreamEvent, StreamInterruptedError
from ranvier.layers import Deadline, Fallback, Retry
from ranvier.pipeline.blocking.feed import MAX_WAITING
from ranvier.testing import ScriptedProvider, after, assert_settled, cut, stall, stream


def scripted(*replies: Any) -> Pipeline:
    return Pipeline(Deadline(60), Fallback(ScriptedProvider("one", list(replies))), Retry(0))


class Counting:
    """Streams numbers, and knows how many were taken, in which tasks, and whether it was closed."""

    name = default_model = "counting"

    def __init__(self, number: int) -> None:
        self.number = number
        self.sent = 0
        self.tasks: set[object] = set()
        self.closed = threading.Event()

    async def complete(self, call: Any) -> Any:
        raise NotImplementedError

    async def stream(self, call: Any) -> Any:
        try:
            for number in range(self.number):
                self.sent += 1
                self.tasks.add(asyncio.current_task())
                yield StreamEvent(text=f"{number} ")
        finally:
            self.tasks.add(asyncio.current_task())
            self.closed.set()


def test_events_are_read_in_order_and_the_answer_is_whole() -> None:
    """More of them than may wait at once."""
    pipeline = Pipeline(Fallback(Counting(10 * MAX_WAITING)))
    with pipeline.sync as sync:
        with sync.stream("Count.") as answer:
            assert not answer.ended
            texts = [event.text for event in answer]
        assert texts == [f"{number} " for number in range(10 * MAX_WAITING)]
        assert answer.response is not None
        assert answer.response.text == "".join(texts)
        assert (answer.ended, answer.empty, len(answer.attempts)) == (True, False, 1)
        assert "succeeded" in answer.explain()
        assert answer.story.attempts == answer.attempts
        assert list(answer) == []
        assert_settled(pipeline)


def test_a_slow_reader_holds_the_provider_back() -> None:
    """No more than `MAX_WAITING` events are read ahead; the rest comes as they are taken."""
    provider = Counting(10 * MAX_WAITING)
    with Pipeline(Fallback(provider)).sync as sync, sync.stream("Count.") as answer:
        next(answer)
        threading.Event().wait(0.05)
        assert provider.sent <= 2 * MAX_WAITING
        assert len(list(answer)) == 10 * MAX_WAITING - 1
    assert provider.sent == 10 * MAX_WAITING


def test_a_stream_is_one_task() -> None:
    """A cancel scope or a generator that began in one task would fail in another."""
    provider = Counting(3)
    with Pipeline(Fallback(provider)).sync as sync, sync.stream("Count.") as answer:
        list(answer)
    assert len(provider.tasks) <= 2  # one reads; with some limits another asks the provider


def test_it_may_be_read_without_with() -> None:
    """It begins with its first read."""
    with scripted(stream("o", "k"), stream("o", "k")).sync as sync:
        assert "".join(event.text for event in sync.stream("Why?")) == "ok"
        assert sync.stream("Why?").collect().text == "ok"


def test_entering_it_fails_as_a_call_does() -> None:
    """Before its first content."""
    down = ServerError("down", provider="one")
    with scripted(down).sync as sync, pytest.raises(ServerError), sync.stream("Why?"):
        raise AssertionError


def test_a_break_is_raised_after_what_had_come() -> None:
    """And again at each further read."""
    with scripted(stream("one ", "two", cut())).sync as sync, sync.stream("Why?") as answer:
        assert [next(answer).text, next(answer).text] == ["one ", "two"]
        for _ in range(2):
            with pytest.raises(StreamInterruptedError) as caught:
                next(answer)
        assert caught.value.received is not None
        assert caught.value.received.text == answer.received.text == "one two"


def test_the_deadline_passes_while_the_reader_holds_an_event() -> None:
    """The next read raises it."""
    replies = stream("one", after(30, "two"))
    with scripted(replies).sync as sync, sync.stream("Why?", deadline=0.05) as answer:
        assert next(answer).text == "one"
        with pytest.raises(DeadlineExceededError):
            next(answer)


def test_a_stream_that_is_left_is_closed() -> None:
    """The provider lets go before the block is left, and nothing is counted against it."""
    provider = Counting(10 * MAX_WAITING)
    pipeline = Pipeline(Fallback(provider))
    with pipeline.sync as sync:
        with sync.stream("Count.") as answer:
            next(answer)
        assert provider.closed.is_set()
        assert [attempt.outcome for attempt in answer.attempts] == ["abandoned"]
        assert list(answer) == []
        with pytest.raises(RuntimeError, match="closed before its end"):
            answer.collect()
        assert_settled(pipeline)


def test_another_thread_may_close_a_stream_that_is_being_read() -> None:
    """The read ends."""
    with scripted(stream("one", stall())).sync as sync:
        answer = sync.stream("Why?")
        assert next(answer).text == "one"
        threading.Timer(0.05, answer.close).start()
        assert list(answer) == []


def test_a_dropped_stream_is_closed_and_warned_of() -> None:
    """A reader that forgot it holds no connection for ever."""
    provider = Counting(10 * MAX_WAITING)
    with Pipeline(Fallback(provider)).sync as sync:
        answer = sync.stream("Count.")
        next(answer)
        with pytest.warns(ResourceWarning, match="write `with pipeline.sync.stream"):  # noqa: PT031  # because: the name holds it
            del answer
            gc.collect()
        assert provider.closed.wait(5)


def test_a_stream_that_is_never_read_is_warned_of() -> None:
    """Nothing was asked."""
    with scripted("fine").sync as sync, pytest.warns(RuntimeWarning, match="never read"):
        sync.stream("Why?")


def test_a_stream_is_used_once() -> None:
    """Each answer is another stream."""
    with scripted(stream("ok")).sync as sync:
        answer = sync.stream("Why?")
        with pytest.raises(RuntimeError, match="has not begun"):
            _ = answer.received
        assert answer.collect().text == "ok"
        with pytest.raises(RuntimeError, match="has begun"):
            answer.__enter__()


def test_a_stream_that_broke_is_restarted() -> None:
    """`on_break` is taken."""
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", [stream("one", cut()), stream("two")])), Retry(1, base_delay=0)
    )
    with pipeline.sync as sync, sync.stream("Why?", on_break="restart") as answer:
        events = list(answer)
    assert [event.text for event in events if event.text] == ["one", "two"]
    assert any(event.restarted for event in events)
