"""Tools and the choice among them as dicts of chat completions and of Anthropic's API."""

from typing import Any

import pytest

from ranvier import CHAT_COMPLETIONS, ConfigurationError, Deployment, Request, Tool, WireTool
from ranvier.messages.build import build_request
from ranvier.testing import ScriptedProvider

SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}}
MARK = {"cache_control": {"type": "ephemeral"}}
SECRET = "the words of a customer"


def asked(**options: Any) -> Request:
    """The request for a question with these options."""
    return build_request("Why?", options)  # type: ignore[arg-type]


TOOLS: list[tuple[dict[str, Any], Tool | WireTool]] = [
    ({"name": "look"}, Tool("look")),
    ({"name": "look", "description": None, "parameters": SCHEMA}, Tool("look", "", SCHEMA)),
    ({"type": "function", "function": {"name": "look", "description": "See."}}, Tool("look", "See.")),
    ({"type": "function", "name": "look", "parameters": SCHEMA}, Tool("look", "", SCHEMA)),
    ({"name": "look", "input_schema": SCHEMA}, Tool("look", "", SCHEMA)),
    ({"type": "custom", "name": "look", "input_schema": SCHEMA}, Tool("look", "", SCHEMA)),
    ({"name": "look", "inputSchema": SCHEMA}, Tool("look", "", SCHEMA)),
    (
        {"name": "look", "input_schema": SCHEMA, **MARK, "input_examples": [{"at": "it"}]},
        Tool("look", "", SCHEMA, extra={**MARK, "input_examples": [{"at": "it"}]}),
    ),
    (
        {"type": "function", "function": {"name": "look", "parameters": SCHEMA, "strict": True}, **MARK},
        Tool("look", "", SCHEMA, extra={"strict": True, **MARK}),
    ),
    (
        {"type": "function", "function": {"name": "look", "strict": False}},
        Tool("look", extra={"strict": False}),
    ),
    *(
        (tool, WireTool(wire, tool))
        for wire, tool in (
            ("anthropic", {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}),
            ("anthropic", {"type": "mcp_toolset", "mcp_server_name": "one"}),
            (CHAT_COMPLETIONS, {"type": "custom", "custom": {"name": "free"}}),
            (CHAT_COMPLETIONS, {"type": "web_search", "web_search": {"enable": True}}),
            (CHAT_COMPLETIONS, {"type": "builtin_function", "function": {"name": "$web_search"}}),
            ("responses", {"type": "web_search"}),
            ("responses", {"type": "file_search", "vector_store_ids": ["vs_1"]}),
            (CHAT_COMPLETIONS, {"type": "code_interpreter"}),
            ("gemini", {"google_search": {}}),
            ("gemini", {"codeExecution": {}}),
        )
    ),
]


@pytest.mark.parametrize(("tool", "meant"), TOOLS)
def test_a_tool_of_either_api_is_understood(tool: dict[str, Any], meant: Tool | WireTool) -> None:
    """Functions become tools for all; what a provider runs itself is passed on to its wire."""
    assert asked(tools=[tool]).tools == (meant,)


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ({"type": "function"}, r"^tools\[0\] has no name"),
        ({"description": SECRET}, r"^tools\[0\] has no name"),
        ({"type": "function", "function": SECRET}, r"^tools\[0\].function is a str"),
        ({"name": "look", "wibble": SECRET}, r"^tools\[0\]: the key 'wibble' is not understood"),
        ({"function": {"name": "look", "wibble": SECRET}}, r"^tools\[0\].function: the key 'wibble'"),
        ({"function": {"name": "look"}, "name": "x"}, r"^tools\[0\]: the key 'name'"),
        (
            {"name": "look", "parameters": SCHEMA, "input_schema": SCHEMA},
            r"^tools\[0\]: the key 'input_schema'",
        ),
        ({"name": "look", "description": [SECRET]}, r"^tools\[0\].description is a list: give a str"),
        ({"functionDeclarations": [{"name": "look", "description": SECRET}]}, r"^tools\[0\] has no name"),
    ],
)
def test_a_tool_that_is_not_understood_is_rejected(tool: dict[str, Any], says: str) -> None:
    """The error names the position and the key, and quotes no description."""
    with pytest.raises(ConfigurationError, match=says) as raised:
        asked(tools=[tool])
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "tools",
    [
        [Tool("look"), Tool("look", "again")],
        [Tool("look"), {"name": "look"}],
        [{"type": "web_search_20250305", "name": "look"}, {"name": "look"}],
    ],
)
def test_two_tools_of_one_name_are_rejected(tools: list[Any]) -> None:
    """No wire takes them, and nobody could tell whose call it is."""
    with pytest.raises(ConfigurationError, match=r"tools: 2 tools are named 'look'"):
        asked(tools=tools)


