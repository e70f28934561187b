"""Conversations and responses of every kind, to be saved and loaded."""

from dataclasses import fields, is_dataclass
from typing import Any

from hypothesis import strategies as st

from ranvier.messages import (
    Audio,
    Citation,
    Details,
    Document,
    FinishReason,
    Image,
    Message,
    Native,
    Reply,
    Response,
    Text,
    TokenLogprob,
    ToolCall,
    ToolResult,
    Usage,
    WirePart,
)
from ranvier.pipeline import Attempt

PNG = b"\x89PNG\r\n\x1a\nnot a picture at all"

PDF = b"%PDF-1.7\nnot a document at all"
WAV = b"RIFF\x20\x00\x00\x00WAVEfmt not a sound at all"

OLD_PARTS = [
    Message.system("Be terse."),
    Message(
        "user",
        (
            Text("Weather in Zürich?", {"cache_control": {"type": "ephemeral"}}),
            Image("https://example.com/map.png", detail="low"),
            Image(data=PNG, extra={"cache_control": {"type": "ephemeral"}}),
            WirePart("gemini", {"fileData": {"fileUri": "gs://bucket/report.pdf"}}),
        ),
        {"name": "Ada"},
    ),
    Message(
        "assistant",
        (
            Native(
                "anthropic",
                {"type": "thinking", "thinking": "I need the weather.", "signature": "EoQD-signed"},
                "https://api.anthropic.com/v1",
                "0123456789abcdef01234567",
                "claude-sonnet-5",
            ),
            Text("Let me look."),
            ToolCall("toolu_1", "get_weather", {"city": "Zürich", "days": 3}),
            ToolCall(
                "toolu_2",
                "get_time",
                {},
                '{"city": "Zü',
                Native("gemini", {"thoughtSignature": "c2ln"}, "https://g.example", "", "gemini-3"),
                {"caller": {"type": "direct"}},
            ),
        ),
    ),
    Message(
        "tool",
        (
            ToolResult("toolu_1", "Sunny, 21 °C"),
            ToolResult(
                "toolu_2",
                (Text("No such city."), Image(data=PNG), WirePart("anthropic", {"type": "document"})),
                "get_time",
                True,
                {"cache_control": {"type": "ephemeral"}},
            ),
        ),
    ),
    Message.assistant("Sunny."),
]
"""A conversation with every part and every field of the format's first version."""

EVERY_PART = [
    *OLD_PARTS,
    Message(
        "user",
        (
            Document(data=PDF, name="report.pdf", extra={"citations": {"enabled": True}}),
            Document.from_text("So much, so long.", "text/markdown", name="notes.md"),
            Document("https://example.com/plan.pdf", name="The plan"),
            Audio(data=WAV, extra={"prompt_cache_breakpoint": {"mode": "explicit"}}),
            Audio("https://example.com/song.mp3"),
        ),
    ),
    Message.assistant(tool_calls=[ToolCall("toolu_3", "read")]),
    Message.tool("toolu_3", [Document(data=PDF), Audio(data=WAV)], name="read"),
]
"""A conversation with every part and every field; `tests/data/saved/history-2.json` holds the same."""

HISTORIES = {1: OLD_PARTS, 2: EVERY_PART}
"""What the file of each version holds."""

EVERY_FIELD: Response[Any] = Response(
    "Sunny.",
    (ToolCall("call_1", "get_time", {"city": "Bern"}),),
    "I need the weather.",
    FinishReason.TOOL_CALLS,
    "tool_use",
    Usage(12, 5, 17, 8, 2, 3, False),
    "claude-sonnet-5-20260101",
    "anthropic",
    "msg_1",
    None,
    (
        Native("anthropic", {"type": "thinking"}, "https://a", "0123", "claude-sonnet-5"),
        Text("Sunny."),
        ToolCall("call_1", "get_time", {"city": "Bern"}),
    ),
    (
        Attempt(
            *("openai/gpt-5.2", 1, 0.0, None, "closed", 7.25, "overloaded", 503, "req_1", 0.5, None, 1.5),
            billable=False,
            fault="server_error",
        ),
        Attempt(
            *("anthropic/claude-sonnet-5", 2, 0.25, "overloaded", None, 9.0, "succeeded"),
            *(None, None, 0.0, 0.75, 2.0, Usage(12, 5, 17), 1),
        ),
    ),
    None,
    Details(
        [
            Citation(
                *("https://example.com/bern", "Bern", "It is sunny.", "Sunny.", 0, 6),
                {"type": "web_search_result_location", "encrypted_index": "EpMB"},
            ),
            Citation(title="facts.txt"),
        ],
        [TokenLogprob("Sunny", -0.25, (TokenLogprob("Rainy", -2.5),)), TokenLogprob(".", 0)],
        "I cannot tell more.",
        "priority",
        "req_2",
        Reply({"x-request-id": "req_2"}, {"id": "msg_1"}),
    ),
)
"""A response with every field; `tests/data/saved/response-2.json` holds the same."""


