"""Our own adapters keep the contract that a user's adapter is held to."""

import re
from pathlib import Path
from typing import Any

import pytest

from ranvier.providers import (
    GLM,
    Anthropic,
    Bedrock,
    FunctionProvider,
    Gemini,
    Kimi,
    Ollama,
    OpenAI,
    OpenRouter,
)
from ranvier.simulator.wires import WIRES
from ranvier.simulator.wires.clouds.aws.frames import exception
from ranvier.testing import ProviderContract
from support.providers.bedrock_apis import reworded, split
from support.providers.openai_apis import Responses
from support.testing.toy import FINISHED_EARLY, HALVED, STREAMED, WHOLE, Toy

pytestmark = pytest.mark.integration
BODIES = Path(__file__).parents[1] / "data"


COUNTS = rb'("\w*(?:_tokens|TokenCount|Tokens|eval_count)": ?)(\d+)'
WORDS = rb'("(?:content|text|delta|thinking|reasoning|reasoning_content|signature)": ?)"(?:[^"\\]|\\.)*"'


def _with_odd_counts(content: bytes) -> bytes:
    """The same with texts for counts of tokens."""
    return re.sub(COUNTS, rb'\1"\2"', content)


def _silent(content: bytes) -> bytes:
    """The same without a word of it."""
    return re.sub(WORDS, rb'\1""', content)


class OfOurs(ProviderContract):
    """An adapter of ours, with the bodies of its wire."""

    adapter: Any
    folder = ""
    only_here = "Unsupported parameter: 'temperature' is not supported with this model."
    streamed_type = "text/event-stream"

    def __init_subclass__(cls) -> None:
        bodies = BODIES / (cls.folder or cls.adapter.family)
        cls.whole = (bodies / "answer.json").read_bytes()
        cls.streamed = (bodies / "answer.stream").read_bytes()
        cls.finished_early = cls.early(cls.streamed)
        cls.halved = cls.halve(cls.streamed)

        cls.odd_usage, cls.odd_usage_streamed = (
            reworded(each, _with_odd_counts) for each in (cls.whole, cls.streamed)
        )
        cls.silent, cls.silent_streamed = (reworded(each, _silent) for each in (cls.whole, cls.streamed))
        cls.reads_other_form = True

    @classmethod
    def early(cls, stream: bytes) -> bytes:
        """The same with a finish reason between its words."""
        wire = WIRES[cls.adapter.family]
        events = stream.split(wire.frame_end)
        place = next(at for at, event in enumerate(events) if b"Sunny" in event)
        events.insert(place + 1, wire.stopping().removesuffix(wire.frame_end))
        return wire.frame_end.join(events)

    @classmethod
    def halve(cls, stream: bytes) -> bytes:
        """The same with the halves of a character in two events."""
        return stream.replace(b'"Sunny,"', rb'"Sunny,\ud83d"').replace(b'" 21', rb'"\ude00 21')

    def provider(self, url: str) -> Any:
        return self.adapter(base_url=url)


class TestAnthropic(OfOurs):
    adapter = Anthropic
    broken_off = (
        b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}\n\n'
    )


class TestOpenAI(OfOurs):
    adapter = OpenAI
    broken_off = b'data: {"error": {"message": "no", "type": "server_error", "code": null}}\n\n'


class TestResponses(OfOurs):
    adapter = Responses
    folder = "responses"
    broken_off = b'data: {"type": "error", "code": "server_error", "message": "no", "param": null}\n\n'

    @classmethod
    def early(cls, stream: bytes) -> None:  # type: ignore[override]  # because: nothing follows its last event
        return None

    @classmethod
    def halve(cls, stream: bytes) -> bytes:
        return super().halve(stream).replace(b"Sunny, 21", rb"Sunny,\ud83d\ude00 21")


class TestGemini(OfOurs):
    adapter = Gemini
    broken_off = b'data: {"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}\n\n'


class TestKimi(OfOurs):
    adapter = Kimi
    broken_off = b'data: {"error": {"message": "no", "type": "engine_overloaded_error"}}\n\n'


class TestGLM(OfOurs):
    adapter = GLM
    broken_off = b'data: {"error": {"code": "1305", "message": "no"}}\n\n'


class TestOpenRouter(OfOurs):
    adapter = OpenRouter
    broken_off = (
        b'data: {"error": {"code": 502, "message": "no"}, "choices": [{"finish_reason": "error"}]}\n\n'
    )


class TestOllama(OfOurs):
    adapter = Ollama
    streamed_type = "application/x-ndjson"
    broken_off = b'{"error": "no"}\n'


class TestBedrock(OfOurs):
    """By Converse, whose streams are binary."""

    adapter = Bedrock
    folder = "converse"
    streamed_type = "application/vnd.amazon.eventstream"
    broken_off = exception("serviceUnavailableException", b'{"message": "no"}')

    @classmethod
    def early(cls, stream: bytes) -> bytes:
        events = split(stream)
        place = next(at for at, event in enumerate(events) if b"Sunny" in event)
        return b"".join([*events[: place + 1], WIRES["bedrock"].stopping(), *events[place + 1 :]])

    @classmethod
    def halve(cls, stream: bytes) -> bytes:
        return reworded(stream, super().halve)

    def provider(self, url: str) -> Any:
        return Bedrock("us-east-1", api="converse", base_url=url)


class TestFunctionProvider(ProviderContract):
    """Functions that ask a server of their own; they know their key themselves."""

    whole, streamed = WHOLE, STREAMED
    streamed_type = "application/x-ndjson"
    broken_off = STREAMED[:20] + b'\n{"error": "no"}\n'
    only_here = "not here"
    finished_early, halved = FINISHED_EARLY, HALVED
    uses_key = False

    def provider(self, url: str) -> Any:
        toy = Toy(url)
        functions = FunctionProvider("toy", complete=toy.complete, stream=toy.stream)
        functions.open, functions.aclose = toy.open, toy.aclose  # type: ignore[attr-defined]
        return functions


class TestFunctionThatCannotStream(TestFunctionProvider):
    """The rules about streams are left out."""

    streamed = broken_off = finished_early = halved = None

    def provider(self, url: str) -> Any:
        functions = super().provider(url)
        functions.stream = None
        return functions
