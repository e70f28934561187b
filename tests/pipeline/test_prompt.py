"""From what people write to a request: everything malformed is refused by name, value and remedy."""

from typing import Any

import pytest

from ranvier import ConfigurationError, Image, Message, Pipeline, Request, Text, Tool, ToolCall, ToolResult
from ranvier.layers import Fallback
from ranvier.messages.build import build_request
from ranvier.testing import ScriptedProvider

LOOK = ToolCall("c1", "look", {"at": "it"})


def asked(prompt: Any, **options: Any) -> Request:
    return build_request(prompt, options)  # type: ignore[arg-type]


# --- a prompt ------------------------------------------------------------------------------------


def test_a_text_is_what_the_user_says() -> None:
    """The shortest prompt there is."""
    assert asked("Why?") == asked(Request("Why?")) == Request((Message("user", "Why?"),))  # type: ignore[arg-type]


def test_a_list_of_messages_is_a_conversation() -> None:
    """A list or a tuple, kept in order and made immutable."""
    messages = [Message.system("Be brief."), Message.user("Why?"), Message.assistant("So.")]
    assert asked(messages).messages == asked(tuple(messages)).messages == tuple(messages)


def test_dicts_as_chat_apis_have_them_are_understood() -> None:
    """Text, text parts, tool calls with their arguments as JSON or not, and tool results."""
    as_json = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Why"}, {"type": "text", "text": "?"}]},
        {"role": "assistant", "content": None, "tool_calls": [as_json]},
        {"role": "tool", "tool_call_id": "c1", "content": "it is blue"},
        {"role": "assistant", "content": "Hm.", "tool_calls": [{"id": "c2", "function": {"name": "ask"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "no"}]},
        {"role": "assistant", "content": "Blue."},
    ]
    assert asked(conversation).messages == (
        Message.system("Be brief."),
        Message("user", (Text("Why"), Text("?"))),
        Message("assistant", (LOOK,)),
        Message.tool("c1", "it is blue", name="look"),
        Message("assistant", (Text("Hm."), ToolCall("c2", "ask"))),
        Message.tool("c2", "no", name="ask"),
        Message("assistant", "Blue."),
    )


def test_pictures_as_chat_apis_have_them_are_understood() -> None:
    """By their address, alone or in a dict, or as a picture of ours."""
    address = "https://example.com/a.png"
    parts = [
        {"type": "image_url", "image_url": {"url": address}},
        {"type": "image_url", "image_url": address},
        Image(address),
    ]
    assert asked([{"role": "user", "content": parts}]).messages == (Message("user", (Image(address),) * 3),)


def test_arguments_may_be_given_as_they_are() -> None:
    """And messages of ours may hold calls of ours."""
    plain = {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"at": "it"}}}],
    }
    ours = {"role": "assistant", "content": [Text("Hm.")], "tool_calls": [LOOK]}
    assert asked([plain]).messages[0].tool_calls == (LOOK,)
    assert asked([ours]).messages[0].parts == (Text("Hm."), LOOK)


def test_a_tool_result_bears_the_name_of_the_tool() -> None:
    """Looked up from the call, since some providers want it; a given one stays."""
    conversation = [
        Message.assistant("Hm.", tool_calls=[LOOK, ToolCall("c2", "ask")]),
        Message("tool", (ToolResult("c2", "no"), ToolResult("c1", "blue", "other"), Text("!"))),
    ]
    results = asked(conversation).messages[1].parts
    assert results == (ToolResult("c2", "no", "ask"), ToolResult("c1", "blue", "other"), Text("!"))


def test_options_beside_a_request_replace_its_fields() -> None:
    """What is not said, or `None`, stays as it was."""
    request = Request(
        (Message.user("Why?"),), system="Be brief.", temperature=0.5, stop=("a",), extra={"a": 1}
    )
    assert asked(request) == request
    changed = asked(request, temperature=0, max_tokens=9, system=None)
    assert changed == Request(
        request.messages, system="Be brief.", max_tokens=9, temperature=0, stop=("a",), extra={"a": 1}
    )


