"""Translates the details of a response of pydantic-ai to our `Details`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pydantic_ai import messages as theirs
from pydantic_ai.messages import ModelResponse, TextPart

from ranvier.messages.beside.details import Citation, Details
from ranvier.providers._reading.details import logprobs_in, words


def details_in(response: ModelResponse) -> Details:
    """The citations of its texts, and the details in `provider_details`."""
    details = Details()
    offset = 0
    for part in response.parts:
        if isinstance(part, TextPart):
            details.citations += _citations(part, offset)
            details.logprobs += logprobs_in((part.provider_details or {}).get("logprobs"))
            offset += len(part.content)
    provider_details = response.provider_details or {}
    details.logprobs += logprobs_in(provider_details.get("logprobs"))
    details.refusal = words(provider_details.get("refusal"))
    details.service_tier = words(provider_details.get("service_tier"))
    return details


def _citations(part: TextPart, offset: int) -> Iterator[Citation]:
    """One citation per source, with its position in the text of the whole answer."""
    for citation in part.citations or ():
        for source in citation.sources:
            yield Citation(
                url=getattr(source, "url", None),
                title=source.title,
                quote="\n".join(source.excerpts) or None,
                source=asdict(source),
                **_place(part, citation.anchor, offset),
            )


def _place(part: TextPart, anchor: theirs.CitationAnchor | None, offset: int) -> dict[str, Any]:
    if anchor is None:
        return {}
    passage = part.content[anchor.start : anchor.end] if anchor.kind == "content" else None
    return {"passage": passage, "start": offset + anchor.start, "end": offset + anchor.end}
