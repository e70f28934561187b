"""Good answers: the same whole and streamed, however they are chunked, and recorded as they were."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from random import Random

from ranvier.messages.response import Response
from ranvier.testing.contract.given import Given, content_of, needs, rule, shown
from ranvier.testing.contract.scene import Scene

CUTS = 12
"""How often a stream is cut into random pieces, in addition to once into single bytes."""


class Answers(Given):
    """Rules about good answers."""

    @rule
    async def test_a_whole_answer_says_something(self, scene: Scene) -> AsyncIterator[str]:
        """It has text or tool calls, a finish reason, and the name of its provider."""
        answer = await scene.carried("whole", self._good("whole"))
        if not answer.text and not answer.tool_calls:
            yield "the answer is empty: it has neither text nor a tool call"
        if answer.finish_reason is None:
            yield "the answer has no finish reason: its finish_reason is None"
        if answer.provider != scene.provider.name:
            yield f"the answer names the provider {answer.provider!r}, but it is {scene.provider.name!r}"

    @rule
    async def test_a_stream_adds_up_to_the_whole_answer(self, scene: Scene) -> AsyncIterator[str]:
        """In text, reasoning, tool calls, finish reason and token counts."""
        needs(scene.streams, "the provider cannot stream")
        whole = content_of(await scene.carried("whole", self._good("whole")))
        streamed = content_of(await scene.carried("streamed", self._good("streamed")))
        for name, value in whole.items():
            if streamed[name] != value:
                yield f"{name} is {value!r} whole, and {streamed[name]!r} streamed"

    @rule
    async def test_a_stream_is_the_same_in_whatever_pieces_it_comes(self, scene: Scene) -> AsyncIterator[str]:
        """Cut at any byte, also within a character, and byte by byte."""
        needs(scene.streams, "the provider cannot stream")
        expected = await scene.outcome("streamed", self._good("streamed"))
        for pieces in _cuts(self._stream_given()):
            outcome = await scene.outcome("streamed", self._stream(*pieces))
            if not isinstance(outcome, Response) or content_of(outcome) != content_of(expected):
                yield f"in {len(pieces)} pieces: {shown(outcome)}, expected {shown(expected)}"

    @rule
    async def test_an_early_finish_reason_ends_nothing(self, scene: Scene) -> AsyncIterator[str]:
        """Content after it belongs to the answer; the last finish reason counts."""
        needs(self.finished_early, "`finished_early` is not set")
        expected = await scene.outcome("streamed", self._good("streamed"))
        outcome = await scene.outcome("streamed", self._stream(self.finished_early or b""))
        if not isinstance(outcome, Response) or content_of(outcome) != content_of(expected):
            yield f"a finish reason comes early: {shown(outcome)}, expected {shown(expected)}"

    @rule
    async def test_every_text_can_be_encoded(self, scene: Scene) -> AsyncIterator[str]:
        """Half of a character is held until the other half arrives, or becomes U+FFFD."""
        needs(self.halved, "`halved` is not set")
        scene.play(self._stream(self.halved or b""))
        call = scene.call()
        async for event in call.deployment.stream(call):
            delta = event.tool_call
            for text in (event.text, event.reasoning, "" if delta is None else delta.arguments):
                if _is_half(text):
                    yield f"an event cannot be encoded: {text!r:.60}"

    @rule
    async def test_each_call_is_sent_with_its_own_key(self, scene: Scene) -> AsyncIterator[str]:
        """One provider serves many tenants, and never sends a call with another tenant's key."""
        needs(self.uses_key, "the provider needs no key")
        for way in scene.ways:
            for tenant in ("acme", "other", "acme"):
                await scene.outcome(way, self._good(way), tenant)
                sent = scene.server.visits[-1]
                keys = re.findall(rf"{self.key}[-\w]*", sent.head + sent.body.decode("latin-1"))
                if set(keys) != {scene.key_of(tenant)}:
                    yield f"{way}, a request of tenant {tenant!r} is sent with {keys or 'no key'}"

    @rule
    async def test_the_record_has_the_tokens_of_the_answer(self, scene: Scene) -> AsyncIterator[str]:
        """Whole and streamed, the attempt has the usage of the answer."""
        needs(self.counts_tokens, "the server reports no token counts")
        for way in scene.ways:
            answer = await scene.carried(way, self._good(way))
            attempt = answer.attempts[-1]
            if attempt.usage != answer.usage or not answer.usage.output:
                yield f"{way}, the record has {attempt.usage}, the answer {answer.usage}"


def _is_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _cuts(content: bytes) -> Iterator[list[bytes]]:
    rng = Random(len(content))
    yield [content[place : place + 1] for place in range(len(content))]
    for _ in range(CUTS):
        places = sorted(rng.sample(range(1, len(content)), rng.randint(1, 12)))
        yield [content[begin:end] for begin, end in zip([0, *places], [*places, len(content)], strict=True)]
