"""The APIs of Anthropic and OpenAI at Bedrock's hosts: with its paths, keys and ids of models."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.wires.anthropic import AnthropicWire
from ranvier.simulator.wires.clouds.aws.converse import ConverseWire, check_access, key_in, model_in
from ranvier.simulator.wires.openai import OpenAIWire
from ranvier.simulator.wires.reading import Sent
from ranvier.simulator.wires.responses import ResponsesWire
from ranvier.simulator.wires.wire import Wire


class MessagesAtBedrock(AnthropicWire):
    """`POST {base}/anthropic/v1/messages`."""

    def limits(self, answer: Answer) -> list[tuple[str, str]]:
        return []

    def key(self, headers: Mapping[str, str]) -> str | None:
        return key_in(headers)

    def read(self, sent: Sent) -> Ask:
        check_access(sent)
        return _named_anew(super().read(_as_own(sent, "/anthropic", "")), sent)


class ChatAtBedrock(OpenAIWire):
    """`POST {base}/openai/v1/chat/completions`."""

    def limits(self, answer: Answer) -> list[tuple[str, str]]:
        return []

    def key(self, headers: Mapping[str, str]) -> str | None:
        return key_in(headers)

    def read(self, sent: Sent) -> Ask:
        check_access(sent)
        return _named_anew(super().read(_as_own(sent, "/openai/v1", self.suffix)), sent)


class ResponsesAtBedrock(ResponsesWire):
    """`POST {base}/openai/v1/responses`."""

    def limits(self, answer: Answer) -> list[tuple[str, str]]:
        return []

    def key(self, headers: Mapping[str, str]) -> str | None:
        return key_in(headers)

    def read(self, sent: Sent) -> Ask:
        check_access(sent)
        return _named_anew(super().read(_as_own(sent, "/openai/v1", self.suffix)), sent)


AT_BEDROCK: Mapping[str, Wire] = {
    "/anthropic/": MessagesAtBedrock(),
    "/openai/v1/chat/": ChatAtBedrock(),
    "/openai/v1/responses": ResponsesAtBedrock(),
    "/": ConverseWire(),
}
"""The wires of Bedrock, by the start of a path."""


def _as_own(sent: Sent, below: str, instead: str) -> Sent:
    """The request as its API's own maker would get it."""
    body = {**sent.body, "model": model_in(sent.body["model"])}
    return dataclasses.replace(sent, path=instead + sent.path.removeprefix(below), body=body)


def _named_anew(ask: Ask, sent: Sent) -> Ask:
    return dataclasses.replace(ask, model=sent.body["model"])
