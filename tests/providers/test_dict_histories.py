"""Histories and tools as dicts at the seven: what each key becomes on each wire."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from ranvier.errors import ConfigurationError, UnsupportedRequestError
from ranvier.messages import Image, Message, Request, Text, Tool, ToolCall, ToolResult, WirePart
from ranvier.messages.build import build_request
from ranvier.providers import OpenAI
from support.providers.asking import opened
from support.providers.conversations import MODELS
from support.providers.seven import APIS, PNG
from support.providers.wire_rules import complaints

pytestmark = pytest.mark.virtual_time

PLAIN = base64.b64encode(PNG).decode()
DATA_URL = f"data:image/png;base64,{PLAIN}"
MARK = {"type": "ephemeral"}
CALL = {"id": "c1", "type": "function", "function": {"name": "shot", "arguments": "{}"}}
CHAT = ("openai", "kimi", "glm", "openrouter")
SOUND = base64.b64encode(b"RIFF....WAVEfmt ").decode()
PICTURE = {"type": "image_url", "image_url": {"url": DATA_URL}}

each_provider = pytest.mark.parametrize("name", APIS)


def user(part: dict[str, Any]) -> list[dict[str, Any]]:
    """A question with that part."""
    return [{"role": "user", "content": [part, {"type": "text", "text": "What?"}]}]


def called(*results: dict[str, Any], **answer: Any) -> list[dict[str, Any]]:
    """A question, a call, and its results."""
    calls = [{**CALL, "id": result["tool_call_id"]} for result in results if "tool_call_id" in result]
    turn = {"role": "assistant", "content": None, "tool_calls": calls, **answer}
    return [{"role": "user", "content": "Look!"}, turn, *results]


class Outcome:
    """What came of asking one of the seven: what was sent, the error, what was told to have been left out."""

    def __init__(self, sent: Any, error: Exception | None, left_out: list[str]) -> None:
        self.sent = sent
        self.text = json.dumps(sent, ensure_ascii=False)
        self.error = error
        self.left_out = left_out


async def asked(name: str, prompt: Any, *, model: str | None = None, **options: Any) -> Outcome:
    """Ask with what a user wrote."""
    request = build_request(prompt, options)  # type: ignore[arg-type]
    kind = APIS.get(name) or (lambda **given: OpenAI(name=name, base_url="https://one.test", **given))
    async with opened(kind, httpx.Response(200, json={})) as server:
        error = None
        try:
            await server.complete(request, model=model or MODELS.get(name, "some-model"))
        except Exception as raised:
            error = raised
        sent = json.loads(server.requests[0].content) if server.requests else None
        return Outcome(sent, error, [event.parameter for event in server.heard])


# --- pictures of tools ---------------------------------------------------------------------------


def result(*parts: Any, id: str = "c1") -> dict[str, Any]:
    """A message of the tool."""
    return {"role": "tool", "tool_call_id": id, "content": list(parts)}


SEE = {"type": "text", "text": "see here"}

HISTORIES: dict[str, Any] = {
    "a dict of chat completions": called(result(SEE, PICTURE)),
    "a picture alone": called(result(PICTURE)),
    "a dict of Anthropic's": [
        {"role": "user", "content": "Look!"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "shot", "input": {}}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": [
                        SEE,
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PLAIN},
                        },
                    ],
                },
                {"type": "text", "text": "What is it?"},
            ],
        },
    ],
    "parts of a result": [
        Message.user("Look!"),
        Message.assistant(tool_calls=[ToolCall("c1", "shot")]),
        Message.tool("c1", ("see here", Image(data=PNG))),
    ],
    "a picture beside the result": [
        Message.user("Look!"),
        Message.assistant(tool_calls=[ToolCall("c1", "shot")]),
        Message("tool", (ToolResult("c1", "see here"), Text("and"), Image(data=PNG))),
    ],
}


@each_provider
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
async def test_a_picture_that_a_tool_gave_back_goes_out(name: str, history: Any) -> None:
    """By everybody, in a request that the server takes."""
    outcome = await asked(name, [*history])
    assert PLAIN in outcome.text
    assert not complaints(name, outcome.sent)
    if history is not HISTORIES["a picture alone"]:
        assert outcome.text.index("see here") < outcome.text.index(PLAIN)


@pytest.mark.parametrize("name", CHAT)
async def test_pictures_follow_all_results_of_a_turn(name: str) -> None:
    """A message of the tool has no place for them, and nothing may stand between calls and results."""
    history = called(result(PICTURE), result(SEE, PICTURE, id="c2"), result(SEE, id="c3"))
    outcome = await asked(name, [*history, {"role": "user", "content": "What is it?"}])
    roles = [message["role"] for message in outcome.sent["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "tool", "user", "user"]
    assert outcome.sent["messages"][2]["content"] == "The result follows in the next message."
    shown = outcome.sent["messages"][5]["content"]
    assert [part["type"] for part in shown] == ["text", "image_url"] * 2
    assert "shot (call c1)" in shown[0]["text"]
    assert "shot (call c2)" in shown[2]["text"]


@pytest.mark.parametrize("name", ["gemini", "anthropic", "ollama"])
async def test_pictures_stand_in_the_result_where_the_wire_has_a_place(name: str) -> None:
    """Next to the words, so that the model knows whose they are."""
    outcome = await asked(name, called(result(SEE, PICTURE), result(SEE, id="c2")))
    if name == "gemini":
        first, second = outcome.sent["contents"][-1]["parts"]
        blob = {"inlineData": {"mimeType": "image/png", "data": PLAIN}}
        assert first["functionResponse"]["parts"] == [blob]
        assert first["functionResponse"]["response"] == {"result": "see here"}
        assert "parts" not in second["functionResponse"]
    elif name == "anthropic":
        first, second = outcome.sent["messages"][-1]["content"]
        assert [block["type"] for block in first["content"]] == ["text", "image"]
        assert second["content"] == "see here"
    else:
        first, second = outcome.sent["messages"][-2:]
        assert (first["role"], first["images"], first["content"]) == ("tool", [PLAIN], "see here")
        assert "images" not in second


async def test_older_models_of_gemini_see_pictures_after_the_result() -> None:
    """They know no parts of a result; nor does any model fetch pictures there."""
    by_address = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    for model, picture in (("gemini-2.5-flash", PICTURE), ("gemini-3.6-flash", by_address)):
        outcome = await asked("gemini", called(result(SEE, picture)), model=model)
        response, words, shown = outcome.sent["contents"][-1]["parts"]
        assert "parts" not in response["functionResponse"]
        assert "shot (call c1)" in words["text"]
        assert shown.keys() <= {"inlineData", "fileData"}


@each_provider
async def test_a_document_in_a_result_goes_to_those_who_take_it(name: str) -> None:
    """The others have no place for it, and say so before anything is sent."""
    document = {
        "type": "document",
        "title": "mark of title",
        "source": {"type": "url", "url": "https://x.test/a.pdf"},
    }
    outcome = await asked(name, called(result(SEE, document)))
    if name in ("anthropic", "responses", "gemini", "openrouter"):
        assert "https://x.test/a.pdf" in outcome.text
        assert ("mark of title" in outcome.text) == (name in ("anthropic", "openrouter"))
        assert outcome.left_out == ["name"] * (name in ("responses", "gemini"))
    else:
        assert isinstance(outcome.error, UnsupportedRequestError)
        assert "takes no PDF by URL" in str(outcome.error)
        assert outcome.sent is None


# --- fields that not everybody has -----------------------------------------------------------------

SENT = "sent"
TOLD = "left out, with an event"
REFUSED = "refused"

FIELDS: list[tuple[str, str, Any, dict[str, Any], Sequence[str], str]] = [
    # key, mark, prompt, options, who is sent it, what becomes of it elsewhere
    (
        "cache_control",
        "ephemeral",
        user({"type": "text", "text": "long", "cache_control": MARK}),
        {},
        ("anthropic", "openrouter"),
        TOLD,
    ),
    (
        "cache_control",
        "ephemeral",
        user({**PICTURE, "cache_control": MARK}),
        {},
        ("anthropic", "openrouter"),
        TOLD,
    ),
    (
        "cache_control",
        "ephemeral",
        [
            {"role": "system", "content": "Be brief.", "cache_control": MARK},
            {"role": "user", "content": "Why?"},
        ],
        {},
        ("anthropic", "openrouter"),
        TOLD,
    ),
    (
        "cache_control",
        "ephemeral",
        called({**result(SEE), "cache_control": MARK}),
        {},
        ("anthropic", "openrouter"),
        TOLD,
    ),
    (
        "cache_control",
        "ephemeral",
        "Why?",
        {"tools": [{"name": "look", "input_schema": {"type": "object"}, "cache_control": MARK}]},
        ("anthropic", "openrouter"),
        TOLD,
    ),
    (
        "detail",
        "mark of detail",
        user({"type": "image_url", "image_url": {"url": DATA_URL, "detail": "mark of detail"}}),
        {},
        (*CHAT, "responses"),
        TOLD,
    ),
    (
        "strict",
        "strict",
        "Why?",
        {"tools": [{"type": "function", "function": {"name": "look", "strict": True}}]},
        ("anthropic", "openai", "responses", "openrouter"),
        TOLD,
    ),
    (
        "name",
        "mark of ann",
        [{"role": "user", "content": "Why?", "name": "mark of ann"}],
        {},
        ("openai", "kimi", "openrouter"),
        TOLD,
    ),
    (
        "reasoning_content",
        "mark of thought",
        called(result(SEE), reasoning_content="mark of thought"),
        {},
        ("kimi", "glm", "openrouter", "ollama"),
        TOLD,
    ),
    (
        "annotations",
        "mark of link",
        [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "So.", "annotations": [{"url": "mark of link"}]},
            {"role": "user", "content": "Oh."},
        ],
        {},
        (),
        TOLD,
    ),
    (
        "partial",
        "partial",
        [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "So.", "partial": True},
            {"role": "user", "content": "Oh."},
        ],
        {},
        ("kimi",),
        REFUSED,
    ),
    (
        "allowed_callers",
        "mark of caller",
        "Why?",
        {"tools": [{"name": "look", "allowed_callers": ["mark of caller"]}]},
        ("anthropic",),
        REFUSED,
    ),
    (
        "audio",
        SOUND,
        user({"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}}),
        {},
        ("openrouter", "gemini"),
        REFUSED,
    ),
    (
        "document",
        "mark of words",
        user(
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "mark of words"},
            }
        ),
        {},
        tuple(APIS),
        SENT,
    ),
    (
        "web_search_20250305",
        "web_search_20250305",
        "Why?",
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        ("anthropic",),
        REFUSED,
    ),
    (
        "custom",
        "mark of free",
        "Why?",
        {"tools": [Tool("look"), {"type": "custom", "custom": {"name": "mark of free"}}]},
        CHAT,
        REFUSED,
    ),
    (
        "google_search",
        "google_search",
        "Why?",
        {"tools": [Tool("look"), {"google_search": {}}]},
        ("gemini",),
        REFUSED,
    ),
]


@each_provider
@pytest.mark.parametrize(
    ("key", "mark", "prompt", "options", "sent_to", "elsewhere"),
    FIELDS,
    ids=[f"{row[0]}-{index}" for index, row in enumerate(FIELDS)],
)
async def test_a_field_is_sent_told_of_or_refused(
    name: str, key: str, mark: str, prompt: Any, options: Any, sent_to: Sequence[str], elsewhere: str
) -> None:
    """Never left out in silence: whoever does not know it is not asked, or listeners hear of it once."""
    outcome = await asked(name, prompt, **options)
    if name in sent_to:
        assert mark in outcome.text
        assert key not in outcome.left_out
    elif elsewhere is TOLD:
        assert mark not in outcome.text
        assert outcome.left_out.count(key) == 1
    else:
        assert isinstance(outcome.error, UnsupportedRequestError)
        assert key in str(outcome.error)
        assert outcome.sent is None


async def test_another_server_of_the_dialect_is_sent_what_the_user_gives() -> None:
    """Nothing is known of it, so it decides itself."""
    marked = [{"type": "text", "text": "long", "cache_control": MARK}, {"type": "text", "text": "?"}]
    begun = {"role": "assistant", "content": "So", "prefix": True}
    outcome = await asked("elsewhere", [{"role": "user", "content": marked, "name": "ann"}, begun])
    first, last = outcome.sent["messages"]
    assert first == {"role": "user", "content": marked, "name": "ann"}
    assert last == {"role": "assistant", "content": "So", "prefix": True}
    assert outcome.left_out == []


async def test_fields_of_a_result_typed_by_hand_are_not_lost() -> None:
    """Where nothing is known of the server they go out, elsewhere listeners hear of them."""
    message = Message("tool", (ToolResult("c1", "see"),), {"name": "mark"})
    history = [Message.user("Look!"), Message.assistant(tool_calls=[ToolCall("c1", "shot")]), message]
    outcome = await asked("elsewhere", history)
    assert outcome.sent["messages"][-1]["name"] == "mark"
    assert (await asked("glm", history)).left_out == ["name"]


async def test_reasoning_of_a_round_goes_back_where_results_stand_in_messages_of_the_user() -> None:
    """Anthropic's form of a history, at a server that wants the reasoning of all turns of a round."""
    history = HISTORIES["a dict of Anthropic's"]
    answer = {"role": "assistant", "content": "A cat.", "reasoning_content": "mark of thought"}
    outcome = await asked("elsewhere", [*history, answer, {"role": "user", "content": "Sure?"}])
    assert outcome.sent["messages"][-2]["reasoning_content"] == "mark of thought"


