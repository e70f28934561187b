"""The types of what flows: what goes in cannot be changed, what comes out is plain data."""

import base64
import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ranvier
from ranvier import (
    ConfigurationError,
    FinishReason,
    Image,
    Message,
    Native,
    Request,
    Response,
    StreamEvent,
    Text,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
    messages,
)

LOOK = ToolCall("c1", "look", {"at": "it"})
PNG = b"\x89PNG\r\n\x1a\nthe rest"


def test_every_type_is_public_here_and_in_the_package() -> None:
    """`ranvier` exports what `ranvier.messages` does, but for the functions that save and load."""
    saving = {"dump", "dump_response", "load", "load_response"}
    for name in set(messages.__all__) - saving:
        assert getattr(ranvier, name) is getattr(messages, name)
        assert name in ranvier.__all__


@pytest.mark.parametrize(
    "value",
    [
        Text("a"),
        LOOK,
        ToolResult("c1", "blue"),
        Native("one", {"a": 1}),
        Message.user("Why?"),
        Tool("look"),
        Image(data=PNG),
        Request((Message.user("Why?"),)),
        Usage(),
        ToolCallDelta(0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_in_is_frozen_and_travels_between_processes(value: Any) -> None:
    """A retry sends what the first attempt sent; values compare, copy and pickle."""
    if not isinstance(value, Request):  # which is built anew for every call, and not cheap to freeze
        name = dataclasses.fields(value)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, "changed")
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value


# --- messages ------------------------------------------------------------------------------------


def test_a_message_has_its_words_its_parts_and_its_calls() -> None:
    """In whichever way it was built."""
    plain = Message("user", "Why?")
    assert plain == Message.user("Why?")
    assert (plain.text, plain.parts, plain.tool_calls) == ("Why?", (Text("Why?"),), ())
    assert Message.system("Be brief.").role == "system"
    assert Message.assistant("So.").content == "So."
    mixed = Message("assistant", ["Let me ", Text("see."), LOOK, Native("one", {})])
    assert mixed.content == (Text("Let me "), Text("see."), LOOK, Native("one", {}))
    assert (mixed.text, mixed.tool_calls) == ("Let me see.", (LOOK,))
    assert Message.assistant("Hm.", tool_calls=iter([LOOK])).parts == (Text("Hm."), LOOK)
    assert Message.assistant(tool_calls=[LOOK]).parts == (LOOK,)
    assert Message.tool("c1", "blue", name="look", is_error=True).parts == (
        ToolResult("c1", "blue", "look", True),
    )
    assert Message("assistant", "").parts == ()


@pytest.mark.parametrize(
    ("role", "content", "says"),
    [
        ("robot", "Hi", r"role='robot': choose one of system, user, assistant, tool"),
        (None, "Hi", r"role=None"),
        ("user", None, r"content is a NoneType: give a str"),
        ("user", 7, r"content is a int: give a str"),
        ("user", [7], r"content holds a int: give str"),
        ("user", [{"type": "text"}], r"content holds a dict: give str"),
    ],
)
def test_a_message_that_cannot_be_is_refused(role: Any, content: Any, says: str) -> None:
    """The message names the field, the value and what to give."""
    with pytest.raises(ConfigurationError, match=says):
        Message(role, content)


@pytest.mark.parametrize("tool", [{"name": ""}, {"name": 7}, {"name": "a", "parameters": "{}"}])
def test_a_tool_needs_a_name_and_a_schema(tool: dict[str, Any]) -> None:
    """Without parameters it takes none."""
    with pytest.raises(ConfigurationError, match=r"Tool\("):
        Tool(**tool)
    assert Tool("look").parameters == {"type": "object", "properties": {}}


# --- tool calls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "arguments", "invalid"),
    [
        ('{"at": "it"}', {"at": "it"}, None),
        ("", {}, None),
        ("  \n", {}, None),
        ('{"at": "i', {}, '{"at": "i'),
        ("[1]", {}, "[1]"),
        ("null", {}, None),
        ("7", {}, "7"),
        ("[" * 100_000, {}, "[" * 100_000),
    ],
)
def test_arguments_that_are_no_object_are_kept_as_they_are(
    text: str, arguments: Any, invalid: str | None
) -> None:
    """A model may write anything; it is the caller's to decide."""
    assert ToolCall.parse("c1", "look", text) == ToolCall("c1", "look", arguments, invalid)


NEARLY = {
    "a raw line break in a string": '{"at": "a\nb\tc"}',
    "a byte order mark": '\ufeff{"at": "a\\nb\\tc"}',
    "encoded twice": json.dumps('{"at": "a\\nb\\tc"}'),
    "encoded three times": json.dumps(json.dumps('{"at": "a\\nb\\tc"}')),
    "a trailing tag": '{"at": "a\\nb\\tc"}\n</tool_call>',
    "tags around it": '<tool_call>{"at": "a\\nb\\tc"}</tool_call><|im_end|>',
    "a tag that is cut": '{"at": "a\\nb\\tc"}</tool_c',
    "a fence": '```json\n{"at": "a\\nb\\tc"}\n```',
    "an empty object before it": '{}{"at": "a\\nb\\tc"}',
    "the same twice": '{"at": "a\\nb\\tc"}{"at":"a\\nb\\tc"}',
    "a tag behind raw characters in a text": json.dumps('{"at": "a\nb\tc"}</tool_call>'),
}


@pytest.mark.parametrize("text", NEARLY.values(), ids=NEARLY)
def test_arguments_that_nearly_are_json_are_read(text: str) -> None:
    """Where there is one way to read them."""
    assert ToolCall.parse("c1", "look", text) == ToolCall("c1", "look", {"at": "a\nb\tc"})


@pytest.mark.parametrize("text", ["\ufeff", "[]", '""', "{}{}", "</tool_call>", "```json\n```", "{}</s>"])
def test_arguments_that_hold_nothing_are_none(text: str) -> None:
    """An empty list is how PHP writes an empty object."""
    assert ToolCall.parse("c1", "look", text) == ToolCall("c1", "look", {})


AMBIGUOUS = [
    '{"at": 1}{"at": 2}',
    '{"at": 1}}',
    '{"at": 1} and so on',
    "{'at': 1}",
    '{"at": 1,}',
    '{"at": NaN}\n</tool_call>',
    json.dumps("it"),
    json.dumps([{"at": 1}]),
    "<" * 50_000,
    '{"at": 1}' + "<a>" * 50_000 + "x",
    '"' * 50_001,
    " ".join(map(str, range(50_000))),
]


@pytest.mark.parametrize("text", AMBIGUOUS, ids=range(len(AMBIGUOUS)))
def test_arguments_that_could_mean_several_things_are_invalid(text: str) -> None:
    """Nothing is guessed; what came is kept."""
    assert ToolCall.parse("c1", "look", text) == ToolCall("c1", "look", {}, text)


@given(st.text())
def test_no_text_of_arguments_raises(text: str) -> None:
    """Either it is an object, or it is kept as invalid."""
    call = ToolCall.parse("c1", "look", text)
    assert call.invalid in (None, text)


# --- pictures ------------------------------------------------------------------------------------


def test_a_picture_by_its_bytes_knows_its_kind() -> None:
    """Told from how they begin; it can be written as a data: address and read from one."""
    for head, kind in (
        (PNG, "png"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"GIF89a", "gif"),
        (b"RIFF....WEBP", "webp"),
    ):
        assert Image(data=head).media_type == f"image/{kind}"
    image = Image.from_bytes(PNG)
    assert image.base64 == base64.b64encode(PNG).decode()
    assert Image(image.data_url) == image
    assert Image.from_bytes(b"?", "image/x").media_type == "image/x"
    assert "the rest" not in repr(image)


def test_a_picture_by_its_address_is_not_fetched() -> None:
    """It is what it is given."""
    image = Image("https://example.com/a.png")
    assert (image.data_url, image.base64, image.media_type) == ("https://example.com/a.png", "", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"url": "https://a", "data": PNG},
        {"url": "/etc/passwd"},
        {"url": "file:///etc/passwd"},
        {"data": b"what is it?"},
        {"url": "data:image/png,abc"},
        {"url": "data:image/png;base64,?"},
    ],
)
def test_a_picture_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    """Neither or both, another scheme, unknown bytes, a broken data: address."""
    with pytest.raises(ConfigurationError, match=r"Image\(.*give|not base64"):
        Image(**wrong)


