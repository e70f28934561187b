"""What providers say beside the content: citations, logprobs, refusals, the class of service."""

import json
import random
from typing import Any

import httpx
import pytest
from hypothesis import given

from ranvier.messages import Citation, Details, Response
from ranvier.providers._reading.details import citations_in, found, logprobs_in
from ranvier.providers.anthropic.answer import citations_of, note_end
from ranvier.providers.chat_completions.answer import note, tier_of
from ranvier.providers.converse import citations as converse
from ranvier.providers.gemini.details import FIELDS, DetailReader
from support.fuzz.fuzzing import tried
from support.messages.saving import JSON, OBJECTS
from support.providers.asking import opened
from support.providers.beside import CHAT, SENT, sse
from support.providers.seven import APIS, collected

each_provider = pytest.mark.parametrize("name", APIS)

TEXTS = dict.fromkeys(("anthropic", "converse"), "Look: Sunny.")


async def whole(name: str, answer: Any) -> Response:
    """What is read of a whole answer."""
    async with opened(APIS[name], httpx.Response(200, json=answer)) as server:
        response: Response = await server.complete(model="m")
    return response


async def in_pieces(streamed: Any, name: str, *pieces: bytes) -> Response:
    """What is read of a stream in these pieces."""
    async with opened(APIS[name], streamed(*pieces)) as server:
        return collected(await server.stream(model="m"), name)


@each_provider
async def test_a_whole_answer_has_all_that_was_sent_beside_it(name: str) -> None:
    """And its text, although the model did not go on."""
    answer, _, expected = SENT[name]
    response = await whole(name, answer)
    assert response.text == TEXTS.get(name, "Sunny.")
    assert response.details == expected
    assert response.citations == tuple(expected.citations)
    assert response.logprobs == tuple(expected.logprobs)
    assert (response.refusal, response.service_tier) == (expected.refusal, expected.service_tier)


@each_provider
async def test_a_streamed_answer_has_the_same(streamed: Any, cut: Any, name: str) -> None:
    """In whatever pieces it arrives; the last event has it, too."""
    _, content, expected = SENT[name]
    dice = random.Random(name)
    for pieces in ([content], *(list(cut(content, dice)) for _ in range(9))):
        response = await in_pieces(streamed, name, *pieces)
        assert response.text == TEXTS.get(name, "Sunny.")
        assert response.details == expected


@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_sources_beside_the_choices_are_citations(streamed: Any, way: str) -> None:
    """Of Perplexity, whose every chunk repeats them, and of GLM; those of the text itself come first."""
    results = [{"title": "Bern", "url": "https://example.com/bern", "snippet": "It shines."}]
    links = [{"title": "Bern", "link": "https://example.com/bern", "content": "It shines."}]
    urls = ["https://example.com/bern", "https://example.com/b"]
    for beside, expected in (
        (
            {"search_results": results, "citations": urls},
            [Citation(urls[0], "Bern", "It shines.", source=results[0])],
        ),
        ({"web_search": links}, [Citation(urls[0], "Bern", "It shines.", source=links[0])]),
        ({"citations": urls}, [Citation(url) for url in urls]),
    ):
        plain = {"index": 0, "message": {"content": "Sunny."}, "finish_reason": "stop"}
        chunks = (
            {"id": "p", "choices": [{"index": 0, "delta": {"content": "Sunny."}}], **beside},
            {"id": "p", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **beside},
        )
        if way == "whole":
            response = await whole("openai", {"choices": [plain], **beside})
            annotated = await whole("openai", {**CHAT, **beside})
            assert [each.url for each in annotated.citations] == ["https://example.com/bern"]
        else:
            response = await in_pieces(streamed, "openai", sse(*chunks, "[DONE]"))
        assert list(response.citations) == expected


async def test_an_answer_without_any_has_none() -> None:
    """And no two answers share their details."""
    plain = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    first, second = await whole("openai", plain), await whole("openai", plain)
    assert first.details == Details()
    assert first.details is not second.details
    assert (first.citations, first.logprobs, first.refusal, first.service_tier) == ((), (), None, None)


@tried(300)
@given(JSON, OBJECTS)
def test_nonsense_beside_an_answer_is_left_out(value: Any, fields: dict[str, Any]) -> None:
    """Whatever stands where a citation or a token is expected: the answer itself counts."""
    details = Details()
    for odd in (value, [value], fields, [fields, {**fields, "type": "url_citation", "url_citation": value}]):
        details.citations += citations_in(odd)
        details.logprobs += logprobs_in(odd)
        details.citations += found({"search_results": odd, "citations": odd}) + found({"web_search": odd})
        details.citations += citations_of({"citations": odd}, odd)
        details.citations += converse.citations_of(odd, "") + converse.citations_of(
            [{"location": odd, "sourceContent": odd}, {"location": {"web": odd}, "title": odd}], "It."
        )
        note_end(details, odd, odd)
        note(details, {"logprobs": odd}, {"annotations": odd})
        assert tier_of({"service_tier": odd, "usage": odd}) is None or isinstance(odd, str) or fields
        reader = DetailReader(details)
        for name in FIELDS:
            nested = {"groundingChunks": [fields], "groundingSupports": odd, "chosenCandidates": odd}
            for each in (
                odd,
                nested,
                {"groundingSupports": [{"groundingChunkIndices": odd, "segment": odd}]},
            ):
                reader.read({name: each})
        reader.finish({"finishMessage": odd}, {"usageMetadata": odd}, refused=True)
    json.dumps([each.logprob for each in details.logprobs])


@each_provider
async def test_nonsense_beside_an_answer_leaves_the_answer(name: str) -> None:
    """The same through the adapters: text and finish reason are read."""
    answer, _, _ = SENT[name]
    for odd in (7, "x", [7], {"type": 7}, [{"type": "url_citation"}], [{"token": 1, "logprob": "x"}]):
        response = await whole(name, spoiled(answer, odd))
        assert response.text.endswith("Sunny.")


NAMES = frozenset((
    *("annotations", "citations", "logprobs", "service_tier", "groundingMetadata", "citationMetadata"),
    *("logprobsResult", "serviceTier", "finishMessage"),
))  # fmt: skip


def spoiled(value: Any, odd: object) -> Any:
    """`value` with `odd` in place of everything beside the content."""
    if isinstance(value, list):
        return [spoiled(each, odd) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: odd if key in NAMES else spoiled(each, odd) for key, each in value.items()}
