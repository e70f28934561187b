"""Reads what Gemini says beside an answer: its sources, the probabilities of its tokens, and its tier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ranvier.messages.beside.details import Citation, Details, TokenLogprob
from ranvier.providers._reading.details import objects, place, token, words
from ranvier.providers._reading.reading import Json

FIELDS: Final = frozenset(("groundingMetadata", "citationMetadata", "logprobsResult"))
"""The fields of a candidate that are read here."""


class DetailReader:
    """Reads the details of one answer, piece by piece."""

    def __init__(self, details: Details) -> None:
        self._details = details
        self._recited = (
            0  # citations that stand before those of the last grounding, which replaces the others
        )

    def read(self, candidate: Json) -> None:
        """Read the fields `FIELDS` of a candidate."""
        citations, recited = self._details.citations, list(_recited(candidate.get("citationMetadata")))
        citations[self._recited : self._recited] = recited
        self._recited += len(recited)
        if grounded := list(_grounded(candidate.get("groundingMetadata"))):
            citations[self._recited :] = grounded
        self._details.logprobs += _logprobs(candidate.get("logprobsResult"))

    def finish(self, candidate: Json, body: Json, *, refused: bool) -> None:
        """Read what comes with a finish reason."""
        counts = body.get("usageMetadata")
        if isinstance(counts, dict):
            self._details.service_tier = words(counts.get("serviceTier")) or words(counts.get("trafficType"))
        if refused:
            self._details.refusal = words(candidate.get("finishMessage"))


def _recited(value: object) -> Iterator[Citation]:
    """The sources that an answer repeats at length; `citations` is Vertex's name of them."""
    fields = value if isinstance(value, dict) else {}
    for each in objects(fields.get("citationSources") or fields.get("citations")):
        yield Citation(
            url=words(each.get("uri")),
            title=words(each.get("title")),
            start=place(each.get("startIndex")),
            end=place(each.get("endIndex")),
            source=each,
        )


def _grounded(value: object) -> Iterator[Citation]:
    """One citation for each source of each supported passage; sources that support none come last."""
    fields = value if isinstance(value, dict) else {}
    chunks, used = objects(fields.get("groundingChunks")), set()
    for support in objects(fields.get("groundingSupports")):
        segment = support.get("segment")
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else ():
            if type(index) is int and 0 <= index < len(chunks):
                used.add(index)
                yield _source(chunks[index], segment if isinstance(segment, dict) else {})
    yield from (_source(chunk, {}) for index, chunk in enumerate(chunks) if index not in used)


def _source(chunk: Json, segment: Json) -> Citation:
    fields = next(
        (each for each in chunk.values() if isinstance(each, dict)), {}
    )  # web, retrievedContext, maps
    return Citation(
        url=words(fields.get("uri")),
        title=words(fields.get("title")),
        quote=words(fields.get("text")),
        passage=words(segment.get("text")),
        start=place(segment.get("startIndex", 0 if segment else None)),  # 0 is left out
        end=place(segment.get("endIndex")),
        source=chunk,
    )


def _logprobs(value: object) -> Iterator[TokenLogprob]:
    fields = value if isinstance(value, dict) else {}
    tops = fields.get("topCandidates")
    for index, chosen in enumerate(objects(fields.get("chosenCandidates"))):
        top = tops[index] if isinstance(tops, list) and index < len(tops) else None
        candidates = objects(top.get("candidates")) if isinstance(top, dict) else []
        others = (token(each.get("token"), each.get("logProbability")) for each in candidates)
        read = token(chosen.get("token"), chosen.get("logProbability"), filter(None, others))
        if read is not None:
            yield read
