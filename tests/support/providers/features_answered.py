"""How the adapters read what comes back, found out by handing them answers in which one thing is changed."""

import copy
import json
from collections import defaultdict
from typing import Any

import httpx

from ranvier.errors import ProviderError
from ranvier.messages import FinishReason, Message, Request, Response, Usage
from support.providers.asking import Chunks, opened
from support.providers.bedrock_apis import split
from support.providers.features_sent import Table, asked, differences, leaves, quoted, sent
from support.providers.seven import APIS, body

CHAT_WORDS = "stop length tool_calls function_call content_filter"
GEMINI_WORDS = (
    "STOP MAX_TOKENS SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR LANGUAGE OTHER "
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL"
)
INCOMPLETE = "max_output_tokens content_filter"
"""Why a response may have the status `incomplete`."""

WORDS = {
    "anthropic": (
        "end_turn stop_sequence max_tokens model_context_window_exceeded tool_use refusal pause_turn"
    ),
    "openai": CHAT_WORDS,
    "responses": f"completed {INCOMPLETE} failed cancelled queued in_progress",
    "gemini": GEMINI_WORDS,
    "kimi": CHAT_WORDS,
    "glm": f"{CHAT_WORDS} sensitive model_context_window_exceeded network_error",
    "openrouter": f"{CHAT_WORDS} error",
    "ollama": "stop length load unload",
    "converse": (
        "end_turn stop_sequence max_tokens model_context_window_exceeded tool_use guardrail_intervened "
        "content_filtered malformed_model_output malformed_tool_use"
    ),
}
"""The words of each wire for why a model stopped."""

CHAT_TOKENS = (
    "usage.prompt_tokens usage.completion_tokens usage.prompt_tokens_details.cached_tokens "
    "usage.prompt_tokens_details.cache_write_tokens usage.completion_tokens_details.reasoning_tokens "
    "usage.cached_tokens"
)
TOKENS = {
    "anthropic": (
        "usage.input_tokens usage.cache_read_input_tokens usage.cache_creation_input_tokens "
        "usage.output_tokens usage.output_tokens_details.thinking_tokens"
    ),
    "responses": (
        "usage.input_tokens usage.input_tokens_details.cached_tokens "
        "usage.input_tokens_details.cache_write_tokens usage.output_tokens "
        "usage.output_tokens_details.reasoning_tokens"
    ),
    "gemini": (
        "usageMetadata.promptTokenCount usageMetadata.toolUsePromptTokenCount "
        "usageMetadata.candidatesTokenCount usageMetadata.thoughtsTokenCount "
        "usageMetadata.cachedContentTokenCount"
    ),
    "ollama": "prompt_eval_count eval_count",
    "converse": (
        "usage.inputTokens usage.cacheReadInputTokens usage.cacheWriteInputTokens usage.outputTokens"
    ),
    **dict.fromkeys(("openai", "kimi", "glm", "openrouter"), CHAT_TOKENS),
}
"""The fields in which each wire counts tokens."""

REASONS = {
    "anthropic": "stop_reason",
    "gemini": "finishReason",
    "ollama": "done_reason",
    "responses": "status",
    "converse": "stopReason",
}
"""The field that says why, where it is not `finish_reason`."""


ENDS = {"stop_reason", "finish_reason", "finishReason", "done", "stopReason"}
"""The fields that may say that the answer has ended."""


async def read(name: str, answer: Any) -> Response | ProviderError:
    """What is made of a whole answer."""
    async with opened(APIS[name], httpx.Response(200, json=answer)) as server:
        try:
            response: Response = await server.complete(model="m")
        except ProviderError as error:
            return error
    return response


def whole(name: str, which: str) -> Any:
    """The answer of that name, as JSON."""
    return json.loads(body(name, f"{which}.json"))


def changed(answer: Any, path: str, value: object) -> Any:
    """The answer with another value at a place."""
    answer = copy.deepcopy(answer)
    *way, last = path.split(".")
    inner = answer
    for key in way:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return answer


# --- tables --------------------------------------------------------------------------------------


async def answers() -> Table:
    """Where words, thoughts and the id are read, and which thoughts go back."""
    table = [["provider", "text", "reasoning", "calls", "id", "model", "sent back only to it"]]
    for name in APIS:
        answer, calls = whole(name, "answer"), whole(name, "tools")
        response = await read(name, calls)
        assert isinstance(response, Response)
        found = (
            place_of(answer, "Sunny, 21 °C.") or "none",
            place_of(answer, "Let me see.") or "not sent",
            place_of(calls, "get_weather").replace(".name", ""),
            place_of(calls, response.id) or "none",
            place_of(calls, response.model) or "none",
        )
        table.append([name, *found, await returned(name, response)])
    return table


def place_of(answer: Any, value: object) -> str:
    """Where an answer holds that value."""
    return quoted(path for path, known in leaves(answer) if known == value)


