"""Messages as dicts: every key is translated, passed on or rejected, and errors quote nothing."""

import base64
import copy
from typing import Any

import pytest

from ranvier import (
    CHAT_COMPLETIONS,
    Audio,
    ConfigurationError,
    Document,
    Image,
    Message,
    Native,
    Text,
    ToolCall,
    ToolResult,
    WirePart,
)
from ranvier.messages.build import build_request
from ranvier.messages.dicts import read_message

PNG = b"\x89PNG\r\n\x1a\nthe rest"
PLAIN = base64.b64encode(PNG).decode()
DATA_URL = f"data:image/png;base64,{PLAIN}"
ADDRESS = "https://example.com/a.png"
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
LOOK = ToolCall("c1", "look", {"at": "it"})
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}
PDF = b"%PDF-1.7 the rest"
PDF_URL = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
DOCX_URL = "data:application/vnd.openxmlformats-officedocument.wordprocessingml.document;base64,AAAA"
WAV = b"RIFF\x00\x00\x00\x00WAVEfmt "
SOUND = base64.b64encode(WAV).decode()
CITED = {"citations": {"enabled": True}, **MARK}
BREAK = {"prompt_cache_breakpoint": {"mode": "explicit"}}
PLAN = "https://x.test/plan.pdf"


def of_wire(wire: str, part: dict[str, Any]) -> tuple[dict[str, Any], WirePart]:
    """A part that only one API has, which is passed on as it is."""
    return part, WirePart(wire, part)


SECRET = "the words of a customer"


def read(**entry: Any) -> Message:
    """The message in a dict."""
    return read_message(entry, "messages[3]")


def thought(words: str) -> Native:
    """Reasoning that a user gives."""
    return Native(CHAT_COMPLETIONS, {"reasoning_content": words})


# --- what is understood --------------------------------------------------------------------------

