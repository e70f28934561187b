"""The most tokens that a request can cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier import (
    Audio,
    Deployment,
    Document,
    Image,
    Message,
    Native,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    WirePart,
    WireTool,
)
from ranvier.layers.spend_limit.bounds import (
    ADDED,
    ADDED_PER_PART,
    LEAST_OUTPUT,
    input_bound,
    output_bound,
    size_of,
)
from ranvier.testing import ScriptedProvider

TARGET = Deployment(ScriptedProvider("one"))
PNG = b"\x89PNG\r\n\x1a\n"

texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3)
)
plain = st.dictionaries(texts, values, max_size=3)
parts = st.one_of(
    texts.map(Text),
    st.builds(ToolCall, texts, texts, plain),
    st.builds(ToolResult, texts, texts),
    st.builds(Native, texts, plain),
)
messages = st.builds(Message, st.sampled_from(["user", "assistant"]), st.lists(parts, max_size=4))
requests = st.builds(
    Request,
    st.lists(messages, min_size=1, max_size=4).map(tuple),
    system=st.none() | texts,
    tools=st.lists(st.builds(Tool, st.text(min_size=1, max_size=9), texts), max_size=2).map(tuple),
    schema=st.none() | plain.map(Schema),
)


def sent(request: Request) -> list[str]:
    """Every text of a request, and all data as JSON, in the shortest form and in the longest."""
    found = [request.system or ""]
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                found.append(part.text)
            elif isinstance(part, ToolCall):
                found += [part.name, json.dumps(dict(part.arguments))]
            elif isinstance(part, ToolResult):
                found.append(part.text)
            elif isinstance(part, Native):
                found.append(json.dumps(dict(part.data), ensure_ascii=False))
    for tool in request.tools:
        assert isinstance(tool, Tool)
        found.append(tool.name + tool.description + json.dumps(dict(tool.parameters)))
    return [*found, "" if request.schema is None else json.dumps(dict(request.schema.definition))]


def frames(request: Request) -> int:
    """How many messages, parts and tools there are, and parts in the results of tools."""
    parts = [part for message in request.messages for part in message.parts]
    inner = sum(len(part.parts) for part in parts if isinstance(part, ToolResult))
    return len(request.messages) + len(parts) + inner + len(request.tools)


@given(requests)
def test_the_bound_is_at_least_every_byte_that_is_sent(request: Request) -> None:
    """A token is at least a byte."""
    size = size_of(request)
    bytes_sent = sum(len(text.encode("utf-8", "surrogatepass")) for text in sent(request))
    assert size.tokens is not None
    assert size.tokens - ADDED - ADDED_PER_PART * frames(request) >= bytes_sent


@given(requests, parts)
def test_more_input_never_costs_less(request: Request, part: Any) -> None:
    """The bound grows with the conversation."""
    longer = Request((*request.messages, Message("user", [part])), request.system, tools=request.tools)
    longer.schema = request.schema
    before, after = size_of(request).tokens, size_of(longer).tokens
    assert before is not None
    assert after is not None
    assert after > before


def test_images_count_by_the_most_that_their_vendor_counts() -> None:
    """Also in the results of tools; a setting of the user's counts first.

    A context window bounds nothing: a model may have a larger one than is known.
    """
    image = Image(data=PNG)
    request = Request((Message("user", ["Look", image]), Message.tool("1", [image])))
    size = size_of(request)
    assert size.images == 2
    assert size.tokens is not None
    assert input_bound(size, TARGET, {}) == size.tokens + 100_000
    assert input_bound(size, TARGET, {"one/scripted": 7}) == size.tokens + 14
    small = Deployment(ScriptedProvider("one"), context_window=9000)
    assert input_bound(size, small, {}) == size.tokens + 100_000


def test_a_document_of_text_counts_like_its_text() -> None:
    """A token for each byte, since it may be sent as text, and something for its name and its tags."""
    plain = size_of(Request((Message("user", [Text("é" * 1_000)]),))).tokens
    document = size_of(Request((Message("user", [Document.from_text("é" * 1_000, name="a.txt")]),))).tokens
    assert plain is not None
    assert document is not None
    assert plain <= document <= plain + 64
    longer = size_of(Request((Message("user", [Document.from_text("x", name="&" * 400)]),))).tokens
    assert longer is not None
    assert longer > 5 * 400  # as `&amp;`


@pytest.mark.parametrize(
    "request_",
    [
        Request((Message("user", [WirePart("anthropic", {"type": "document"})]),)),
        Request((Message.tool("1", [Document(data=b"%PDF-1.7")]),)),
        Request((Message("user", [Audio(data=b"ID3")]),)),
        Request((Message("user", [Document("https://x.test/a.txt")]),)),
        Request((Message.user("Hi"),), tools=(WireTool("anthropic", {"type": "web_search"}),)),
        Request((Message.user("Hi"),), extra={"openai": {"previous_response_id": "r"}}),
        Request((Message.user("Hi"),), extra={"service_tier": "priority"}),
        Request((Message.user("Hi"),), extra={"openrouter": {"models": ["other"]}}),
        Request((Message.user("Hi"),), extra={"x": object()}),
    ],
    ids=[
        *("wire part", "PDF", "sound", "text by URL", "provider's tool", "kept state", "another price"),
        *("another model", "no JSON"),
    ],
)
def test_what_has_no_bound_says_why(request_: Request) -> None:
    """A document, a tool that the provider runs, state that it keeps, another price."""
    size = size_of(request_)
    assert size.tokens is None
    assert size.reason
    assert input_bound(size, TARGET, {}) is None


def test_options_of_the_target_count_too() -> None:
    """They are sent with every request."""
    size = size_of(Request((Message.user("Hi"),)))
    assert size.tokens is not None
    target = Deployment(ScriptedProvider("one"), options={"user": "x" * 50})
    assert input_bound(size, target, {}) == size.tokens + len('{"user": ""}') + 50
    store = Deployment(ScriptedProvider("one"), options={"store": True})
    assert input_bound(size, store, {}) is None


@pytest.mark.parametrize(
    ("limit", "extra", "options", "bound"),
    [
        (None, {}, {}, None),
        (9, {}, {}, LEAST_OUTPUT),
        (9, {"max_completion_tokens": 90}, {}, 90),
        (None, {"one": {"generationConfig": {"maxOutputTokens": 70}}}, {}, 70),
        (None, {"gemini": {"generationConfig": {"maxOutputTokens": 70}}}, {}, None),
        (None, {"metadata": {"max_tokens": 70}}, {}, None),
        (20, {"gemini": {"generationConfig": {"maxOutputTokens": 70}}}, {}, 70),
        (9, {}, {"max_tokens": 80}, 80),
        (None, {}, {"options": {"num_predict": 80}}, 80),
        (9, {"options": {"num_predict": -1}}, {}, None),
        (9, {"max_tokens": None}, {}, None),
        (9, {}, {"max_tokens": 1e9}, None),
        (99, {"max_tokens": 5}, {}, 99),
        (None, {"options": {"num_predict": -1}}, {}, None),
        (None, {"max_tokens": True}, {}, None),
    ],
)
def test_the_largest_output_limit_that_might_be_sent_counts(
    limit: int | None, extra: dict[str, Any], options: dict[str, Any], bound: int | None
) -> None:
    """Under any name, in the request or in the options of the target.

    A limit for another provider alone bounds nothing, and a value that is none may switch off the others.
    """
    request = Request((Message.user("Hi"),), max_tokens=limit, extra=extra)
    target = Deployment(ScriptedProvider("one"), options=options)
    assert output_bound(request, target) == bound
