"""Providers of a user's own, as classes: one that streams, and one that can only be asked whole."""

from collections.abc import AsyncIterator
from typing import assert_type

from ranvier import (
    Deployment,
    FinishReason,
    OverloadedError,
    Pipeline,
    Response,
    StreamEvent,
    Usage,
    resilient,
)
from ranvier.layers import Fallback
from ranvier.pipeline import Call, Provider
from ranvier.providers import Anthropic, Gemini, OpenAI, Stub
from ranvier.testing import ProviderContract, ScriptedProvider


class Echo:
    """Repeats the question."""

    def __init__(self, name: str = "echo") -> None:
        self.name = name
        self.default_model = "small"

    async def complete(self, call: Call) -> Response:
        text = call.request.messages[-1].text
        if not text:
            raise OverloadedError("nothing to repeat", provider=self.name, model=call.deployment.model)
        return Response(text, provider=self.name, usage=Usage(input=1, output=1, total=2))

    async def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        for word in call.request.messages[-1].text.split():
            yield StreamEvent(text=word)
        yield StreamEvent(finish_reason=FinishReason.STOP, usage=Usage(1, 1, 2))


class Whole:
    """Has no `stream`."""

    name = "whole"
    default_model = "small"

    async def complete(self, call: Call) -> Response:
        return Response("whole")


def providers() -> list[Provider]:
    """Every kind of provider is a `Provider`."""
    return [
        *(Echo(), Stub("hi"), ScriptedProvider("scripted"), Anthropic("sk-any"), OpenAI("sk-any")),
        Gemini("sk-any", base_url="https://gateway.example"),
    ]


class OverHTTP(ProviderContract):
    """How the rules that every provider keeps are tested."""

    whole = b'{"text": "Hello."}'

    def provider(self, url: str) -> Provider:
        return OpenAI("sk-any", base_url=url)


async def test_a_provider_of_a_user_answers() -> None:
    """Whole and streamed, with a model of its own or its default one."""
    assert_type(Deployment(Echo(), "large").target, str)
    pipeline = Pipeline(Fallback(Deployment(Echo(), "large"), Echo("second"), Whole()))
    answer = await pipeline.complete("one two", to="echo/large")
    assert answer.text == "one two"
    async with pipeline.stream("one two", to="second") as stream:
        assert (await stream.collect()).text == "onetwo"
    assert (await resilient(Whole()).complete("Hi")).text == "whole"
    assert len(providers()) == 6