PARTS: list[tuple[Any, Any]] = [
    ("Hi", Text("Hi")),
    ({"type": "text", "text": "Hi"}, Text("Hi")),
    ({"type": "text", "text": ""}, Text("")),
    ({"type": "input_text", "text": "Hi"}, Text("Hi")),
    ({"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}, Text("Hi")),
    ({"type": "text", "text": "Hi", "citations": None}, Text("Hi")),
    ({"type": "text", "text": "Hi", **MARK}, Text("Hi", MARK)),
    ({"type": "text", "text": "Hi", "citations": [{"a": 1}]}, Text("Hi", {"citations": [{"a": 1}]})),
    ({"type": "image_url", "image_url": ADDRESS}, Image(ADDRESS)),
    ({"type": "image_url", "image_url": {"url": ADDRESS, "detail": "low"}}, Image(ADDRESS, detail="low")),
    (
        {"type": "image_url", "image_url": {"url": ADDRESS, "format": "image/gif"}, **MARK},
        Image(ADDRESS, media_type="image/gif", extra=MARK),
    ),
    ({"type": "input_image", "image_url": DATA_URL, "detail": "high"}, Image(data=PNG, detail="high")),
    ({"type": "image", "source": {"type": "url", "url": ADDRESS}}, Image(ADDRESS)),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PLAIN}, **MARK},
        Image(data=PNG, media_type="image/png", extra=MARK),
    ),
    (
        {"type": "image", "source": {"type": "file", "file_id": "f1"}},
        WirePart("anthropic", {"type": "image", "source": {"type": "file", "file_id": "f1"}}),
    ),
    (DOCUMENT, Document.from_text("words")),
    (
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF_URL.split(",")[1]},
            "title": "The plan",
            "context": None,
            **CITED,
        },
        Document(data=PDF, name="The plan", extra=CITED),
    ),
    (
        {"type": "document", "source": {"type": "url", "url": "https://x.test/?id=5"}},
        Document("https://x.test/?id=5"),
    ),
    of_wire("anthropic", {"type": "document", "source": {"type": "file", "file_id": "f1"}, "title": "A"}),
    of_wire("anthropic", {"type": "document", "source": {"type": "content", "content": "blocks"}}),
    of_wire("anthropic", {**DOCUMENT, "title": "two\nlines"}),
    (
        {"type": "file", "file": {"file_data": PDF_URL, "filename": "plan.pdf"}, **BREAK},
        Document(data=PDF, name="plan.pdf", extra=BREAK),
    ),
    ({"type": "file", "file": {"file_data": PLAN, "format": "application/pdf"}}, Document(PLAN)),
    of_wire(CHAT_COMPLETIONS, {"type": "file", "file": {"file_id": "f1"}}),
    of_wire(CHAT_COMPLETIONS, {"type": "file", "file": {"file_data": DOCX_URL, "filename": "a.docx"}}),
    of_wire(CHAT_COMPLETIONS, {"type": "file", "file": {"file_data": "no URL", "filename": "a.pdf"}}),
    of_wire(CHAT_COMPLETIONS, {"type": "file", "file": "file_1"}),
    ({"type": "input_file", "filename": "a.pdf", "file_data": PDF_URL}, Document(data=PDF, name="a.pdf")),
    (
        {"type": "input_file", "file_url": PLAN, "detail": "low", **BREAK},
        Document(PLAN, extra={"detail": "low", **BREAK}),
    ),
    of_wire("responses", {"type": "input_file", "file_id": "f1"}),
    of_wire("responses", {"type": "input_file", "file_url": "https://x.test/a.xlsx"}),
    of_wire("responses", {"type": "input_file", "file_url": PLAN, "file_id": "f1"}),
    (
        {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}, **BREAK},
        Audio(data=WAV, extra=BREAK),
    ),
    of_wire(CHAT_COMPLETIONS, {"type": "input_audio", "input_audio": {"data": SOUND, "format": "pcm16"}}),
    (
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "blue"}]},
        ToolResult("c1", "blue"),
    ),
    (
        {"type": "tool_result", "tool_use_id": "c1", "content": None, "is_error": True, **MARK},
        ToolResult("c1", "", is_error=True, extra=MARK),
    ),
    (
        {"type": "tool_result", "tool_use_id": "c1", "content": ["see", Image(ADDRESS), DOCUMENT]},
        ToolResult("c1", (Text("see"), Image(ADDRESS), Document.from_text("words"))),
    ),
    (
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "blue", **MARK}]},
        ToolResult("c1", (Text("blue", MARK),)),
    ),
]


@pytest.mark.parametrize(("part", "meant"), PARTS)
def test_a_part_of_either_api_is_understood(part: Any, meant: Any) -> None:
    """Of chat completions and of Anthropic's."""
    assert read(role="user", content=[part, "?"]).parts == (meant, Text("?"))


