"""Documents and sound at every provider: in the way of its wire, or passed over before anything is sent."""

import base64
import json
from typing import Any

import httpx
import pytest

from ranvier.errors import UnsupportedRequestError
from ranvier.events import ParameterDropped
from ranvier.messages import Audio, Document, Message, Request, Text, ToolCall, ToolResult
from ranvier.providers import OpenAI
from support.messages.saving import PDF, WAV
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

NOTHING = httpx.Response(200, json={})
PLAN, SONG = "https://x.test/plan.pdf", "https://x.test/song.mp3"
PDF_64, WAV_64 = base64.b64encode(PDF).decode(), base64.b64encode(WAV).decode()
MODELS = {"openai": "gpt-audio", "openrouter": "google/gemini-3.6-flash", "glm": "glm-4.6v"}
"""Models that hear or see, where not all of the provider's do."""

each_provider = pytest.mark.parametrize("name", APIS)


def called(*content: Any) -> Request:
    """A request with the result of a tool."""
    call = Message.assistant(tool_calls=[ToolCall("c1", "read")])
    return Request((Message.user("Read!"), call, Message.tool("c1", content, name="read")))


def asked(*parts: Any) -> Request:
    """A request with these parts in its one message."""
    return Request((Message("user", parts),))


async def sent(ask: Any, name: str, request: Request, **given: Any) -> Any:
    """The body that is sent, and the names of what was left out; else why not, and if that was foreseen."""
    async with ask(APIS[name], NOTHING) as server:
        given.setdefault("model", MODELS.get(name))
        lacking = server.provider.lacks(server.call(request, **given))
        refusal = None
        try:
            await server.complete(request, **given)
        except UnsupportedRequestError as error:
            refusal = error
        except Exception:  # because: the server has answered with nothing
            pass
        assert (refusal is None) == bool(server.requests)
        if refusal is not None:
            assert refusal.fails_over
            return str(refusal), lacking is not None
        assert lacking is None
        left_out = [event.parameter for event in server.heard if isinstance(event, ParameterDropped)]
        return json.loads(server.requests[0].content), left_out


def content(name: str, body: Any) -> Any:
    """The content of the last message."""
    turn = body["contents" if name == "gemini" else "input" if name == "responses" else "messages"][-1]
    return turn["parts"] if name == "gemini" else turn if name == "ollama" else turn["content"]


def chat_file(data: str, filename: str) -> dict[str, Any]:
    """A file of chat completions."""
    return {"type": "file", "file": {"filename": filename, "file_data": data}}


# --- the parts -----------------------------------------------------------------------------------

DATA_URL = f"data:application/pdf;base64,{PDF_64}"
BY_BYTES: dict[str, Any] = {
    "anthropic": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF_64},
        "title": "a.pdf",
    },
    "openai": chat_file(DATA_URL, "a.pdf"),
    "responses": {"type": "input_file", "filename": "a.pdf", "file_data": DATA_URL},
    "gemini": {"inlineData": {"mimeType": "application/pdf", "data": PDF_64}},
    "openrouter": chat_file(DATA_URL, "a.pdf"),
}
BY_URL: dict[str, Any] = {
    "anthropic": {"type": "document", "source": {"type": "url", "url": PLAN}, "title": "plan.pdf"},
    "responses": {"type": "input_file", "file_url": PLAN},
    "gemini": {"fileData": {"fileUri": PLAN, "mimeType": "application/pdf"}},
    "openrouter": chat_file(PLAN, "plan.pdf"),
}
SOUND: dict[str, Any] = {
    "openai": {"type": "input_audio", "input_audio": {"data": WAV_64, "format": "wav"}},
    "gemini": {"inlineData": {"mimeType": "audio/wav", "data": WAV_64}},
    "openrouter": {"type": "input_audio", "input_audio": {"data": WAV_64, "format": "wav"}},
}
SOUND_BY_URL: dict[str, Any] = {"gemini": {"fileData": {"fileUri": SONG, "mimeType": "audio/mp3"}}}
OGG = Audio(data=b"OggS\x00")
OGG_64 = OGG.base64
OTHER_SOUND: dict[str, Any] = {
    "gemini": {"inlineData": {"mimeType": "audio/ogg", "data": OGG_64}},
    "openrouter": {"type": "input_audio", "input_audio": {"data": OGG_64, "format": "ogg"}},
}
PARTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a PDF": (Document(data=PDF, name="a.pdf"), BY_BYTES, "takes no PDF;"),
    "a PDF by URL": (Document(PLAN), BY_URL, "takes no PDF by URL;"),
    "sound": (Audio(data=WAV), SOUND, "takes no audio;"),
    "sound by URL": (Audio(SONG), SOUND_BY_URL, "takes no audio;"),
    "sound of another format": (OGG, OTHER_SOUND, "takes no audio"),
}