def test_server_tools_without_a_name_may_share_their_type() -> None:
    """Two sets of tools of two servers, say."""
    sets = [{"type": "mcp_toolset", "mcp_server_name": name} for name in ("one", "two")]
    assert len(asked(tools=sets).tools) == 2


# --- the choice ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        *((word, word) for word in ("auto", "none", "required", "look")),
        ("any", "required"),
        ({"type": "auto"}, "auto"),
        ({"type": "auto", "disable_parallel_tool_use": False}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "look"}, "look"),
        ({"type": "function", "function": {"name": "look"}}, "look"),
        ({"type": "function", "name": "look"}, "look"),
    ],
)
def test_a_choice_in_the_words_of_either_api_is_understood(choice: Any, meant: str) -> None:
    """A word, a name, or a dict."""
    assert asked(tools=[Tool("look")], tool_choice=choice).tool_choice == meant
    given = Request(build_request("Why?", {}).messages, tools=(Tool("look"),), tool_choice=choice)
    assert build_request(given, {}).tool_choice == meant


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_choice_that_demands_nothing_needs_no_tools(choice: str) -> None:
    """Callers that pass it always may do so."""
    assert asked(tool_choice=choice).tool_choice == choice


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("lock", r"tool_choice='lock': the tools are look, ask; choose one of auto, none, required"),
        ("Auto", r"tool_choice='Auto': the tools are look, ask"),
        ({"type": "tool", "name": "lock"}, r"tool_choice='lock': the tools are look, ask"),
        ({"type": "function"}, r"a dict of the type 'function' without a name"),
        ({"type": "sometimes"}, r"a dict of the type 'sometimes'"),
        ({"name": "look"}, r"a dict of the type None with a name"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}},
            r"the key 'allowed_tools'",
        ),
        ({"type": "any", "disable_parallel_tool_use": True}, r"extra=\{'anthropic': \{'tool_choice'"),
        (7, r"tool_choice is a int: give a str"),
    ],
)
def test_a_choice_that_cannot_be_is_rejected(choice: Any, says: str) -> None:
    """With the tools that there are."""
    with pytest.raises(ConfigurationError, match=says):
        asked(tools=[Tool("look"), Tool("ask")], tool_choice=choice)


@pytest.mark.parametrize("choice", ["required", "any", "look"])
def test_a_call_that_is_demanded_needs_tools(choice: str) -> None:
    """Else the model would answer in words, and nobody would hear why."""
    with pytest.raises(ConfigurationError, match=r"there are no tools: give tools="):
        asked(tool_choice=choice)


# --- several answers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [{"n": 2}, {"candidateCount": 2}, {"candidate_count": 3}, {"generationConfig": {"candidateCount": 2}}],
)
def test_several_answers_are_rejected(fields: dict[str, Any]) -> None:
    """One answer is returned, and all would be billed."""
    with pytest.raises(ConfigurationError, match=r"extra.*=\d requests several answers.*one call for each"):
        asked(extra=fields)
    with pytest.raises(ConfigurationError, match=r"options.*requests several answers"):
        Deployment(ScriptedProvider("one"), options=fields)


@pytest.mark.parametrize("fields", [{"n": 1}, {"n": None}, {"metadata": {"n": 5}}, {"seed": 2}])
def test_one_answer_may_be_asked_for(fields: dict[str, Any]) -> None:
    """And fields that only look like it stay."""
    assert asked(extra=fields).extra == fields
