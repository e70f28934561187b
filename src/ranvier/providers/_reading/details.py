"""Reads citations and probabilities of tokens in the format of OpenAI, which other servers send as well.

They stand beside the answer: one that is malformed is left out, and does not make the answer invalid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ranvier.messages.beside.details import Citation, TokenLogprob
from ranvier.messages.characters import whole_characters
from ranvier.providers._reading.reading import Json


def objects(value: object) -> list[Json]:
    """The objects in a list; none if it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def words(value: object) -> str | None:
    """`value` if it is a non-empty str, with whole characters; else `None`."""
    return whole_characters(value) if isinstance(value, str) and value else None


def place(value: object) -> int | None:
    """`value` if it is an index."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def citations_in(annotations: object) -> list[Citation]:
    """The citations among the annotations of a text, in chat completions or the Responses API."""
    return [
        _citation(each) for each in objects(annotations) if str(each.get("type", "")).endswith("citation")
    ]


def _citation(annotation: Json) -> Citation:
    nested = annotation.get(str(annotation.get("type")))  # in chat completions
    fields = nested if isinstance(nested, dict) else annotation
    return Citation(
        url=words(fields.get("url")),
        title=words(fields.get("title")) or words(fields.get("filename")),
        quote=words(fields.get("content")),  # OpenRouter
        start=place(fields.get("start_index", fields.get("index"))),
        end=place(fields.get("end_index")),
        source=annotation,
    )


def found(body: Json) -> list[Citation]:
    """The sources that a server has found: Perplexity, GLM and the like tell them beside the choices."""
    if not ("citations" in body or "search_results" in body or "web_search" in body):  # as nearly always
        return []
    results = objects(body.get("search_results")) or objects(body.get("web_search"))
    if not results and isinstance(addresses := body.get("citations"), list):
        return [Citation(url=url) for url in map(words, addresses) if url]
    return [
        Citation(
            url=words(each.get("url")) or words(each.get("link")),
            title=words(each.get("title")),
            quote=words(each.get("snippet")) or words(each.get("content")),
            source=each,
        )
        for each in results
    ]


def logprobs_in(tokens: object) -> list[TokenLogprob]:
    """The tokens of a list, with the likeliest others at each place."""
    return [
        TokenLogprob(each.token, each.logprob, tuple(filter(None, map(_token, objects(top)))))
        for each, top in ((_token(entry), entry.get("top_logprobs")) for entry in objects(tokens))
        if each is not None
    ]


def _token(entry: Json) -> TokenLogprob | None:
    return token(entry.get("token"), entry.get("logprob"))


def token(text: object, logprob: Any, top: Iterable[TokenLogprob] = ()) -> TokenLogprob | None:
    """A token with its probability; `None` if one of them is missing."""
    if not isinstance(text, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    return TokenLogprob(whole_characters(text), float(logprob), tuple(top))