ANSWERS: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    ({"content": "So."}, (Text("So."),)),
    ({"content": None, "tool_calls": [CALL]}, (LOOK,)),
    ({"tool_calls": [{**CALL, "index": 0}]}, (LOOK,)),
    ({"content": "Hm.", "tool_calls": [LOOK]}, (Text("Hm."), LOOK)),
    ({"content": None, "refusal": "No."}, (Text("No."),)),
    ({"content": [{"type": "refusal", "refusal": "No."}]}, (Text("No."),)),
    ({"content": "So.", "reasoning_content": "Hm."}, (thought("Hm."), Text("So."))),
    ({"content": "So.", "reasoning": "Hm.", "reasoning_content": "Hm."}, (thought("Hm."), Text("So."))),
    ({"content": "So.", "reasoning": "Oh.", "thinking": "Hm."}, (thought("Oh.\n\nHm."), Text("So."))),
    (
        {"content": "So.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        (
            Native("openrouter", {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]}),
            Text("So."),
        ),
    ),
    (
        {"content": "So.", "thinking_blocks": [SIGNED], "reasoning_content": "Hm."},
        (Native("anthropic", SIGNED), thought("Hm."), Text("So.")),
    ),
    (
        {"content": "So.", "provider_specific_fields": {"thinking_blocks": [SIGNED], "citations": None}},
        (Native("anthropic", SIGNED), Text("So.")),
    ),
    (
        {
            "content": [
                SIGNED,
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "So.", "citations": None},
                {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": "it"}},
            ]
        },
        (
            Native("anthropic", SIGNED),
            Native("anthropic", {"type": "redacted_thinking", "data": "x"}),
            Text("So."),
            LOOK,
        ),
    ),
    (
        {
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": ""},
                {"type": "text", "text": "So."},
                {"type": "thinking", "thinking": "Oh."},
            ]
        },
        (thought("Hm.\n\nOh."), Text("So.")),
    ),
    (
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True},
                "So.",
            ]
        },
        (thought("Hm."), Text("So.")),
    ),
    (
        {"content": [{"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}, "So."]},
        (
            Native("anthropic", {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}),
            Text("So."),
        ),
    ),
    (
        {"tool_calls": [{**CALL, "provider_specific_fields": {"thought_signature": "sig"}}]},
        (Native("gemini", {"thoughtSignature": "sig"}), LOOK),
    ),
    (
        {"tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "sig"}}}]},
        (Native("gemini", {"thoughtSignature": "sig"}), LOOK),
    ),
    (
        {"tool_calls": [{"id": "c1", "function": {**CALL["function"], "parsed_arguments": {"at": "it"}}}]},  # type: ignore[dict-item]
        (LOOK,),
    ),
    ({"content": "So.", **MARK}, (Text("So.", MARK),)),
    (
        {"content": "So.", "images": [{"type": "image_url", "image_url": ADDRESS}]},
        (Text("So."), Image(ADDRESS)),
    ),
]


@pytest.mark.parametrize(("answer", "parts"), ANSWERS)
def test_an_answer_as_an_sdk_dumps_it_is_understood(answer: dict[str, Any], parts: tuple[Any, ...]) -> None:
    """By OpenAI's SDK, Anthropic's, litellm, Ollama's and OpenRouter's."""
    assert read(role="assistant", **answer).parts == parts


def test_what_a_server_keeps_of_a_call_goes_back_with_the_call() -> None:
    """The signature of Gemini 3 in Google's compatible API."""
    kept = {"extra_content": {"google": {"thought_signature": "sig"}}}
    *_, call = read(role="assistant", tool_calls=[{**CALL, **kept}]).parts
    assert call.native == Native(CHAT_COMPLETIONS, kept)  # type: ignore[union-attr]


def test_other_messages_are_understood() -> None:
    """Instructions of developers, pictures of Ollama, results of tools, names of people."""
    assert read(role="developer", content="Be brief.") == Message.system("Be brief.")
    assert read(role="user", content="See.", images=[PLAIN]).parts == (Text("See."), Image(data=PNG))
    assert read(role="user", content="Hi", name="ann") == Message("user", "Hi", {"name": "ann"})
    assert read(role="assistant", content="So", prefix=True).extra == {"prefix": True}
    result = read(role="tool", tool_call_id="c1", content="blue", tool_name="look", **MARK)
    assert result.parts == (ToolResult("c1", "blue", "look", extra=MARK),)
    shown = read(role="tool", tool_call_id="c1", content=["see", {"type": "image_url", "image_url": ADDRESS}])
    assert shown.parts == (ToolResult("c1", (Text("see"), Image(ADDRESS))),)
    blocks = [{"type": "tool_result", "tool_use_id": "c1", "content": "blue"}]
    assert read(role="user", content=blocks) == Message.tool("c1", "blue")  # Anthropic has no such role
    assert read(role="tool", tool_call_id="c1", content=None).parts == (ToolResult("c1", ""),)


SAY_NOTHING = {
    **dict.fromkeys(("refusal", "audio", "function_call", "tool_calls", "name", "reasoning_content")),
    "annotations": [],
    "provider_specific_fields": {},
    "thinking_blocks": None,
    "images": [],
    "a_field_of_next_year": None,
    "another": [],
    "a_third": "",
    "tool_call_id": None,
}


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_keys_that_say_nothing_pass(role: str) -> None:
    """SDKs write null and empty values for whatever an answer does not have."""
    assert read(role=role, content="Hi", **SAY_NOTHING) == Message(role, "Hi")  # type: ignore[arg-type]


def test_what_is_passed_on_is_a_copy() -> None:
    """A retry sends what the first attempt sent, whatever the caller does in between."""
    entry: dict[str, Any] = {
        "role": "user",
        "content": [copy.deepcopy(DOCUMENT), {"type": "text", "text": "?"}],
    }
    entry["content"][1]["cache_control"] = {"type": "ephemeral"}
    before = copy.deepcopy(read_message(entry, "m"))
    message = read_message(entry, "m")
    entry["content"][0]["source"]["data"] = "changed"
    entry["content"][1]["cache_control"]["type"] = "changed"
    assert message == before


# --- what is rejected ----------------------------------------------------------------------------

REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"role": "user"}, r"^messages\[3\] has no content: give content$"),
    ({"role": "user", "content": None}, r"^messages\[3\] has no content"),
    ({"role": "user", "content": []}, r"^messages\[3\] has no content"),
    ({"role": "assistant", "content": None}, r"^messages\[3\] has no content: give content, or tool_calls"),
    ({"role": "assistant", "content": None, "tool_calls": []}, r"^messages\[3\] has no content"),
    ({"role": "model", "content": SECRET}, r"^messages\[3\]: role='model': choose one of system, developer"),
    ({"role": "user", "content": SECRET, "wibble": SECRET}, r"^messages\[3\]: the key 'wibble' is not under"),
    ({"role": "user", "content": SECRET, "tool_calls": [CALL]}, r"^messages\[3\]: the key 'tool_calls'"),
    ({"role": "user", "content": SECRET, "tool_call_id": "c1"}, r"^messages\[3\]: the key 'tool_call_id'"),
    ({"role": "user", "content": SECRET, "reasoning_content": SECRET}, r"the key 'reasoning_content'"),
    ({"role": "assistant", "content": SECRET, "stop_reason": "end_turn"}, r"the key 'stop_reason'"),
    ({"role": "assistant", "content": SECRET, "reasoning": {"a": SECRET}}, r"reasoning is a dict"),
    (
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": SECRET}},
        r"^messages\[3\].function_call: it has no id: give tool_calls",
    ),
    (
        {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"arguments": SECRET}}]},
        r"^messages\[3\].tool_calls\[0\] has no name",
    ),
    (
        {"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]},
        r"tool_calls\[0\].type: .*'function'",
    ),
    ({"role": "assistant", "tool_calls": [{**CALL, "args": SECRET}]}, r"tool_calls\[0\]: the key 'args'"),
    (
        {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "look", "strict": True}}]},
        r"tool_calls\[0\].function: the key 'strict'",
    ),
    (
        {"role": "assistant", "tool_calls": [{"function": {"name": "look", "arguments": {SECRET: {1}}}}]},
        r"tool_calls\[0\]: the arguments of a tool call are not JSON: TypeError$",
    ),
    ({"role": "tool", "tool_call_id": "c1", "content": 7}, r"^messages\[3\].content is a int: give a str"),
    (
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "tool_use", "id": "a", "name": "b"}]},
        r"^messages\[3\].content\[0\]: a tool's result may hold text, images, documents and sound",
    ),
    ({"role": "user", "content": "", **MARK}, r"^messages\[3\].cache_control: give it to a part"),
]


