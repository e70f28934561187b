"""OpenAI's Responses API: what its items and events become. The events are made after the types of its SDK.

What holds for every wire is tested with the others; recorded streams all end well, so what ends otherwise
is made here.
"""

from typing import Any

import httpx
import pytest

from ranvier.errors import (
    ContentFilterError,
    InvalidRequestError,
    InvalidResponseError,
    ProviderError,
    RateLimitError,
    ServerError,
    UnsupportedRequestError,
)
from ranvier.messages import FinishReason, Native, Response, Text
from support.providers.five_wires import as_sse
from support.providers.openai_apis import Responses
from support.providers.seven import body, collected

pytestmark = pytest.mark.virtual_time

each_way = pytest.mark.parametrize("way", [False, True], ids=["whole", "streamed"])


def message(*content: Any, **more: Any) -> dict[str, Any]:
    """A message of the model, of texts or of other parts."""
    parts = [{"type": "output_text", "text": each} if isinstance(each, str) else each for each in content]
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": parts, **more}


def call(arguments: str = '{"a":1}', name: str = "look", **more: Any) -> dict[str, Any]:
    """A call of a tool."""
    given = {"call_id": "call_1", "name": name, "arguments": arguments}
    return {"type": "function_call", "id": "fc_1", **given, **more}


THOUGHT = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}],
    "encrypted_content": "gAAA",
}


def response(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    """A whole response."""
    whole = {"id": "resp_1", "object": "response", "model": "m", "status": status, "error": None}
    return {**whole, "output": list(output), **more}


def created(given: str = "resp_1") -> dict[str, Any]:
    """The first event of a stream."""
    return {"type": "response.created", "response": response(status="in_progress", id=given)}


def last(whole: dict[str, Any], kind: str = "") -> dict[str, Any]:
    """The last event of a stream."""
    return {"type": f"response.{kind or whole['status']}", "response": whole}


def added(item: Any, index: int | None = 0) -> dict[str, Any]:
    """An item begins."""
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: Any, index: int | None = 0) -> dict[str, Any]:
    """An item ends, and is told whole."""
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def delta(piece: str, kind: str = "output_text", index: int | None = 0, **more: Any) -> dict[str, Any]:
    """A piece of an item."""
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": piece, **more}


def words(*pieces: str) -> list[dict[str, Any]]:
    """A message in pieces, without its end."""
    return [added(message()), *map(delta, pieces)]


async def read(ask: Any, streamed: Any, *events: Any) -> Response:
    """What a stream of these events adds up to."""
    async with ask(Responses, streamed(as_sse(events))) as server:
        return collected(await server.stream(model="m"), "responses")


async def both(ask: Any, streamed: Any, whole: dict[str, Any], *, way: bool, before: Any = ()) -> Response:
    """A whole response, or the same at the end of a stream."""
    if way:
        return await read(ask, streamed, created(), *before, last(whole))
    async with ask(Responses, httpx.Response(200, json=whole)) as server:
        answer: Response = await server.complete(model="m")
        return answer


# --- how an answer ends --------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize(
    ("details", "finish", "raw"),
    [
        ({"reason": "max_output_tokens"}, FinishReason.LENGTH, "max_output_tokens"),
        ({"reason": "content_filter"}, FinishReason.CONTENT_FILTER, "content_filter"),
        ({"reason": "a new one"}, FinishReason.OTHER, "a new one"),
        (None, FinishReason.OTHER, "incomplete"),
    ],
)
async def test_an_incomplete_response_says_why(
    ask: Any, streamed: Any, way: bool, details: Any, finish: FinishReason, raw: str
) -> None:
    """Its words are an answer, and a call in it has not been finished."""
    whole = response(message("Well,"), call('{"a":'), status="incomplete", incomplete_details=details)
    answer = await both(ask, streamed, whole, way=way, before=words("We"))
    assert (answer.text, answer.finish_reason, answer.raw_finish_reason) == ("Well,", finish, raw)
    assert answer.tool_calls[0].invalid == '{"a":'


