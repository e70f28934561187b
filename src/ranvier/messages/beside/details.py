"""What a provider says about its answer, beside the content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ranvier.messages.beside.reply import Reply


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that an answer names; `None` for what the provider does not say.

    Attributes:
        url, title: Of the source.
        quote: The text of the source that supports the answer.
        passage: The text of the answer that it supports.
        start, end: Where that passage is in the answer, as the provider counts: in characters of `text`, at
            Gemini in bytes of UTF-8.
        source: The citation as the provider sent it, not copied.
    """

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    passage: str | None = None
    start: int | None = None
    end: int | None = None
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of an answer, and how likely the model thought it.

    Attributes:
        token: The text of the token.
        logprob: The natural logarithm of its probability.
        top: The likeliest tokens at its place, if they were requested.
    """

    token: str
    logprob: float
    top: tuple[TokenLogprob, ...] = ()


@dataclass(slots=True)
class Details:
    """What a provider says about its answer, beside the content. In a stream it grows until the last event.

    Attributes:
        citations: The sources that the answer names, in their order.
        logprobs: The tokens of the answer with their probabilities, if they were requested.
        refusal: Why the model did not go on, in the words of the provider; `None` if it did not refuse.
        service_tier: The class of service that answered, such as `default`, `flex` or `priority`.
        request_id: The provider's id of the request, for its support.
        reply: The HTTP reply of the answer. Copies, pickles and saved responses are without it.
    """

    citations: list[Citation] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    refusal: str | None = None
    service_tier: str | None = None
    request_id: str | None = field(default=None, compare=False)
    reply: Reply | None = field(default=None, repr=False, compare=False)
