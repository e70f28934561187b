"""Bodies to begin with: those of every wire, and recorded ones where they lie beside the checkout."""

import json
import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from ranvier.facts.record import Record
from ranvier.messages import Message, Request
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.registry import names_of
from ranvier.providers import GLM, Kimi, OpenRouter
from ranvier.simulator.wires.clouds.aws.frames import event, frames_of
from support.providers.five_wires import WIRES
from support.providers.recordings import RECORDINGS, exchanges
from support.providers.seven import APIS, BODIES

LARGEST = 20_000
"""Bytes of a body that is taken: more would only take more time."""

ADAPTERS = {name: kind(api_key="sk-fuzz", base_url="http://fuzz.test") for name, kind in APIS.items()}
"""One of each, for all examples."""

DIALECTS = {
    "openai_chat": "openai",
    "openai_responses": "responses",
    "anthropic_messages": "anthropic",
    "gemini_generate": "gemini",
    "ollama_chat": "ollama",
    "bedrock_converse": "converse",
}
OF_THEIR_OWN = {"moonshot": Kimi.family, "zai": GLM.family, "openrouter": OpenRouter.family}
"""The adapter for a recorded dialect, and for those who have one of their own."""


@dataclass(frozen=True)
class Body:
    """One body, and whose it is.

    Attributes:
        provider: The name of the adapter that reads it.
        content: Its bytes.
        streamed: It is a stream.
    """

    provider: str
    content: bytes
    streamed: bool

    @property
    def objects(self) -> list[Any]:
        """The JSON in it: of a whole body one value, of a stream one for each of its events.

        A binary frame is an object with one event by its name.
        """
        if not self.streamed:
            return [json.loads(self.content)]
        if self.provider == "converse":
            frames = frames_of(self.content)
            return [{headers.get(":event-type", ""): json.loads(payload)} for headers, payload in frames]
        lines = self.content.decode().splitlines()
        if self.provider != "ollama":
            lines = [line[5:] for line in lines if line.startswith("data:") and "[DONE]" not in line]
        return [json.loads(line) for line in lines if line.strip()]

    def with_objects(self, objects: list[Any]) -> bytes:
        """The bytes of a body like this one with other JSON in it."""
        if self.streamed and self.provider == "converse":
            return b"".join(map(_frame, objects))
        texts = [json.dumps(each) for each in objects]
        if not self.streamed:
            return "".join(texts).encode()
        if self.provider == "ollama":
            return "".join(f"{text}\n" for text in texts).encode()
        names = [_name(each) if self.provider == "anthropic" else "" for each in objects]
        events = [f"{name}data: {text}\n\n" for name, text in zip(names, texts, strict=True)]
        return "".join(events).encode()


def _frame(object: Any) -> bytes:
    """A binary frame; what is no object with one name is the payload of an event without a name."""
    name, payload = "", object
    if isinstance(object, dict) and len(object) == 1:
        ((name, payload),) = object.items()
    return event(name if name.isalnum() and name.isascii() else "", json.dumps(payload).encode())


def _name(object: Any) -> str:
    kind = object.get("type") if isinstance(object, dict) else None
    return f"event: {kind}\n" if isinstance(kind, str) and kind.isalnum() else ""


@cache
def bodies() -> tuple[Body, ...]:
    """All of them, the smallest first; those that failed among them."""
    found = [
        Body(path.parent.name, path.read_bytes(), path.suffix == ".stream")
        for path in BODIES.glob("*/*")
        if path.parent.name in ADAPTERS
    ]
    found += _odd_ones()
    if RECORDINGS.is_dir():
        found += [
            Body(OF_THEIR_OWN.get(each.row["provider"], DIALECTS[each.api]), each.body, each.row["stream"])
            for each in exchanges()
            if len(each.body) < LARGEST
        ]
    return tuple(sorted(filter(_is_json, found), key=lambda body: (len(body.content), body.content)))


def _odd_ones() -> list[Body]:
    """Answers with malformed usage, without words, and with calls that are hard to tell apart."""
    calls = (("", "f", {"x": 1}), ("", "", {}), ("", "f", '{"x": 2}</tool_call>'))
    odd: list[Body] = []
    for name, wire in WIRES.items():
        for given in (("hello", (), wire.counts("11", -1.5)), ("",), ("hello", calls, "unknown")):
            odd.append(Body(name, json.dumps(wire.whole(*given)).encode(), False))
            odd.append(Body(name, wire.stream(*given), True))
    return odd


def _is_json(body: Body) -> bool:
    try:
        return bool(body.objects)
    except (ValueError, struct.error):
        return False


class NoPipeline:
    """As much of a pipeline as an adapter sees."""

    provider_names = names_of(ADAPTERS.values())

    class events:  # noqa: N801  # because: it stands for the attribute
        """Nobody listens."""

        listeners = ()

        @staticmethod
        def hears(kind: type) -> bool:
            """No listener wants it."""
            return False


def call_to(provider: str, *messages: Message) -> Call:
    """The first try at one of the adapters."""
    request = Request(messages or (Message.user("Hi"),))
    call = Call(request, "acme", NoPipeline(), Record())  # type: ignore[arg-type]
    return call.to(Deployment(ADAPTERS[provider]), "sk-fuzz")
