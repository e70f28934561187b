"""`pipeline.map`: the answers to many prompts, in order or as they come, without asking too many at once."""

import asyncio
import gc
import importlib.util
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ranvier import (
    ConfigurationError,
    DeadlineExceededError,
    Pipeline,
    Request,
    ServerError,
    Usage,
    tenant,
)
from ranvier import Response as Answer
from ranvier.layers import Bulkhead, Deadline, Fallback, Retry
from ranvier.messages import Message
from ranvier.pipeline import Price
from ranvier.pipeline.mapping.progress import Progress
from ranvier.pipeline.mapping.workers import AHEAD
from ranvier.testing import ScriptedProvider, after, assert_settled

pytestmark = pytest.mark.virtual_time


class Counting:
    """Answers after a while, and knows how many calls it had at once."""

    name = default_model = "counting"

    def __init__(self, seconds: Any = 1.0) -> None:
        self.seconds = seconds
        self.now = self.most = self.asked = 0
        self.tenants: list[str] = []

    async def complete(self, call: Any) -> Answer:
        text = call.request.messages[0].text
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        self.tenants.append(call.tenant)
        try:
            await asyncio.sleep(self.seconds(text) if callable(self.seconds) else self.seconds)
        finally:
            self.now -= 1
        if text.startswith("bad"):
            raise ServerError("no", provider=self.name)
        return Answer(text.upper(), usage=Usage(10, 10, 20))


def built(provider: Any, **settings: Any) -> Pipeline:
    return Pipeline(Deadline(600), Fallback(provider), Retry(0), **settings)


async def stall_async(item: Any) -> None:
    """Where a plain function is needed."""


def numbered(number: int) -> list[str]:
    return [f"p{index}" for index in range(number)]


async def test_results_are_in_the_order_of_the_prompts() -> None:
    """However long each takes, and with no more calls in flight than allowed."""
    provider = Counting(lambda text: 5 - int(text[1:]) % 5)
    pipeline = built(provider)
    results = [result async for result in pipeline.map(numbered(23), concurrency=4)]
    assert [result.text for result in results] == [text.upper() for text in numbered(23)]
    assert [(result.index, result.key) for result in results] == [(n, str(n)) for n in range(23)]
    assert [result.item for result in results] == numbered(23)
    assert provider.most == 4
    assert_settled(pipeline)


async def test_results_may_come_as_they_are_ready() -> None:
    """The quick ones first."""
    pipeline = built(Counting(lambda text: 10 - int(text[1:])))
    results = await pipeline.map(numbered(5), in_order=False).collect()
    assert [result.index for result in results] == [4, 3, 2, 1, 0]


async def test_errors_are_values() -> None:
    """The others go on; reading the answer of one that failed raises its error."""
    run = built(Counting()).map(["one", "bad", "", "two"])
    results = await run.collect()
    assert [type(result.error) for result in results] == [
        type(None),
        ServerError,
        ConfigurationError,
        type(None),
    ]
    assert [results[0].text, results[3].text] == ["ONE", "TWO"]
    with pytest.raises(ServerError):
        _ = results[1].text
    assert (run.progress.answered, run.progress.failed, run.progress.total) == (2, 2, 4)


async def test_errors_may_end_the_run() -> None:
    """In their turn; calls in flight are cancelled."""
    provider = Counting()
    pipeline = built(provider)
    results = aiter(pipeline.map(["one", "bad", *numbered(90)], concurrency=3, errors="raise"))
    assert (await anext(results)).text == "ONE"
    with pytest.raises(ServerError):
        await anext(results)
    assert provider.asked <= 6
    assert_settled(pipeline)


async def test_a_deadline_is_that_of_each_prompt_from_its_start() -> None:
    """The tenth waits nine seconds for its turn, and has its two seconds then."""
    run = built(Counting()).map(numbered(10), concurrency=1, deadline=2)
    assert [result.error for result in await run.collect()] == [None] * 10
    late = await built(Counting(3)).map(numbered(2), deadline=2).collect()
    assert [type(result.error) for result in late] == [DeadlineExceededError] * 2


@pytest.mark.parametrize("in_order", [True, False])
async def test_prompts_are_read_when_there_is_room(in_order: bool) -> None:
    """A slow reader holds back the iterable: memory stays flat, however many prompts there are."""
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"p{read}"

    async with built(Counting(0)).map(endless(), concurrency=5, in_order=in_order) as run:
        taken = 0
        async for _ in run:
            taken += 1
            await asyncio.sleep(10)
            assert read <= taken + AHEAD * 5 + 1
            if taken == 50:
                break


async def test_a_slow_prompt_holds_back_those_after_it() -> None:
    """In order, its results wait; so no more than a few are asked meanwhile."""
    provider = Counting(lambda text: 1000 if text == "p0" else 0.001)
    async with built(provider).map(numbered(500), concurrency=5, deadline=300) as run:
        first = await anext(aiter(run))
        assert isinstance(first.error, DeadlineExceededError)
        assert provider.asked == AHEAD * 5