@pytest.mark.parametrize(("entry", "says"), REJECTED)
def test_a_dict_that_is_not_understood_is_rejected(entry: dict[str, Any], says: str) -> None:
    """The error names the position and the key, and quotes nothing."""
    with pytest.raises(ConfigurationError, match=says) as raised:
        read_message(entry, "messages[3]")
    assert SECRET not in str(raised.value)


REJECTED_PARTS: list[tuple[Any, str]] = [
    (
        {"type": "riddle", "riddle": SECRET},
        r"\[1\]: the type 'riddle' of a part is not .*choose one of",
    ),
    ({"text": SECRET}, r"\[1\]: the type None of a part"),
    ({"type": ["text"], "text": SECRET}, r"\[1\]: the type \['text'\] of a part"),
    ({"type": "text"}, r"\[1\] has no text"),
    ({"type": "text", "text": None}, r"\[1\] has no text"),
    ({"type": "text", "text": {"value": SECRET}}, r"\[1\].text is a dict: give a str"),
    ({"type": "text", "text": SECRET, "wibble": SECRET}, r"\[1\]: the key 'wibble'"),
    (
        {"type": "image_url", "image_url": {"url": SECRET}},
        r"\[1\]: Image\(url=\.\.\.\): .*give one, data=bytes",
    ),
    ({"type": "image_url", "image_url": {"url": ADDRESS, "wibble": 1}}, r"\[1\].image_url: the key 'wibble'"),
    ({"type": "image_url", "image_url": {"url": ADDRESS, "detail": 7}}, r"\[1\].image_url.detail is a int"),
    (
        {"type": "image", "source": {"type": "s3", "uri": SECRET}},
        r"\[1\].source.type='s3': choose one of",
    ),
    ({"type": "image", "image": SECRET}, r"\[1\].source.type=None"),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SECRET}},
        r"\[1\]: Image.*not base64",
    ),
    ({"type": "tool_use", "id": "c1", "input": {"a": SECRET}}, r"\[1\] has no name"),
    ({"type": "tool_result", "tool_use_id": "c1", "content": {"a": SECRET}}, r"\[1\].content is a dict"),
    (
        {"type": "tool_result", "tool_use_id": "c1", "content": SECRET, "wibble": 1},
        r"\[1\]: the key 'wibble'",
    ),
    (7, r"\[1\] is a int: give a str, a part"),
    (object(), r"\[1\] is a object: .*model_dump\(\)"),
]