async def test_one_event_tells_of_a_field_that_many_parts_have() -> None:
    """However long the history."""
    parts = [{"type": "text", "text": "long", "cache_control": MARK}] * 4
    outcome = await asked("openai", [{"role": "user", "content": parts}] * 3)
    assert outcome.left_out == ["cache_control"]


async def test_instructions_with_a_mark_become_blocks_of_anthropic() -> None:
    """With those of the request before them; without a mark they stay one text."""
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": MARK}]},
        {"role": "user", "content": "Why?"},
    ]
    outcome = await asked("anthropic", messages, system="Be kind.")
    assert outcome.sent["system"] == [
        {"type": "text", "text": "Be kind."},
        {"type": "text", "text": "Be brief.", "cache_control": MARK},
    ]
    plain = await asked("anthropic", [Message.system("Be brief."), Message.user("Why?")], system="Be kind.")
    assert plain.sent["system"] == "Be kind.\n\nBe brief."


@pytest.mark.parametrize("name", ["anthropic", "gemini"])
async def test_pictures_in_instructions_are_refused_where_these_are_words(name: str) -> None:
    """The next target may take them."""
    outcome = await asked(
        name, [Message("system", (Text("Like this:"), Image(data=PNG))), Message.user("Go.")]
    )
    assert isinstance(outcome.error, UnsupportedRequestError)
    assert "only text as instructions" in str(outcome.error)