async def test_prompts_may_come_one_after_the_other() -> None:
    """From an async iterable: results are read while it is waited for."""

    async def coming() -> AsyncIterator[str]:
        for text in numbered(3):
            yield text
            await asyncio.sleep(100)

    loop = asyncio.get_running_loop()
    times = [(result.text, loop.time() // 100) async for result in built(Counting()).map(coming())]
    begun = times[0][1]
    assert [(text, when - begun) for text, when in times] == [("P0", 0), ("P1", 1), ("P2", 2)]


async def test_prompts_may_be_items_of_your_own() -> None:
    """`prompt` makes prompts of them; conversations and requests are prompts, too."""
    items = [{"id": 7, "text": "seven"}, {"id": 8, "text": "eight"}]
    pipeline = built(Counting())
    results = await pipeline.map(
        items, prompt=lambda item: item["text"], key=lambda item: item["id"]
    ).collect()
    assert [(result.key, result.text, result.item) for result in results] == [
        ("7", "SEVEN", items[0]),
        ("8", "EIGHT", items[1]),
    ]
    mixed = [
        [Message("user", "one")],
        Request((Message("user", "two"),)),
        [{"role": "user", "content": "three"}],
    ]
    assert [result.text for result in await pipeline.map(mixed).collect()] == ["ONE", "TWO", "THREE"]


async def test_the_context_is_that_of_the_call_of_map() -> None:
    """The tenant, wherever the results are read."""
    provider = Counting()
    with tenant("acme"):
        run = built(provider).map(numbered(2))
    await run.collect()
    await built(provider).map(numbered(1), tenant="other").collect()
    assert provider.tenants == ["acme", "acme", "other"]


async def test_tools_from_a_generator_are_there_for_every_prompt() -> None:
    """An iterable that is read once is kept."""

    def look(city: str) -> str:
        """Look up a city."""
        return city

    provider = ScriptedProvider("one", ["a", "b"])
    await built(provider).map(["1", "2"], tools=(tool for tool in [look]), concurrency=1).collect()
    assert [[tool.name for tool in call.request.tools] for call in provider.calls] == [["look"], ["look"]]


# --- ends ----------------------------------------------------------------------------------------


async def test_a_run_that_is_left_stops() -> None:
    """At the end of its block, or when the loop over it is dropped."""
    provider = Counting()
    pipeline = built(provider)
    async with pipeline.map(numbered(100), concurrency=10) as run:
        async for _ in run:
            break
    assert (provider.now, run.progress.in_flight) == (0, 0)
    async for _ in pipeline.map(numbered(100), concurrency=10):
        break
    gc.collect()
    await asyncio.sleep(0.01)
    assert provider.now == 0
    assert_settled(pipeline)


async def test_a_cancelled_reader_stops_it() -> None:
    """Every call is cancelled before the reader goes on."""
    provider = Counting(100)
    pipeline = built(provider)
    reader = asyncio.ensure_future(pipeline.map(numbered(100), concurrency=10).collect())
    await asyncio.sleep(1)
    assert provider.now == 10
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert provider.now == 0
    assert_settled(pipeline)


async def test_an_iterable_that_raises_a_cancellation_is_an_error() -> None:
    """And no shorter list of results."""

    def cancelling() -> Iterator[str]:
        yield "one"
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="CancelledError"):
        await built(Counting(0)).map(cancelling(), concurrency=1).collect()


@pytest.mark.parametrize("name", ["key", "prompt"])
async def test_functions_that_fail(name: str) -> None:
    """A prompt that cannot be made is the error of its result; one without a key ends the run."""
    settings: Any = {name: lambda item: 1 / 0}
    run = built(Counting(0)).map(["one"], **settings)
    if name == "prompt":
        assert [type(result.error) for result in await run.collect()] == [ZeroDivisionError]
    else:
        with pytest.raises(ZeroDivisionError):
            await run.collect()


async def test_a_pipeline_that_closes_ends_it() -> None:
    """With one error, and not with one for each prompt that is left."""
    pipeline = built(Counting())
    results = aiter(pipeline.map(numbered(100), concurrency=2))
    await anext(results)
    await pipeline.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        [result async for result in results]


async def test_a_run_is_read_once() -> None:
    """A second read would ask everything again."""
    run = built(Counting(0)).map(numbered(2))
    await run.collect()
    with pytest.raises(RuntimeError, match="has begun"):
        await run.collect()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"prompts": "one prompt"}, "prompts is a str"),
        ({"prompts": 7}, "prompts is a int"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"errors": "ignore"}, "errors='ignore'"),
        ({"file": 7}, "file is a int"),
        ({"prompts": {"a": "one"}}, r"prompts is a mapping: give prompts.items\(\)"),
        ({"progress": "yes"}, "progress is a str"),
        ({"progress": stall_async}, "progress is async: give True, or a plain function"),
        ({"key": "id"}, "key is a str: give a plain function of a prompt"),
        ({"prompt": stall_async}, "prompt is async: give a plain function of a prompt"),
        ({"total": -1}, "total=-1"),
        ({"to": "nobody"}, "nobody"),
        ({"deadline": -1}, "deadline"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
async def test_bad_arguments_are_rejected_at_once(settings: dict[str, Any], complaint: str) -> None:
    """Before anything is read or sent."""
    with pytest.raises(ConfigurationError, match=complaint):
        built(Counting()).map(**{"prompts": ["one"], **settings})


async def test_calls_that_wait_for_a_place_are_calls_in_flight() -> None:
    """With a `Bulkhead` in the stack, the narrower of both counts."""
    provider = Counting()
    pipeline = Pipeline(Deadline(600), Fallback(provider), Bulkhead(2, max_wait=600))
    results = await pipeline.map(numbered(10), concurrency=5).collect()
    assert (provider.most, len(results)) == (2, 10)


# --- progress ------------------------------------------------------------------------------------


async def test_progress_is_shown_to_a_function() -> None:
    """At most ten times a second, with rate, failures, cost and the time that is left; and at the end."""
    shown: list[Progress] = []
    pipeline = built(Counting(), prices={"counting/counting": Price(1e5, 1e5)})
    await pipeline.map(["bad", *numbered(19)], concurrency=2, progress=shown.append).collect()
    assert len(shown) == 11
    middle, last = shown[4], shown[-1]
    assert (middle.total, middle.done, middle.failed, middle.rate) == (20, 9, 1, 9 / 5)
    assert middle.seconds_left == pytest.approx(11 / 1.8)
    assert (last.answered, last.failed, last.cost, last.in_flight) == (19, 1, 38.0, 0)
    assert str(last) == "2.0/s, 1 failed, cost 38.0000, 0:00 left"


@pytest.mark.parametrize("raised", [ZeroDivisionError, asyncio.CancelledError])
async def test_a_function_that_fails_is_not_called_again(
    caplog: pytest.LogCaptureFixture, raised: type[BaseException]
) -> None:
    """The run goes on; a cancellation that it raises is not that of the reader."""

    def fail(progress: Progress) -> None:
        raise raised

    results = await built(Counting()).map(numbered(20), concurrency=1, progress=fail).collect()
    assert len(results) == 20
    assert len(caplog.records) == 1
    assert "progress=" in caplog.text


async def test_a_terminal_that_is_gone_ends_the_bar_and_not_the_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `2>&1 | head`."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    run = built(Counting()).map(numbered(20), concurrency=1, progress=True)
    monkeypatch.setattr("sys.stderr", Gone())
    assert len(await run.collect()) == 20
    assert "the run goes on" in caplog.text


async def test_the_bar_is_drawn_by_rich(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error."""
    await built(Counting()).map(["bad", *numbered(4)], progress=True).collect()
    printed, shown = capsys.readouterr()
    assert printed == ""
    assert "5/5" in shown
    assert "1 failed" in shown


async def test_the_bar_is_drawn_by_tqdm_if_there_is_no_rich(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also on standard error."""
    pytest.importorskip("tqdm")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "ranvier.pipeline.mapping.bars.find_spec", lambda name: None if name == "rich" else find(name)
    )
    await built(Counting()).map(["bad", *numbered(4)], progress=True).collect()
    shown = capsys.readouterr().err
    assert "5/5" in shown
    assert "1 failed" in shown


async def test_a_missing_library_for_bars_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the run begins."""
    monkeypatch.setattr("ranvier.pipeline.mapping.bars.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install rich"):
        await built(Counting()).map(["one"], progress=True).collect()


async def test_a_reply_that_takes_long_is_waited_for() -> None:
    """The last results come when they are ready."""
    provider = ScriptedProvider("one", [after(50, "late"), "soon"])
    assert [result.text for result in await built(provider).map(["1", "2"]).collect()] == ["late", "soon"]


async def test_a_usage_that_is_none_costs_no_run() -> None:
    """It was made by code that is not ours: such an answer counts as nothing."""
    usages: list[Any] = [Usage("7", None, [1]), Usage(10, 10, 20)]  # type: ignore[arg-type]

    class Odd(Counting):
        async def complete(self, call: Any) -> Answer:
            return Answer("fine", usage=usages.pop(0))

    run = built(Odd(), prices={"counting/counting": Price(input=1, output=1)}).map(["a", "b"], concurrency=1)
    assert [result.error for result in await run.collect()] == [None, None]
    assert run.progress.cost == pytest.approx(20 / 1e6)
