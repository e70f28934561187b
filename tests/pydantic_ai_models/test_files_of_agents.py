"""Pictures, documents and sound between pydantic-ai and ranvier, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.messages import AudioUrl, DocumentUrl, ImageUrl, ModelResponse, TextPart
from pydantic_ai.models.function import FunctionModel

from ranvier import Audio, Document, Image, Message, Response, ToolCall
from ranvier.integrations.pydantic_ai import PipelineModel
from ranvier.providers import Stub, from_pydantic_ai
from ranvier.testing import ScriptedProvider
from support.pydantic_ai_models.models import Models

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
PDF = b"%PDF-1.7 a report"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "

FILES = [
    BinaryContent(PNG, media_type="image/png"),
    BinaryContent(PDF, media_type="application/pdf"),
    BinaryContent(b"a;b", media_type="text/csv"),
    BinaryContent(WAV, media_type="audio/wav"),
    ImageUrl("https://example.com/a.png"),
    DocumentUrl("https://example.com/a.pdf"),
    DocumentUrl("https://example.com/a", media_type="text/plain"),
    AudioUrl("https://example.com/a.mp3"),
]
OURS = [
    Image(data=PNG),
    Document(data=PDF),
    Document(data=b"a;b", media_type="text/csv"),
    Audio(data=WAV),
    Image("https://example.com/a.png", media_type="image/png"),
    Document("https://example.com/a.pdf"),
    Document("https://example.com/a", media_type="text/plain"),
    Audio("https://example.com/a.mp3"),
]


async def test_files_in_a_prompt_are_our_parts(models: Models) -> None:
    provider = ScriptedProvider("scripted", ["Seen."])
    await Agent(PipelineModel(models.pipeline(provider))).run(["See", *FILES])
    (message,) = provider.calls[0].request.messages
    assert list(message.parts[1:]) == OURS


async def test_files_of_a_tool_stay_in_their_place(models: Models) -> None:
    """Between the words around them."""
    provider = ScriptedProvider("scripted", [Response("", tool_calls=(ToolCall("c1", "look"),)), "Seen."])
    agent = Agent(PipelineModel(models.pipeline(provider)))

    @agent.tool_plain
    def look() -> list[Any]:
        return ["before", FILES[1], "between", FILES[0], {"after": 1}]

    await agent.run("Look")
    result = provider.calls[1].request.messages[-1].parts[0]
    assert [getattr(part, "text", None) or part for part in result.parts] == [  # type: ignore[union-attr]
        "before",
        OURS[1],
        "between",
        OURS[0],
        '{"after":1}',
    ]


async def test_the_same_files_are_sent_as_by_their_own_model(models: Models) -> None:
    """By the Responses API."""
    sent = []
    for model in (models.ours(), models.theirs()):
        await Agent(model).run(["See", FILES[0], FILES[1], FILES[5]])
        (item,) = [each for each in models.simulator.requests[-1].body["input"] if each["role"] == "user"]
        sent.append([_essence(part) for part in item["content"]])
    assert sent[0] == sent[1]
    assert [kind for kind, _ in sent[0]] == ["input_text", "input_image", "input_file", "input_file"]


def _essence(part: dict[str, Any]) -> tuple[str, str]:
    content = next(part[name] for name in ("text", "image_url", "file_data", "file_url") if name in part)
    return part["type"], content


# --- behind the layers -----------------------------------------------------------------------------------


async def asked(models: Models, *parts: Any, **profile: bool) -> Any:
    """The content that a model of pydantic-ai gets for these parts; or the answer of the next target."""
    seen: list[Any] = []

    def answer(messages: Any, info: Any) -> ModelResponse:
        seen.extend(messages[0].parts[0].content)
        return ModelResponse(parts=[TextPart("Seen.")])

    model = FunctionModel(answer, model_name="played", profile=profile)  # type: ignore[arg-type]
    pipeline = models.whole(from_pydantic_ai(model), Stub("The next."))
    reply = await pipeline.complete([Message("user", ["See", *parts])])
    return seen[1:] or reply.text


async def test_our_parts_are_files_there(models: Models) -> None:
    assert await asked(models, *OURS) == FILES


async def test_the_name_of_a_document_is_its_identifier(models: Models) -> None:
    """Which models that write a text into the prompt show."""
    (file,) = await asked(models, Document.from_text("a;b", name="sales.csv"))
    assert (file.identifier, file.media_type, file.data) == ("sales.csv", "text/csv", b"a;b")


@pytest.mark.parametrize(
    ("part", "flag"),
    [
        (OURS[0], "supports_image_input"),
        (OURS[1], "supports_document_input"),
        (OURS[3], "supports_audio_file_input"),
        (Audio(data=WAV, extra={"a": 1}), "supports_image_input"),
    ],
    ids=str,
)
async def test_a_model_without_such_files_is_passed_over(part: Any, flag: str, models: Models) -> None:
    """Before it is asked."""
    assert await asked(models, part, **{flag: False}) == "The next."


async def test_a_text_is_taken_by_every_model(models: Models) -> None:
    assert await asked(models, OURS[2], supports_document_input=False) == [FILES[2]]


async def test_sound_passes_their_responses_model_over(models: Models) -> None:
    """Its API takes none."""
    pipeline = models.whole(from_pydantic_ai(models.theirs()), Stub("The next."))
    answer = await pipeline.complete([Message("user", ["Hear", Audio(data=WAV)])])
    assert answer.text == "The next."
    assert answer.attempts[0].outcome == "invalid_request"
    assert not models.simulator.requests


async def test_a_pdf_reaches_their_responses_model(models: Models) -> None:
    await models.behind().complete([Message("user", ["See", Document(data=PDF)])])
    content = models.simulator.requests[0].body["input"][0]["content"]
    assert "input_file" in [part["type"] for part in content]