@each_way
async def test_a_filter_that_leaves_nothing_is_an_error(ask: Any, streamed: Any, way: bool) -> None:
    """Like a refusal without an answer, whose words the error tells."""
    details = {"reason": "content_filter"}
    with pytest.raises(ContentFilterError):
        await both(ask, streamed, response(status="incomplete", incomplete_details=details), way=way)
    refusal = {"type": "refusal", "refusal": "I cannot help with that."}
    with pytest.raises(ContentFilterError, match="I cannot help with that"):
        await both(ask, streamed, response(message(refusal)), way=way)
    answer = await both(ask, streamed, response(message("Well.", refusal)), way=way)
    assert (answer.text, answer.finish_reason) == ("Well.", FinishReason.CONTENT_FILTER)


async def test_a_refusal_in_pieces_is_told_once(ask: Any, streamed: Any) -> None:
    """Though the item repeats it."""
    refusal = message({"type": "refusal", "refusal": "I cannot."})
    pieces = (delta("I ", "refusal"), delta("cannot.", "refusal"))
    with pytest.raises(ContentFilterError, match=r": I cannot\.$"):
        await read(
            ask, streamed, created(), added(message()), *pieces, done(refusal), last(response(refusal))
        )


FAILURES: dict[str, tuple[Any, type[ProviderError]]] = {
    "rate": ({"code": "rate_limit_exceeded", "message": "Slow down"}, RateLimitError),
    "server": ({"code": "server_error", "message": "The model failed"}, ServerError),
    "policy": ({"code": "content_policy_violation", "message": "No"}, ContentFilterError),
    "biology": ({"code": "bio_policy", "message": "No"}, ContentFilterError),
    "prompt": ({"code": "invalid_prompt", "message": "No"}, InvalidRequestError),
    "flagged": (
        {"code": "invalid_prompt", "message": "Your prompt was flagged as violating our usage policy"},
        ContentFilterError,
    ),
    "region": ({"code": "data_residency_mismatch", "message": "No"}, UnsupportedRequestError),
    "picture": ({"code": "image_too_large", "message": "No"}, UnsupportedRequestError),
    "broken picture": ({"code": "image_parse_error", "message": "No"}, InvalidRequestError),
    "words": ("Rate limit exceeded, please slow down", RateLimitError),
    "unsaid": (None, InvalidResponseError),
}


@each_way
@pytest.mark.parametrize("name", FAILURES)
async def test_a_failed_response_is_the_error_in_it(ask: Any, streamed: Any, way: bool, name: str) -> None:
    """Also after words, of which a stream keeps what has come."""
    error, kind = FAILURES[name]
    whole = response(message("Well"), status="failed", error=error)
    with pytest.raises(kind):
        await both(ask, streamed, whole, way=way, before=words("Well"))


@pytest.mark.parametrize(
    "told",
    [
        {"type": "error", "code": "server_error", "message": "The model failed", "param": None},
        {"type": "error", "error": {"type": "server_error", "code": None, "message": "The model failed"}},
        {"error": {"code": "server_error", "message": "The model failed"}},
    ],
)
async def test_an_error_inside_a_stream_is_that_error(ask: Any, streamed: Any, told: Any) -> None:
    """Flat or not; after the last event nothing matters any more."""
    with pytest.raises(ServerError) as caught:
        await read(ask, streamed, created(), *words("Well"), told)
    assert caught.value.in_stream
    answer = await read(ask, streamed, created(), *words("Well"), last(response(message("Well"))), told)
    assert answer.text == "Well"