def whole(value: Any) -> Any:
    """`value` with every field, also those that equality ignores, such as the account of a `Native`."""
    if isinstance(value, (list, tuple)):
        return [whole(each) for each in value]
    if isinstance(value, Reply):  # it stays in its process
        return None
    if not is_dataclass(value):
        return value
    return type(value).__name__, {each.name: whole(getattr(value, each.name)) for each in fields(value)}


# --- any conversation ----------------------------------------------------------------------------

TEXTS = st.text(max_size=8) | st.sampled_from(["\ud800", "\x00", "é😀", '"}]', "\u2028"])
MAYBE = st.none() | TEXTS
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
EXTRA = st.none() | OBJECTS

texts = st.builds(Text, TEXTS, EXTRA)
natives = st.builds(Native, TEXTS, OBJECTS, MAYBE, MAYBE, MAYBE)
wire_parts = st.builds(WirePart, TEXTS, OBJECTS)
images = st.builds(
    Image,
    data=st.binary(min_size=1, max_size=20),
    media_type=st.sampled_from(["image/png", "x"]),
    detail=MAYBE,
    extra=EXTRA,
) | st.builds(Image, TEXTS.map("https://x.test/".__add__), media_type=MAYBE, detail=MAYBE, extra=EXTRA)
contents = st.text(min_size=1, max_size=8).filter(
    lambda text: text.strip("\ufeff\x00").strip() and "\x00" not in text
)
names = st.none() | st.text('abc .é<>&"', min_size=1, max_size=8)
documents = st.one_of(
    st.builds(Document, data=st.binary(max_size=9).map(PDF.__add__), name=names, extra=EXTRA),
    st.builds(Document.from_text, contents, st.none() | st.just("text/csv"), name=names),
    st.builds(Document, st.just("https://x.test/a?b"), media_type=st.just("text/html"), extra=EXTRA),
)
sounds = st.one_of(
    st.builds(Audio, data=st.binary(max_size=9).map(WAV.__add__), extra=EXTRA),
    st.builds(Audio, st.just("http://x.test/a"), media_type=st.sampled_from(["audio/wav", "audio/x-aiff"])),
)
media = images | documents | sounds
calls = st.builds(ToolCall, TEXTS, TEXTS, OBJECTS, MAYBE, st.none() | natives, EXTRA)
results = st.builds(
    ToolResult,
    TEXTS,
    TEXTS | st.lists(texts | media | wire_parts, max_size=3),
    TEXTS,
    st.booleans(),
    EXTRA,
)
parts = st.one_of(texts, media, calls, results, natives, wire_parts)
messages = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    TEXTS | st.lists(parts, max_size=4),
    EXTRA,
)
histories = st.lists(messages, max_size=4)

COUNTS = st.integers(0, 10**6)
usages = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.booleans())
attempts = st.builds(
    Attempt,
    *(TEXTS, COUNTS, NUMBERS, MAYBE, MAYBE, NUMBERS, TEXTS, st.none() | COUNTS, MAYBE, NUMBERS),
    *(st.none() | NUMBERS, NUMBERS, st.none() | usages, COUNTS),
)
likely = st.builds(TokenLogprob, TEXTS, NUMBERS)
citations = st.builds(
    Citation, *(MAYBE, MAYBE, MAYBE, MAYBE), *(st.none() | COUNTS, st.none() | COUNTS), OBJECTS
)
logprobs = st.builds(TokenLogprob, TEXTS, NUMBERS, st.lists(likely, max_size=2).map(tuple))
details = st.builds(
    Details,
    *(st.lists(citations, max_size=2), st.lists(logprobs, max_size=2), MAYBE, MAYBE, MAYBE),
)
responses = st.builds(
    Response,
    text=TEXTS,
    tool_calls=st.lists(calls, max_size=2).map(tuple),
    reasoning=TEXTS,
    finish_reason=st.none() | st.sampled_from(FinishReason),
    raw_finish_reason=MAYBE,
    usage=usages,
    model=TEXTS,
    provider=TEXTS,
    id=MAYBE,
    parts=st.lists(parts, max_size=3).map(tuple),
    attempts=st.lists(attempts, max_size=2).map(tuple),
    details=details,
)
