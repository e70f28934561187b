"""Answers of each wire with all that a provider may send beside the content, whole and streamed."""

import json
from typing import Any

from ranvier.messages import Citation, Details, TokenLogprob
from ranvier.simulator.wires.clouds.aws import frames

Json = dict[str, Any]


def sse(*events: Any, named: bool = False) -> bytes:
    """A stream of these events."""
    lines = [
        (f"event: {event['type']}\n" if named else "")
        + f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
        for event in events
    ]
    return "".join(lines).encode()


def token(text: str, logprob: float, **more: Any) -> Json:
    """A token in the format of OpenAI."""
    return {"token": text, "logprob": logprob, "bytes": list(text.encode()), **more}


TOKENS = [token("Sunny", -0.25, top_logprobs=[token("Sunny", -0.25), token("Rainy", -2.5)]), token(".", 0)]
LIKELY = [TokenLogprob("Sunny", -0.25, (TokenLogprob("Sunny", -0.25), TokenLogprob("Rainy", -2.5)))]
LIKELY += [TokenLogprob(".", 0.0)]
WHERE = {"url": "https://example.com/bern", "title": "Bern"}

# --- chat completions ----------------------------------------------------------------------------

SITE = {
    "type": "url_citation",
    "url_citation": {**WHERE, "content": "It shines.", "start_index": 0, "end_index": 6},
}
HEAD = {"id": "c-1", "model": "m", "service_tier": "flex"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def _chat(delta: Json, finish: str | None = None, tokens: list[Json] | None = None, **more: Any) -> Json:
    logprobs = None if tokens is None else {"content": tokens, "refusal": None}
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}


CHAT_MESSAGE = {"role": "assistant", "content": "Sunny.", "refusal": "No more.", "annotations": [SITE]}
CHAT_CHOICE = {"index": 0, "message": CHAT_MESSAGE, "finish_reason": "stop", "logprobs": {"content": TOKENS}}
CHAT = {**HEAD, "object": "chat.completion", "choices": [CHAT_CHOICE], "usage": USAGE}
CHAT_STREAM = sse(
    _chat({"role": "assistant", "content": ""}),
    _chat({"content": "Sunny"}, tokens=TOKENS[:1]),
    _chat({"content": "."}, tokens=TOKENS[1:]),
    _chat({"annotations": [SITE]}),
    _chat({"refusal": "No "}),
    _chat({"refusal": "more."}),
    _chat({}, "stop"),
    {**HEAD, "choices": [], "usage": USAGE},
    "[DONE]",
)
QUOTED = Citation("https://example.com/bern", "Bern", "It shines.", None, 0, 6, SITE)

# --- Anthropic -----------------------------------------------------------------------------------

PAGE = {"type": "web_search_result_location", **WHERE, "cited_text": "It shines.", "encrypted_index": "E"}
FILE = {"type": "char_location", "cited_text": "Sun.", "document_title": "a.txt", "document_index": 0}
STOP = {"type": "refusal", "category": "cyber", "explanation": "No more."}
COUNTS = {"input_tokens": 1, "output_tokens": 2, "service_tier": "priority"}
MESSAGE = {"id": "m-1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": COUNTS}
ANTHROPIC = {
    **MESSAGE,
    "content": [
        {"type": "text", "text": "Look: "},
        {"type": "text", "text": "Sunny.", "citations": [PAGE, FILE]},
    ],
    "stop_reason": "refusal",
    "stop_details": STOP,
}


BLOCK = {"type": "text", "text": ""}


