"""`pipeline.sync` and `pipeline.map`: the types of answers, streams and results."""

from typing import assert_type

from pydantic import BaseModel

from ranvier import Pipeline, Response, StreamEvent, resilient
from ranvier.pipeline import Progress, Result, Run, SyncPipeline, SyncRun, SyncStream
from ranvier.testing import ScriptedProvider, stream


class Invoice(BaseModel):
    number: int


def answering(text: str) -> Pipeline:
    return resilient(ScriptedProvider("anthropic", lambda call: stream(text) if call.streaming else text))


def test_sync_answers_have_the_types_of_async_ones() -> None:
    """Plain, and with a schema."""
    pipeline = answering('{"number": 7}')
    assert_type(pipeline.sync, SyncPipeline)
    with pipeline.sync as sync:
        assert_type(sync.complete("Why?"), Response)
        answer = sync.complete("Which?", schema=Invoice)
        assert_type(answer, Response[Invoice])
        assert_type(answer.parsed, Invoice)
        pending = sync.stream("Which?", schema=Invoice)
        assert_type(pending, SyncStream[Invoice])
        with pending as opened:
            for event in opened:
                assert_type(event, StreamEvent)
        if opened.response is not None:
            assert_type(opened.response.parsed, Invoice)
        run = sync.map(["Which?"], schema=Invoice)
        assert_type(run, SyncRun[Invoice])
        assert [result.response.parsed.number for result in run] == [7]


async def test_results_have_the_type_that_was_asked_for() -> None:
    """Read one by one, or collected."""
    pipeline = answering('{"number": 7}')
    run = pipeline.map(["Which?"], schema=Invoice, progress=shown.append)
    assert_type(run, Run[Invoice])
    async for result in run:
        assert_type(result, Result[Invoice])
        assert_type(result.response.parsed, Invoice)
        assert_type(result.error, Exception | None)
    assert_type(await pipeline.map(["Which?"]).collect(), list[Result])
    assert shown[-1].answered == 1


shown: list[Progress] = []