@each_way
@pytest.mark.parametrize("status", ["queued", "in_progress"])
async def test_a_response_that_is_not_finished_is_no_answer(
    ask: Any, streamed: Any, way: bool, status: str
) -> None:
    """As `background` makes one, whatever it holds so far."""
    reply = streamed(as_sse([response(status=status)])) if way else httpx.Response(200, json={})
    if not way:
        reply = httpx.Response(200, json=response(message("We"), status=status))
    async with ask(Responses, reply) as server:
        with pytest.raises(InvalidResponseError, match=f"not finished: its status is {status}"):
            await (server.stream(model="m") if way else server.complete(model="m"))


async def test_an_answer_without_a_status_has_no_finish_reason(ask: Any, streamed: Any) -> None:
    """As on every wire; a body without output is no answer."""
    answer = await both(ask, streamed, response(message("Well."), status=""), way=False)
    assert (answer.text, answer.finish_reason) == ("Well.", FinishReason.OTHER)
    answer = await both(ask, streamed, response(call(), status=""), way=False)
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    with pytest.raises(InvalidResponseError, match="no output"):
        await both(ask, streamed, {"object": "response.input_tokens", "input_tokens": 9}, way=False)


@pytest.mark.parametrize("which", ["answer", "tools"])
async def test_a_stream_without_its_last_event_was_cut(ask: Any, streamed: Any, which: str) -> None:
    """After whichever event it ends, and with `[DONE]` too."""
    events = [event + b"\n\n" for event in body("responses", f"{which}.stream").split(b"\n\n") if event]
    for end in range(1, len(events)):
        for marker in (b"", b"data: [DONE]\n\n"):
            async with ask(Responses, streamed(*events[:end], marker)) as server:
                with pytest.raises(InvalidResponseError, match=r"cut|DONE"):
                    await server.stream(model="m")


# --- what did not come in pieces -----------------------------------------------------------------

WHOLE = response(THOUGHT, message("Let me look."), call(), usage={"input_tokens": 3, "output_tokens": 2})
PIECES = [
    added({**THOUGHT, "summary": [], "encrypted_content": "gA"}),
    delta("First.", "reasoning_summary_text", summary_index=0),
    delta("Then.", "reasoning_summary_text", summary_index=1),
    done(THOUGHT),
    added(message(), 1),
    delta("Let me ", index=1),
    delta("look.", index=1),
    done(message("Let me look."), 1),
    added(call(""), 2),
    delta('{"a":', "function_call_arguments", 2),
    delta("1}", "function_call_arguments", 2),
    done(call(), 2),
]
LACKING: dict[str, list[Any]] = {
    "nothing": [created(), *PIECES, last(WHOLE)],
    "a repeated output": [created(), *PIECES, last({**WHOLE, "output": []})],
    "pieces": [created(), *(each for each in PIECES if "delta" not in each), last(WHOLE)],
    "pieces and beginnings": [
        created(),
        *(each for each in PIECES if each["type"].endswith("done")),
        last(WHOLE),
    ],
    "everything before the last event": [created(), last(WHOLE)],
    "ends": [created(), *(each for each in PIECES if not each["type"].endswith("done")), last(WHOLE)],
    "the first piece of the words": [created(), *(each for each in PIECES if each != PIECES[6]), last(WHOLE)],
    "the beginning": [*PIECES, last(WHOLE)],
    "beginnings": [created(), *(each for each in PIECES if not each["type"].endswith("added")), last(WHOLE)],
    "numbers": [
        *[{name: value for name, value in each.items() if name != "output_index"} for each in PIECES],
        last(WHOLE),
    ],
    "reason, for events come twice": [
        each for once in (created(), *PIECES) for each in ([once] if "delta" in once else [once, once])
    ]
    + [last(WHOLE)],
}