@pytest.mark.parametrize(("part", "says"), REJECTED_PARTS)
def test_a_part_that_is_not_understood_is_rejected(part: Any, says: str) -> None:
    """By its position in the message; its type and its keys may be named, its content may not."""
    with pytest.raises(ConfigurationError, match=rf"^messages\[3\]\.content{says}") as raised:
        read(role="user", content=["Hi", part])
    assert SECRET not in str(raised.value)


KEYS = [
    *("name", "refusal", "annotations", "audio", "function_call", "tool_calls", "tool_call_id", "tool_name"),
    *("reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks", "images"),
    *("provider_specific_fields", "cache_control", "partial", "prefix", "is_error", "phase", "weight", "id"),
    *("stop_reason", "stop_sequence", "usage", "model", "container", "parts", "parsed", "a_key_of_next_year"),
]
VALUES: list[Any] = [
    "mark",
    ["mark"],
    {"mark": "mark"},
    [{"type": "text", "text": "mark"}],
    [{"mark": "mark"}],
]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool"])
@pytest.mark.parametrize("key", KEYS)
def test_no_key_of_a_message_is_lost(role: str, key: str) -> None:
    """What it says is found in the message, or the error names the key."""
    for value in VALUES:
        entry = {"role": role, "content": "Hi", "tool_call_id": "c1" if role == "tool" else None, key: value}
        try:
            said = repr(read_message(entry, "messages[0]"))
        except ConfigurationError as error:
            said = f"mark {error}" if key in str(error) else str(error)
        assert "mark" in said


def test_typed_messages_are_checked_for_what_no_wire_takes() -> None:
    """Calls by the user, results by the assistant, and a message of the tool without a result."""
    for message, says in (
        (Message("user", (LOOK,)), r"messages\[1\] of the user calls a tool"),
        (Message("assistant", (ToolResult("c1", "x"),)), r"messages\[1\] of the assistant holds the result"),
        (Message("tool", "blue"), r"messages\[1\] of the tool holds no result: use Message.tool"),
        (Message("tool", (Text("blue"),)), r"messages\[1\] of the tool holds no result"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            build_request([Message.assistant(tool_calls=[LOOK]), message], {})
