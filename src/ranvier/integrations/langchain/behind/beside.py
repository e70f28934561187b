"""Reads the details of an answer of LangChain beside its content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage

from ranvier.messages.beside.details import Citation, Details
from ranvier.providers._http.port import REQUEST_IDS
from ranvier.providers._reading.details import logprobs_in, objects, place, words


def details_of(message: AIMessage) -> Details:
    """The citations, log probabilities, refusal, service tier and request id, as far as they are present."""
    metadata = message.response_metadata
    logprobs = metadata.get("logprobs")
    return Details(
        citations=list(_citations(message)),
        logprobs=logprobs_in(logprobs.get("content")) if isinstance(logprobs, Mapping) else [],
        refusal=_refusal(message),
        service_tier=words(metadata.get("service_tier")),
        request_id=words(metadata.get("request_id")) or _request_id(metadata.get("headers")),
    )


def _citations(message: AIMessage) -> Iterator[Citation]:
    """The citations of text blocks, in LangChain's common format."""
    if isinstance(message.content, str):
        return
    for block in message.content_blocks:
        for each in objects(block.get("annotations")):
            if each.get("type") == "citation":
                yield Citation(
                    url=words(each.get("url")),
                    title=words(each.get("title")),
                    quote=words(each.get("cited_text")),
                    start=place(each.get("start_index")),
                    end=place(each.get("end_index")),
                    source=each,
                )


def _refusal(message: AIMessage) -> str | None:
    refusal = words(message.additional_kwargs.get("refusal"))
    if refusal is not None or isinstance(message.content, str):
        return refusal
    return words("".join(str(block.get("refusal", "")) for block in objects(message.content)))


def _request_id(headers: Any) -> str | None:
    """The request id in the headers, which some chat models return if configured to."""
    if not isinstance(headers, Mapping):
        return None
    given = {str(name).lower(): value for name, value in headers.items()}
    return next((found for name in REQUEST_IDS if (found := words(given.get(name)))), None)
