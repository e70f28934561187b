"""Answers that hold nothing, and answers that hold no words but something else, on every wire."""

from typing import Any

import httpx
import pytest

from ranvier.messages import FinishReason, Native, Response
from ranvier.providers import OpenRouter
from support.providers.five_wires import WIRES, as_chat, chat_chunk, chat_whole
from support.providers.openai_apis import Chat
from support.providers.seven import collected

each_wire = pytest.mark.parametrize("name", WIRES)


async def answers(ask: Any, kind: Any, whole: Any, stream: bytes) -> list[Response]:
    """What the two bodies say."""
    async with ask(kind, httpx.Response(200, json=whole)) as server:
        answer = await server.complete(model="m")
    async with ask(kind, httpx.Response(200, content=stream)) as server:
        return [answer, collected(await server.stream(model="m"))]


@each_wire
@pytest.mark.parametrize("text", ["", None, "\n"])
async def test_a_stop_without_a_word_is_an_empty_answer(ask: Any, name: str, text: str | None) -> None:
    """It is told as what it is, whatever tokens are reported."""
    wire = WIRES[name]
    given = {"usage": wire.counts(9, 4)}
    for answer in await answers(ask, wire.kind, wire.whole(text, **given), wire.stream(text, **given)):
        assert (answer.finish_reason, answer.empty) == (FinishReason.STOP, True)
        assert answer.usage.total == 13


@each_wire
async def test_words_and_calls_are_not_empty(ask: Any, name: str) -> None:
    """Either is an answer."""
    wire = WIRES[name]
    for given in (("x",), ("", (("a", "look", {}),))):
        for answer in await answers(ask, wire.kind, wire.whole(*given), wire.stream(*given)):
            assert not answer.empty


PICTURES = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]


@pytest.mark.parametrize("kind", [Chat, OpenRouter])
async def test_pictures_of_chat_completions_are_kept(ask: Any, kind: Any) -> None:
    """An answer that draws is not empty, and the pictures are among its parts."""
    whole = chat_whole(None)
    whole["choices"][0]["message"]["images"] = PICTURES
    chunks = [chat_chunk({"content": "", "images": PICTURES}), chat_chunk({}, "stop")]
    for answer in await answers(ask, kind, whole, as_chat(chunks)):
        (part,) = answer.parts
        assert isinstance(part, Native)
        assert (answer.empty, part.data["images"]) == (False, PICTURES)


@pytest.mark.parametrize("kind", [Chat, OpenRouter])
@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"content": "Here:", "images": PICTURES}, "images"),
        ({"content": [{"type": "text", "text": "Here:"}, *PICTURES]}, "content"),
    ],
    ids=["in a field", "in a part"],
)
async def test_pictures_beside_words_are_kept(
    ask: Any, kind: Any, message: dict[str, Any], field: str
) -> None:
    """Also if both come in one chunk."""
    whole = chat_whole(None)
    whole["choices"][0]["message"] |= message
    chunks = [chat_chunk(message), chat_chunk({}, "stop")]
    for answer in await answers(ask, kind, whole, as_chat(chunks)):
        (part,) = (part for part in answer.parts if isinstance(part, Native))
        assert (answer.text, part.data[field]) == ("Here:", PICTURES)


async def test_sound_of_chat_completions_is_kept(ask: Any) -> None:
    """Its pieces are put together."""
    sound = {"id": "audio_1", "data": "AAAABBBB", "transcript": "Hello", "expires_at": 7}
    whole = chat_whole(None)
    whole["choices"][0]["message"]["audio"] = sound
    pieces = [
        {"id": "audio_1", "transcript": "Hel"},
        {"data": "AAAA"},
        {"data": "BBBB", "transcript": "lo"},
        {"expires_at": 7},
    ]
    chunks = [*(chat_chunk({"audio": piece}) for piece in pieces), chat_chunk({}, "stop")]
    for answer in await answers(ask, Chat, whole, as_chat(chunks)):
        (part,) = answer.parts
        assert isinstance(part, Native)
        assert (answer.empty, part.data["audio"]) == (False, sound)
