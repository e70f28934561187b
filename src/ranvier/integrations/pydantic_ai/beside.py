"""Translates the details of an answer for pydantic-ai: its citations, and `provider_details`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pydantic_ai import messages as theirs
from pydantic_ai.messages import ModelResponsePart, TextPart

from ranvier.integrations.pydantic_ai.kept import keep
from ranvier.messages.beside.details import Citation, TokenLogprob
from ranvier.messages.response import Response


def details_of(answer: Response[Any]) -> dict[str, Any] | None:
    """The `provider_details`: details without a field in pydantic-ai, and the saved message."""
    details: dict[str, Any] = {
        "finish_reason": answer.raw_finish_reason,
        "service_tier": answer.service_tier,
        "refusal": answer.refusal,
        "request_id": answer.request_id,
        "logprobs": [*map(_token, answer.logprobs)],
        "citations": [dict(each.source) for each in answer.citations if each.source],
    }
    return {name: value for name, value in {**details, **(keep(answer) or {})}.items() if value} or None


def with_citations(parts: Sequence[ModelResponsePart], answer: Response[Any]) -> list[ModelResponsePart]:
    """`parts` with the citations at the last text; without positions if there are several texts."""
    texts = [number for number, part in enumerate(parts) if isinstance(part, TextPart)]
    found = list(_citations(answer.citations, answer.text if len(texts) == 1 else ""))
    if not (texts and found):
        return list(parts)
    last: Any = parts[texts[-1]]
    cited = replace(last, citations=found)
    return [cited if number == texts[-1] else part for number, part in enumerate(parts)]


def _citations(citations: Iterable[Citation], text: str) -> Iterable[theirs.Citation]:
    """pydantic-ai's citations, without those that name no source."""
    for each in citations:
        excerpts = [each.quote] if each.quote else []
        source: theirs.CitationSource
        if each.url:
            source = theirs.WebCitationSource(each.url, title=each.title, excerpts=excerpts)
        elif each.title or excerpts:
            source = theirs.DocumentCitationSource(title=each.title, excerpts=excerpts)
        else:
            continue
        yield theirs.Citation(sources=[source], anchor=_anchor(each, text))


def _anchor(citation: Citation, text: str) -> theirs.CitationAnchor | None:
    """The position in `text`, which providers count differently; without a passage, that of a marker."""
    start, end, passage = citation.start, citation.end, citation.passage
    if passage is not None:
        start = text.find(passage)
        certain = start >= 0 and text.count(passage) == 1
        return theirs.ContentCitationAnchor(start=start, end=start + len(passage)) if certain else None
    if start is None or end is None or not 0 <= start < end <= len(text):
        return None
    return theirs.MarkerCitationAnchor(start=start, end=end)


def _token(token: TokenLogprob) -> dict[str, Any]:
    top = [{"token": each.token, "logprob": each.logprob} for each in token.top]
    return {"token": token.token, "logprob": token.logprob, "top_logprobs": top}