@each_provider
@pytest.mark.parametrize(("part", "places", "reason"), PARTS.values(), ids=PARTS)
async def test_a_part_is_sent_to_those_who_take_it(
    ask: Any, name: str, part: Any, places: dict[str, Any], reason: str
) -> None:
    """Among the words, in their order. Who takes none is passed over, before and without being asked."""
    body, beside = await sent(ask, name, asked("What is", part, "this?"))
    if name not in places:
        assert beside is True  # `lacks` says so, so that `Fallback` does not even try
        assert reason.replace("audio;", "audio") in body
        return
    assert content(name, body)[1] == places[name]
    assert beside == (["name"] if name == "gemini" and part.data == PDF else [])


@each_provider
async def test_a_text_goes_to_everyone(ask: Any, name: str) -> None:
    """As a document to Anthropic, elsewhere between tags with its name, wherever it stands."""
    notes = Document.from_text("The sky is blue.", "text/markdown", name="notes & so on.md")
    body, left_out = await sent(ask, name, asked("Sum up:", notes, "Shortly."))
    assert left_out == []
    if name == "anthropic":
        assert content(name, body)[1] == {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "The sky is blue."},
            "title": "notes & so on.md",
        }
        return
    tagged = '<document name="notes &amp; so on.md">\\nThe sky is blue.\\n</document>'
    words = json.dumps(content(name, body))
    assert tagged.replace('"', '\\"') in words
    assert words.index("Sum up:") < words.index("The sky") < words.index("Shortly.")


@each_provider
async def test_a_text_in_a_result_and_in_instructions_is_never_lost(ask: Any, name: str) -> None:
    """No wire takes a document among the instructions; a result stands where the wire has it."""
    notes = Document.from_text("The sky is blue.")
    body, left_out = await sent(ask, name, called("see", notes))
    assert left_out == []
    assert json.dumps(body).count("The sky is blue.") == 1
    if name in ("openai", "kimi", "glm", "openrouter"):  # within the result, since it is text
        assert body["messages"][-1] == {
            "role": "tool",
            "tool_call_id": "c1",
            "content": "see\n<document>\nThe sky is blue.\n</document>\n",
        }
    if name == "gemini":
        response = body["contents"][-1]["parts"][0]["functionResponse"]["response"]
        assert "The sky is blue." in response["result"]
    told = Request((Message("system", ("Answer from", notes)), Message.user("Why?")))
    body, _ = await sent(ask, name, told)
    assert json.dumps(body).count("<document>\\nThe sky is blue.\\n</document>") == 1


@each_provider
async def test_media_in_a_result_are_sent_by_the_same_rule(ask: Any, name: str) -> None:
    """Inside it where the wire has a place, else after the last one."""
    for part, places, encoded in (
        (Document(data=PDF), BY_BYTES, PDF_64),
        (Audio(data=WAV), SOUND, WAV_64),
        (Document(PLAN), BY_URL, PLAN),
    ):
        body, beside = await sent(ask, name, called("see", part))
        if name not in places:
            assert beside is True
            continue
        text = json.dumps(body)
        assert text.count(encoded) == 1
        inside = {
            "anthropic": lambda body: body["messages"][-1]["content"][0]["content"],
            "responses": lambda body: body["input"][-1]["output"],
            "gemini": lambda body: body["contents"][-1]["parts"][0]["functionResponse"],
        }.get(name)
        within = inside is not None and encoded in json.dumps(inside(body))
        assert within == (name in ("anthropic", "responses") or (name == "gemini" and part.data == PDF))
        if not within:
            assert "(call c1)" in text[: text.index(encoded)]


@each_provider
@pytest.mark.parametrize("part", [Document(data=PDF), Document.from_text("x"), Audio(data=WAV)])
async def test_media_of_the_assistants_are_never_lost_silently(ask: Any, name: str, part: Any) -> None:
    """Gemini takes what it takes of the user; all others cannot be asked."""
    history = (Message.user("Draw"), Message("assistant", ("So:", part)), Message.user("Again"))
    body, _ = await sent(ask, name, Request(history))
    if name == "gemini":
        assert part.base64 in json.dumps(body["contents"][1])
    else:
        assert "from the assistant" in body or "takes no" in body


# --- further fields ------------------------------------------------------------------------------