async def returned(name: str, response: Response) -> str:
    """What a request has more if the history holds the provider's own parts."""
    question, (call,) = Message.user("Hi"), response.tool_calls
    result = Message.tool(call.id, "Sunny")
    bare = Message.assistant(response.text, tool_calls=response.tool_calls)
    plain = await sent(name, Request((question, bare, result)), model="m")
    own = await sent(name, Request((question, response.message, result)), model="m")
    assert plain is not None
    assert own is not None
    known = {(path, str(value)) for path, value in leaves(plain.fields)}
    back = [path for path, value in leaves(own.fields) if (path, str(value)) not in known]
    return quoted(back) or "nothing"


async def tokens() -> Table:
    """Which fields add up to which number, or stand for each other."""
    counted = [field for field in Usage.__dataclass_fields__ if field not in ("total", "complete")]
    table = [["provider", *(f"`{number}`" for number in counted)]]
    for name in APIS:
        single = {field: await usage(name, field) for field in TOKENS[name].split()}
        row = [name]
        for number in counted:
            fields = [field for field, read in single.items() if getattr(read, number) == 7]
            together = getattr(await usage(name, *fields), number)
            shown = [f"`{field.removeprefix('usage.').removeprefix('usageMetadata.')}`" for field in fields]
            row.append((" + " if together == 7 * len(fields) else " or ").join(shown) or "not reported")
        table.append(row)
    return table


async def usage(name: str, *fields: str) -> Usage:
    """The tokens of an answer in which these fields are 7 and all others are missing."""
    answer = whole(name, "answer")
    for key in [key for key in answer if key.startswith("usage") or key in TOKENS[name].split()]:
        del answer[key]
    for field in fields:
        answer = changed(answer, field, 7)
    response = await read(name, answer)
    assert isinstance(response, Response)
    return response.usage


async def finish_reasons() -> Table:
    """What the words of a wire for why the model stopped become, beside words of an answer."""
    table = [["provider", *(f"`{reason}`" for reason in FinishReason), "error"]]
    for name in APIS:
        became: dict[str, list[str]] = defaultdict(list)
        for word in WORDS[name].split():
            alone, beside = await stopped(name, "answer", word), await stopped(name, "tools", word)
            calls = beside == "tool_calls"
            became[alone].append(f"{word} without calls" if calls and alone == "error" else word)
            if calls:
                became[beside].append(f"{word} with calls")
        table.append([name, *(quoted(became[reason]) for reason in (*FinishReason, "error"))])
    return table


async def stopped(name: str, which: str, word: str) -> str:
    """What a word for why the model stopped becomes."""
    answer = whole(name, which)
    field = REASONS.get(name, "finish_reason")
    holder = answer if field in answer else (answer.get("choices") or answer["candidates"])[0]
    holder[field] = word
    if name == "responses" and word in INCOMPLETE.split():
        answer |= {"status": "incomplete", "incomplete_details": {"reason": word}}
    response = await read(name, answer)
    return str(response.finish_reason) if isinstance(response, Response) else "error"


async def streams() -> Table:
    """How a stream is asked for, and which event makes its answer whole."""
    table = [["provider", "requested by", "complete with"]]
    for name in APIS:
        plain, streaming = await sent(name, asked()), await sent(name, asked(), streamed=True)
        assert plain is not None
        assert streaming is not None
        by = [differences(plain.fields, streaming.fields)]
        if plain.url != streaming.url:
            by.append(f"`{streaming.url.rpartition('/' if name == 'converse' else ':')[2]}`")
        table.append([name, ", ".join(filter(None, by)), await ending(name)])
    return table


async def ending(name: str) -> str:
    """The fields of the first event with which the stream is an answer, that no event before it had."""
    content = body(name, "answer.stream")
    lines = split(content) if name == "converse" else content.splitlines(keepends=True)
    seen: set[tuple[str, str]] = set()
    for at, line in enumerate(lines):
        event = json.JSONDecoder().raw_decode(_text_in(line))[0] if b"{" in line else {}
        told = {(path.rpartition(".")[2], json.dumps(value)) for path, value in leaves(event)}
        if await is_whole(name, b"".join(lines[: at + 1])):
            ends = {"type"} if name == "responses" else ENDS
            return quoted(f"{path}: {value}" for path, value in sorted(told - seen) if path in ends)
        seen |= told
    raise AssertionError(f"the stream of {name} never ends")


def _text_in(line: bytes) -> str:
    """The JSON in an event, and what follows it."""
    return line[line.index(b"{") :].decode("utf-8", "replace")


async def is_whole(name: str, content: bytes) -> bool:
    """True where a stream that ends after this is an answer."""
    async with opened(APIS[name], httpx.Response(200, stream=Chunks(content))) as server:
        try:
            await server.stream(model="m")
        except ProviderError:
            return False
    return True
