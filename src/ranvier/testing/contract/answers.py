"""Good answers: the same whole and streamed, in whatever pieces they come, and told as they were."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from random import Random

from ranvier.messages import Response
from ranvier.testing.contract.given import Given, needs, rule, said, shown
from ranvier.testing.contract.scene import Scene

CUTS = 12
"""Times that a stream is cut into random pieces, beside the one time into single bytes."""


class Answers(Given):
    """What becomes of a good answer."""

    @rule
    async def test_a_whole_answer_says_something(self, scene: Scene) -> AsyncIterator[str]:
        """It has a text or calls tools, says why it stopped, and names its provider."""
        answer = await scene.carried("whole", self._good("whole"))
        if not answer.text and not answer.tool_calls:
            yield "the answer says nothing: it has neither a text nor a tool call"
        if answer.finish_reason is None:
            yield "the answer does not say why it stopped: its finish_reason is None"
        if answer.provider != scene.provider.name:
            yield f"the answer comes from {answer.provider!r}, but the provider is {scene.provider.name!r}"

    @rule
    async def test_a_stream_adds_up_to_the_whole_answer(self, scene: Scene) -> AsyncIterator[str]:
        """Text, reasoning, tool calls, the reason why it stopped, and the tokens."""
        needs(scene.streams, "it cannot stream")
        whole = said(await scene.carried("whole", self._good("whole")))
        streamed = said(await scene.carried("streamed", self._good("streamed")))
        for name, value in whole.items():
            if streamed[name] != value:
                yield f"{name} is {value!r} whole, and {streamed[name]!r} streamed"

    @rule
    async def test_a_stream_is_the_same_in_whatever_pieces_it_comes(self, scene: Scene) -> AsyncIterator[str]:
        """Cut anywhere, also within a character, and byte by byte."""
        needs(scene.streams, "it cannot stream")
        expected = await scene.outcome("streamed", self._good("streamed"))
        for pieces in _cuts(self._stream_given()):
            outcome = await scene.outcome("streamed", self._stream(*pieces))
            if not isinstance(outcome, Response) or said(outcome) != said(expected):
                yield f"in {len(pieces)} pieces: {shown(outcome)}, instead of {shown(expected)}"

    @rule
    async def test_an_early_finish_reason_ends_nothing(self, scene: Scene) -> AsyncIterator[str]:
        """What comes after it belongs to the answer; the last finish reason counts."""
        needs(self.finished_early, "`finished_early` is not given")
        expected = await scene.outcome("streamed", self._good("streamed"))
        outcome = await scene.outcome("streamed", self._stream(self.finished_early or b""))
        if not isinstance(outcome, Response) or said(outcome) != said(expected):
            yield f"a finish reason comes early: {shown(outcome)}, instead of {shown(expected)}"

    @rule
    async def test_every_text_can_be_encoded(self, scene: Scene) -> AsyncIterator[str]:
        """Half of a character waits for the other, or becomes U+FFFD."""
        needs(self.halved, "`halved` is not given")
        scene.play(self._stream(self.halved or b""))
        call = scene.call()
        async for event in call.deployment.stream(call):
            delta = event.tool_call
            for text in (event.text, event.reasoning, "" if delta is None else delta.arguments):
                if _is_half(text):
                    yield f"an event cannot be encoded: {text!r:.60}"

    @rule
    async def test_each_call_is_sent_with_its_own_key(self, scene: Scene) -> AsyncIterator[str]:
        """One provider serves many tenants, and never one with the key of another."""
        needs(self.uses_key, "it needs no key")
        for way in scene.ways:
            for tenant in ("acme", "other", "acme"):
                await scene.outcome(way, self._good(way), tenant)
                sent = scene.server.visits[-1]
                keys = re.findall(rf"{self.key}[-\w]*", sent.head + sent.body.decode("latin-1"))
                if set(keys) != {scene.key_of(tenant)}:
                    yield f"{way}, a request of tenant {tenant!r} is sent with {keys or 'no key'}"

    @rule
    async def test_the_record_has_the_tokens_of_the_answer(self, scene: Scene) -> AsyncIterator[str]:
        """Whole and streamed: what was tried is what is paid for."""
        needs(self.counts_tokens, "its server does not tell what an answer costs")
        for way in scene.ways:
            answer = await scene.carried(way, self._good(way))
            attempt = answer.attempts[-1]
            if attempt.usage != answer.usage or not answer.usage.output:
                yield f"{way}, {attempt.usage} is recorded of {answer.usage}"


def _is_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _cuts(content: bytes) -> Iterator[list[bytes]]:
    dice = Random(len(content))
    yield [content[place : place + 1] for place in range(len(content))]
    for _ in range(CUTS):
        places = sorted(dice.sample(range(1, len(content)), dice.randint(1, 12)))
        yield [content[begin:end] for begin, end in zip([0, *places], [*places, len(content)], strict=True)]