@pytest.mark.parametrize("lacks", LACKING)
async def test_what_did_not_come_in_pieces_is_filled_in(ask: Any, streamed: Any, lacks: str) -> None:
    """From the end of an item or from the last event; what came is not told twice."""
    whole = await both(ask, streamed, WHOLE, way=False)
    answer = await read(ask, streamed, *LACKING[lacks])
    assert (answer.text, answer.reasoning) == ("Let me look.", "First.\n\nThen.")
    assert (answer.text, answer.reasoning) == (whole.text, whole.reasoning)
    assert answer.tool_calls == whole.tool_calls
    assert sorted(map(repr, answer.parts)) == sorted(map(repr, whole.parts))
    assert answer.parts == whole.parts or lacks == "ends"
    assert answer.finish_reason is FinishReason.TOOL_CALLS
    assert (answer.usage.input, answer.usage.output, answer.usage.complete) == (3, 2, True)


async def test_words_that_do_not_add_up_are_no_answer(ask: Any, streamed: Any) -> None:
    """A piece was lost on the way; nobody can tell which."""
    lost = [*words("Let ", "look."), done(message("Let me look."))]
    with pytest.raises(InvalidResponseError, match="a piece of the answer was lost"):
        await read(ask, streamed, created(), *lost, last(response(message("Let me look."))))
    arguments = [added(call("")), delta('{"a"1}', "function_call_arguments"), done(call())]
    with pytest.raises(InvalidResponseError, match="a piece of the answer was lost"):
        await read(ask, streamed, created(), *arguments, last(response(call())))


@pytest.mark.parametrize("told", ["", " Let me look.  ", "Let me"])
async def test_a_server_may_trim_the_whole(ask: Any, streamed: Any, told: str) -> None:
    """Or leave it out: the pieces count."""
    pieces = [*words("Let me ", "look.  "), done(message(told.strip()))]
    answer = await read(ask, streamed, created(), *pieces, last(response()))
    assert answer.text == "Let me look.  "


async def test_proxies_may_number_items_anew_and_leave_some_out(ask: Any, streamed: Any) -> None:
    """The last event then counts otherwise than the items did, and nothing is told twice."""
    answer = await read(ask, streamed, created(), *PIECES, last(response(message("Let me look."), call())))
    assert answer.text == "Let me look."
    assert len(answer.tool_calls) == 1


async def test_two_answers_in_one_stream_are_none(ask: Any, streamed: Any) -> None:
    """The second begins before the first has ended."""
    for second in (created("resp_2"), response(message("Another"))):
        with pytest.raises(InvalidResponseError, match="spliced"):
            await read(ask, streamed, created(), *words("Well"), second, last(WHOLE))


async def test_events_and_items_of_other_types_do_not_matter_and_are_kept(ask: Any, streamed: Any) -> None:
    """A search that the provider runs is no answer, and goes back in its place."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "q"}}
    events = [
        {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"},
        {"type": "response.reasoning_part.added", "output_index": 0},
        {"type": "a.new.one", "delta": {"odd": [1]}},
        {"type": 7},
        done(search),
        *(each | {"output_index": 1} for each in words("Found.")),
    ]
    whole = response(search, message("Found."))
    answer = await read(ask, streamed, created(), *events, last(whole))
    assert answer.parts == (Native("responses", search), Text("Found."))
    assert answer.parts == (await both(ask, streamed, whole, way=False)).parts


@each_way
async def test_usage_has_its_shares(ask: Any, streamed: Any, way: bool) -> None:
    """What was read from a cache and written to one, and what was spent on thoughts."""
    usage = {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 37,
    }
    counts = (await both(ask, streamed, response(message("Hi"), usage=usage), way=way)).usage
    assert (counts.input, counts.output, counts.total, counts.complete) == (30, 7, 37, True)
    assert (counts.cache_read, counts.cache_write, counts.reasoning) == (10, 5, 4)


async def test_a_call_without_its_end_keeps_the_arguments_it_began_with(ask: Any, streamed: Any) -> None:
    """Some servers send them at once, and repeat nothing."""
    answer = await read(ask, streamed, created(), added(call()), last(response()))
    assert [dict(each.arguments) for each in answer.tool_calls] == [{"a": 1}]