def test_every_option_reaches_the_request() -> None:
    """In the form in which adapters find it."""
    tool = {"type": "function", "function": {"name": "ask", "parameters": {"type": "object"}}}
    request = asked(
        "Why?", system="s", max_tokens=1, temperature=0.0, top_p=1, stop="x", tools=[Tool("look"), tool],
        tool_choice="ask", extra={"openai": {"seed": 1}},
    )  # fmt: skip  # because: one name a line says nothing
    assert (request.system, request.max_tokens, request.temperature, request.top_p) == ("s", 1, 0.0, 1)
    assert (request.stop, request.tool_choice, request.extra) == (("x",), "ask", {"openai": {"seed": 1}})
    assert request.tools == (Tool("look"), Tool("ask", "", {"type": "object"}))
    assert asked("Why?", stop=["x", "y"]).stop == ("x", "y")
    assert asked("Why?", tools=iter([{"name": "ask", "description": None}])).tools == (Tool("ask"),)


def test_what_is_changed_after_the_call_changes_nothing() -> None:
    """A retry sends what the first attempt sent."""
    messages, extra = [Message.user("Why?")], {"openai": {"seed": 1}}
    request = asked(messages, extra=extra)
    messages.append(Message.user("How?"))
    extra["openai"]["seed"] = 2
    assert request == Request((Message.user("Why?"),), extra={"openai": {"seed": 1}})


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", r"prompt=''.*give a text"),
        ([], r"prompt=\[\].*at least one message"),
        ((), r"prompt=\[\].*at least one message"),
        (None, r"prompt is a NoneType.*give a str, a list of messages, or a Request"),
        (7, r"prompt is a int"),
        (b"Why?", r"prompt is a bytes"),
        ({"role": "user", "content": "Why?"}, r"prompt is a dict"),
        (Message.user("Why?"), r"prompt is a Message.*a list of messages"),
        (Request(()), r"prompt=\[\]"),
        (["Why?"], r"prompt holds a str.*Message objects or dicts"),
        ([None], r"prompt holds a NoneType"),
        (
            [{"content": "Why?"}],
            r"messages\[0\]: role=None.*choose one of system, developer, user, assistant, tool",
        ),
        ([{"role": "robot", "content": "Why?"}], r"role='robot'"),
        ([{"role": ["user"], "content": "Why?"}], r"role=\['user'\]"),
        ([{"role": "user", "content": 7}], r"content is a int.*give a str"),
        ([{"role": "user", "content": {"text": "Why?"}}], r"content is a dict.*give a str"),
        (
            [{"role": "user", "content": [{"type": "image_url"}]}],
            r"Image\(url=.*give one, data=bytes",
        ),
        ([{"role": "assistant", "tool_calls": 7}], r"tool_calls is a int.*give a list"),
        (
            [{"role": "assistant", "tool_calls": [7]}],
            r"messages\[0\].tool_calls\[0\] is a int.*give .*function",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"function": None}]}],
            r"messages\[0\].tool_calls\[0\] is a dict without a function: give",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": {"b": {1}}}}]}],
            r"arguments .* not JSON",
        ),
        ([{"role": "tool", "content": "blue"}], r"messages\[0\] has no tool_call_id: give the id"),
        ([Message.user("?"), Message.tool("c9", "blue")], r"messages\[1\].*'c9'.*no message before it"),
        ([Message.tool("c1", "blue"), Message.assistant(tool_calls=[LOOK])], r"messages\[0\].*'c1'"),
    ],
)
def test_a_prompt_that_cannot_be_asked_is_refused(prompt: Any, says: str) -> None:
    """With what it is, where, and what to give instead."""
    with pytest.raises(ConfigurationError, match=says):
        asked(prompt)