async def test_further_fields_go_to_those_who_know_them(ask: Any) -> None:
    """Those that tune are left out elsewhere; one with a meaning keeps a target from being asked."""
    cited = Document(data=PDF, extra={"citations": {"enabled": True}, "cache_control": {"type": "ephemeral"}})
    body, left_out = await sent(ask, "anthropic", asked(cited))
    assert body["messages"][0]["content"][0]["citations"] == {"enabled": True}
    assert left_out == []
    body, left_out = await sent(ask, "responses", asked(cited))
    assert left_out == ["citations", "cache_control"]
    close = Document(data=PDF, extra={"detail": "high", "prompt_cache_breakpoint": {"mode": "explicit"}})
    body, left_out = await sent(ask, "responses", asked(close))
    assert body["input"][0]["content"][0]["detail"] == "high"
    assert left_out == []
    assert (await sent(ask, "openai", asked(close)))[1] == ["detail"]
    told = Document(data=b"x", extra={"context": "from a customer"})
    assert (await sent(ask, "anthropic", asked(told)))[0]["messages"][0]["content"][0]["context"]
    body, _ = await sent(ask, "openai", asked(told))
    assert "does not support the field 'context'" in body


async def test_a_name_that_is_not_that_of_the_url_is_left_out_with_an_event(ask: Any) -> None:
    """By those who take no name; the name of the URL itself is no loss."""
    for name in ("responses", "gemini"):
        assert (await sent(ask, name, asked(Document(PLAN))))[1] == []
        assert (await sent(ask, name, asked(Document(PLAN, name="My plan"))))[1] == ["name"]


async def test_gemini_fetches_only_by_https(ask: Any) -> None:
    """As pictures; the next target may fetch it."""
    body, known = await sent(ask, "gemini", asked(Document("http://x.test/a.pdf")))
    assert "fetches documents only by https" in body
    assert known is False
    body, _ = await sent(ask, "gemini", asked(Document("https://x.test/a.txt")))
    assert content("gemini", body) == [
        {"fileData": {"fileUri": "https://x.test/a.txt", "mimeType": "text/plain"}}
    ]


# --- models and APIs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "hears"),
    [
        ("gpt-audio", True),
        ("gpt-4o-audio-preview-2025", True),
        ("gpt-4o-mini-audio-preview", True),
        ("gpt-5.2", False),
        ("gpt-4o", False),
        ("o3", False),
        ("brand-new", True),
    ],
)
async def test_sound_goes_to_models_that_hear(ask: Any, model: str, hears: bool) -> None:
    """Or of which nothing is known; by chat completions, the only API of OpenAI's that takes it."""
    async with ask(OpenAI, NOTHING) as server:
        call = server.call(asked(Audio(data=WAV)), model=model)
        lacking = server.provider.lacks(call)
        if not hears:
            assert "takes no audio" in str(lacking)
            return
        assert lacking is None
        await server.sent(asked(Audio(data=WAV)), model=model)
    assert server.requests[0].url.path == "/v1/chat/completions"


async def test_a_server_of_your_own_is_sent_what_its_api_has(ask: Any) -> None:
    """Nothing is known of its models."""
    async with ask(OpenAI, NOTHING, base_url="https://gpu.test/v1", name="gpu") as server:
        body = await server.sent(asked(Audio(data=WAV), Document(data=PDF)), model="gpt-5.2")
    assert [part["type"] for part in body["messages"][0]["content"]] == ["input_audio", "file"]
    assert body["messages"][0]["content"][1]["file"]["filename"] == "document.pdf"


async def test_models_of_text_alone_take_documents_of_text_alone(ask: Any) -> None:
    """What is sent as text is no file to them."""
    async with ask(OpenAI, NOTHING) as server:
        text, pdf = Document.from_text("x"), Document(data=PDF)
        assert server.provider.lacks(server.call(asked(text), model="gpt-3.5-turbo")) is None
        lacking = server.provider.lacks(server.call(asked(text, pdf), model="gpt-3.5-turbo"))
        assert "takes only text" in str(lacking)


async def test_a_conversation_without_documents_is_sent_as_it_is(ask: Any) -> None:
    """The same object: nothing is copied for what is not used."""
    from ranvier.providers._history.history import translated

    async with ask(APIS["openai"], NOTHING) as server:
        parts = (ToolResult("c1", "words", "read"),)
        call = server.call(
            Request((Message.user("Hi"), Message("user", (Text("x"),)), Message("tool", parts)))
        )
        assert translated(call, server.provider) is call