@each_provider
async def test_the_instructions_of_a_developer_are_instructions(name: str) -> None:
    """Under the name that each wire has for them."""
    history = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    as_system = [Message.system("Be brief."), Message.user("Why?")]
    assert (await asked(name, history)).sent == (await asked(name, as_system)).sent


@each_provider
async def test_a_choice_in_any_words_is_the_same_request(name: str) -> None:
    """The dict of one API means the same on every wire."""
    dicts = [{"type": "tool", "name": "look"}, {"type": "function", "function": {"name": "look"}}]
    by_name = await asked(name, "Why?", tools=[Tool("look")], tool_choice="look")
    for choice in dicts:
        assert (await asked(name, "Why?", tools=[Tool("look")], tool_choice=choice)).sent == by_name.sent


@each_provider
@pytest.mark.parametrize("fields", [{"n": 2}, {"generationConfig": {"candidateCount": 2}}])
async def test_several_answers_asked_of_one_provider_are_rejected(name: str, fields: Any) -> None:
    """In the fields that go to it alone, too."""
    outcome = await asked(name, "Why?", extra={name: fields})
    assert isinstance(outcome.error, ConfigurationError)
    assert "several answers" in str(outcome.error)
    assert outcome.sent is None


async def test_typed_parts_of_another_wire_are_refused_by_their_type() -> None:
    """And a part of its own is sent as it is."""
    part = WirePart("gemini", {"videoMetadata": {"fps": 1}, "fileData": {"fileUri": "https://x.test/v"}})
    outcome = await asked("gemini", Request((Message("user", (part, Text("?"))),)))
    assert outcome.sent["contents"][0]["parts"][0] == dict(part.data)
    refused = await asked("ollama", Request((Message("user", (part, Text("?"))),)))
    assert isinstance(refused.error, UnsupportedRequestError)