BAD_OPTIONS = [
    ("system", 7, "give a str"),
    ("max_tokens", 0, "1 or more"),
    ("max_tokens", 1.5, "whole number"),
    ("max_tokens", True, "whole number"),
    ("temperature", -0.1, "0 or more"),
    ("temperature", float("nan"), "give a number"),
    ("temperature", float("inf"), "give a number"),
    ("temperature", "hot", "give a number"),
    ("temperature", False, "give a number"),
    ("top_p", -1, "0 or more"),
    ("stop", "", "give a text"),
    ("stop", [], "give a text"),
    ("stop", ["a", ""], "give a text"),
    ("stop", [7], "list of texts"),
    ("stop", 7, "list of texts"),
    ("tools", "look", "give a list of Tool"),
    ("tools", {"name": "look"}, "give a list of Tool"),
    ("tools", 7, "give a list of Tool"),
    ("tools", [7], "give Tool"),
    ("tools", [{"function": None}], "give Tool"),
    ("tool_choice", 7, "give a str"),
    ("tool_choice", {"type": "sometimes"}, "give one of auto, none, required"),
    ("tool_choice", "look", "there are no tools"),
    ("extra", [("seed", 1)], "give a dict"),
    ("schema", 7, "give a JSON schema as a dict, a pydantic model"),
]


@pytest.mark.parametrize(("name", "value", "remedy"), BAD_OPTIONS)
def test_an_option_that_cannot_be_is_refused(name: str, value: Any, remedy: str) -> None:
    """Its name and the remedy are in the message; in a Request it is refused as well."""
    with pytest.raises(ConfigurationError, match=rf"(?s)^{name}.*{remedy}"):
        asked("Why?", **{name: value})
    if not (name == "stop" and value == []):
        with pytest.raises(ConfigurationError, match=rf"(?s)^{name}.*{remedy}"):
            asked(Request((Message.user("Why?"),), **{name: value}))


@pytest.mark.parametrize(
    ("options", "remedy"), [({"repair": 2}, "give 1 to show"), ({"repair": 1}, r"give schema=\.\.\. too")]
)
def test_a_repair_that_cannot_be_is_refused(options: Any, remedy: str) -> None:
    """Of nothing, or more than once."""
    with pytest.raises(ConfigurationError, match=rf"^repair.*{remedy}"):
        asked("Why?", **options)


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ({}, r"tools\[0\] has no name: give Tool\("),
        ({"name": ""}, r"tools\[0\] has no name: give Tool\("),
        ({"function": {"name": 7}}, r"tools\[0\].function.name is a int: give a str"),
        ({"name": "a", "parameters": [1]}, r"Tool\('a', parameters=...\)"),
    ],
)
def test_a_tool_that_cannot_be_called_is_refused(tool: Any, says: str) -> None:
    """It needs a name and a schema."""
    with pytest.raises(ConfigurationError, match=says):
        asked("Why?", tools=[tool])


@pytest.mark.parametrize("ask", ["complete", "stream"])
def test_bad_input_is_refused_at_the_call_and_not_at_the_await(ask: str) -> None:
    """So that the traceback points at whoever wrote it."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")))
    with pytest.raises(ConfigurationError, match="prompt"):
        getattr(pipeline, ask)([])
    with pytest.raises(ConfigurationError, match="temperature"):
        getattr(pipeline, ask)("Why?", temperature="hot")


def test_what_is_shown_of_bad_input_is_short() -> None:
    """A huge value does not become a huge message."""
    for bad in ({"tools": "x" * 10_000}, {"stop": ["", "x" * 10_000]}):
        with pytest.raises(ConfigurationError) as raised:
            asked("Why?", **bad)
        assert len(str(raised.value)) < 200
    with pytest.raises(ConfigurationError) as raised:
        asked([Message.tool("x" * 10_000, "blue")])
    assert len(str(raised.value)) < 300
