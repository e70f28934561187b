"""How many files one call, and one event of a stream, pass through: what a reader opens to follow them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import ranvier
from ranvier import Pipeline, Response, StreamEvent
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call

ROOT = Path(ranvier.__file__).parent

MAX_FILES_OF_A_CALL = 27  # the last two are the retry budget and its counts
MAX_FILES_OF_AN_EVENT = 5


class Answering:
    """Answers at once, and streams five words."""

    name = default_model = "fast"

    async def complete(self, call: Call) -> Response:
        """The answer."""
        return Response("Fine.")

    async def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The words."""
        for word in ("one", "two", "three", "four", "five"):
            await asyncio.sleep(0)
            yield StreamEvent(text=word)


def pipeline() -> Pipeline:
    return Pipeline(Deadline(60), Fallback(Answering()), Retry(), Breaker(), Timeout(60))


@contextmanager
def files_touched() -> Iterator[dict[str, None]]:
    """The files of ranvier in which a function is called, in the order of the first calls."""
    files: dict[str, None] = {}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            files[str(path.relative_to(ROOT))] = None

    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(None)


async def test_a_warm_call_through_five_layers_touches_few_files() -> None:
    """Counted on the second call; `docs/design.md` lists them."""
    async with pipeline() as stack:
        await stack.complete("Why?")
        with files_touched() as files:
            await stack.complete("Why?")
    print(len(files), *files, sep="\n")
    assert len(files) <= MAX_FILES_OF_A_CALL


async def test_one_more_event_of_a_stream_touches_few_files() -> None:
    """Counted on the third event of the second stream."""
    async with pipeline() as stack:
        for _ in range(2):
            async with stack.stream("Why?") as events:
                await anext(events)
                await anext(events)
                with files_touched() as files:
                    await anext(events)
    print(len(files), *files, sep="\n")
    assert len(files) <= MAX_FILES_OF_AN_EVENT