# --- what comes out ------------------------------------------------------------------------------


def test_an_answer_can_be_appended_to_the_history() -> None:
    """With its parts in order where it has them, else by its text and calls."""
    parts = (Native("one", {"signature": "s"}), Text("Hm."), LOOK)
    assert Response("Hm.", (LOOK,), parts=parts).message == Message("assistant", parts)
    assert Response("Hm.", (LOOK,)).message == Message("assistant", (Text("Hm."), LOOK))
    assert Response("So.").message == Message("assistant", "So.")
    assert Response().usage == Usage(complete=False)


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (StreamEvent(text="a"), True),
        (StreamEvent(reasoning="a"), True),
        (StreamEvent(tool_call=ToolCallDelta(0)), True),
        (StreamEvent(), False),
        (StreamEvent(usage=Usage(1)), False),
        (StreamEvent(finish_reason=FinishReason.STOP, id="m1", model="m", skipped=1), False),
        (StreamEvent(parts=[Native("one", {})]), False),
    ],
)
def test_content_is_what_somebody_waits_for(event: StreamEvent, content: bool) -> None:
    """Text, reasoning and tool calls; nothing else hands a stream out."""
    assert event.has_content is content


def test_finish_reasons_are_words() -> None:
    """They compare with plain strings, and are the five of the design."""
    assert list(FinishReason) == ["stop", "length", "tool_calls", "content_filter", "other"]