def _delta(index: int, kind: str, **fields: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


ANTHROPIC_STREAM = sse(
    {"type": "message_start", "message": {**MESSAGE, "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": BLOCK},
    _delta(0, "text_delta", text="Look: "),
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "text", "text": "", "citations": []},
    },
    _delta(1, "citations_delta", citation=PAGE),
    _delta(1, "text_delta", text="Sun"),
    _delta(1, "citations_delta", citation=FILE),
    _delta(1, "text_delta", text="ny."),
    {"type": "content_block_stop", "index": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "refusal", "stop_details": STOP},
        "usage": {"output_tokens": 2},
    },
    {"type": "message_stop"},
    named=True,
)
CITED = [
    Citation("https://example.com/bern", "Bern", "It shines.", "Sunny.", source=PAGE),
    Citation(None, "a.txt", "Sun.", "Sunny.", source=FILE),
]

# --- Gemini --------------------------------------------------------------------------------------

CHUNKS = [{"web": {"uri": "https://example.com/bern", "title": "Bern"}}]
CHUNKS += [
    {"retrievedContext": {"title": "a.txt", "text": "Sun."}},
    {"web": {"uri": "https://example.com/b"}},
]
SUPPORT = {"segment": {"endIndex": 6, "text": "Sunny."}, "groundingChunkIndices": [0, 1]}
GROUNDING = {"groundingChunks": CHUNKS, "groundingSupports": [SUPPORT], "webSearchQueries": ["bern"]}
RECITED = {"startIndex": 2, "endIndex": 5, "uri": "https://example.com/poem", "license": "MIT"}
CHOSEN = [{"token": "Sunny", "tokenId": 1, "logProbability": -0.25}, {"token": ".", "logProbability": 0}]
TOP = [{"candidates": [CHOSEN[0], {"token": "Rainy", "tokenId": 3, "logProbability": -2.5}]}]


def _gemini(text: str, **candidate: Any) -> Json:
    content = {"role": "model", "parts": [{"text": text}]} if text else {}
    return {"candidates": [{"content": content, "index": 0, **candidate}], "responseId": "g-1"}


END = {"finishReason": "SAFETY", "finishMessage": "No more.", "groundingMetadata": GROUNDING}
GEMINI_USAGE = {"promptTokenCount": 1, "candidatesTokenCount": 2, "serviceTier": "flex"}
GEMINI: Json = _gemini(
    "Sunny.",
    **END,
    citationMetadata={"citationSources": [RECITED]},
    logprobsResult={"chosenCandidates": CHOSEN, "topCandidates": TOP},
)
GEMINI["usageMetadata"] = GEMINI_USAGE
GEMINI_STREAM = sse(
    _gemini(
        "Sunny",
        logprobsResult={"chosenCandidates": CHOSEN[:1], "topCandidates": TOP},
        groundingMetadata={"groundingChunks": CHUNKS[:1]},
    ),
    _gemini(".", logprobsResult={"chosenCandidates": CHOSEN[1:]}, citationMetadata={"citations": [RECITED]}),
    {**_gemini("", **END), "usageMetadata": GEMINI_USAGE},
)
GROUNDED = [
    Citation("https://example.com/poem", start=2, end=5, source=RECITED),
    Citation("https://example.com/bern", "Bern", None, "Sunny.", 0, 6, CHUNKS[0]),
    Citation(None, "a.txt", "Sun.", "Sunny.", 0, 6, CHUNKS[1]),
    Citation("https://example.com/b", source=CHUNKS[2]),
]

# --- Responses -----------------------------------------------------------------------------------

LINK = {"type": "url_citation", **WHERE, "start_index": 0, "end_index": 6}
FOUND = {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 6}
PATH = {"type": "file_path", "file_id": "file-2", "index": 0}
TEXT = {"type": "output_text", "text": "Sunny.", "annotations": [LINK, FOUND, PATH], "logprobs": TOKENS}
ITEM = {"id": "i-1", "type": "message", "role": "assistant", "status": "completed"}
ITEM["content"] = [TEXT, {"type": "refusal", "refusal": "No more."}]  # type: ignore[assignment]  # because: a str
RESPONSE = {
    "id": "r-1",
    "object": "response",
    "model": "m",
    "status": "completed",
    "service_tier": "flex",
    "output": [ITEM],
    "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
}
BEGUN = {**RESPONSE, "status": "in_progress", "output": [], "usage": None, "service_tier": "auto"}
PLACE = {"item_id": "i-1", "output_index": 0, "content_index": 0}
RESPONSES_STREAM = sse(
    {"type": "response.created", "response": BEGUN},
    {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
    {"type": "response.output_text.delta", **PLACE, "delta": "Sunny", "logprobs": TOKENS[:1]},
    {"type": "response.output_text.delta", **PLACE, "delta": ".", "logprobs": TOKENS[1:]},
    {"type": "response.output_text.annotation.added", **PLACE, "annotation_index": 0, "annotation": LINK},
    {"type": "response.refusal.delta", **PLACE, "delta": "No more."},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
    {"type": "response.completed", "response": RESPONSE},
    named=True,
)
NAMED = [
    Citation("https://example.com/bern", "Bern", None, None, 0, 6, LINK),
    Citation(None, "a.txt", None, None, 6, None, FOUND),
]

# --- Ollama --------------------------------------------------------------------------------------

LINE = {"model": "m", "done": False}
OLLAMA = {
    "model": "m",
    "message": {"role": "assistant", "content": "Sunny."},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 1,
    "eval_count": 2,
    "logprobs": TOKENS,
}
OLLAMA_STREAM = b"\n".join(
    json.dumps(line).encode()
    for line in (
        {**LINE, "message": {"role": "assistant", "content": "Sunny"}, "logprobs": TOKENS[:1]},
        {**LINE, "message": {"role": "assistant", "content": "."}, "logprobs": TOKENS[1:]},
        {key: value for key, value in OLLAMA.items() if key not in ("message", "logprobs")},
    )
)

# --- Converse ------------------------------------------------------------------------------------

WEB: Json = {
    "title": "Bern",
    "location": {"web": {"url": "https://example.com/bern", "domain": "example.com"}},
}
ALMANAC: Json = {
    "title": "Almanac",
    "source": "almanac.pdf",
    "sourceContent": [{"text": "It "}, {"text": "shines."}],
    "location": {"documentPage": {"documentIndex": 0, "start": 3, "end": 4}},
}
SOURCES = [
    Citation("https://example.com/bern", "Bern", passage="Sunny.", source=WEB),
    Citation("almanac.pdf", "Almanac", "It shines.", "Sunny.", source=ALMANAC),
]
CONVERSE = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"text": "Look: "},
                {"citationsContent": {"content": [{"text": "Sunny."}], "citations": [WEB, ALMANAC]}},
            ],
        }
    },
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
    "serviceTier": {"type": "flex"},
}
CONVERSE_STREAM = b"".join(
    frames.event(kind, json.dumps(payload).encode())
    for kind, payload in (
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Look: "}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"citation": WEB}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Sun"}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "ny."}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"citation": ALMANAC}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": CONVERSE["usage"], "serviceTier": {"type": "flex"}}),
    )
)

# --- all -----------------------------------------------------------------------------------------

SENT: dict[str, tuple[Json, bytes, Details]] = {
    "anthropic": (ANTHROPIC, ANTHROPIC_STREAM, Details(CITED, [], "No more.", "priority")),
    **{
        name: (CHAT, CHAT_STREAM, Details([QUOTED], LIKELY, "No more.", "flex"))
        for name in ("openai", "kimi", "glm", "openrouter")
    },
    "responses": (RESPONSE, RESPONSES_STREAM, Details(NAMED, LIKELY, "No more.", "flex")),
    "gemini": (GEMINI, GEMINI_STREAM, Details(GROUNDED, LIKELY, "No more.", "flex")),
    "converse": (CONVERSE, CONVERSE_STREAM, Details(SOURCES, service_tier="flex")),
    "ollama": (OLLAMA, OLLAMA_STREAM, Details([], LIKELY)),
}
"""By provider: a whole answer, the same streamed, and what is read of it beside the content."""
