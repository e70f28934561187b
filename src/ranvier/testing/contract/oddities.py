"""Good answers in an unusual format: none of them may be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ranvier.messages.response import Response
from ranvier.testing.contract.given import Given, answering, content_of, needs, rule, shown
from ranvier.testing.contract.scene import Scene
from ranvier.testing.loopback import Script


class Oddities(Given):
    """Rules about answers in formats that servers should not send, but do."""

    @rule
    async def test_malformed_usage_costs_no_answer(self, scene: Scene) -> AsyncIterator[str]:
        """The answer is returned, and `usage.complete` is false."""
        needs(self.odd_usage or self.odd_usage_streamed, "`odd_usage` is not set")
        for way in scene.ways:
            body = self.odd_usage if way == "whole" else self.odd_usage_streamed
            if body is None:
                continue
            good = await scene.outcome(way, self._good(way))
            odd = await scene.outcome(way, self._in_form(way, body))
            if not isinstance(odd, Response) or content_of(odd) | {"usage": 0} != content_of(good) | {
                "usage": 0
            }:
                yield f"{way}, an answer with malformed usage: {shown(odd)}, expected {shown(good)}"
            elif odd.usage.complete:
                yield f"{way}, malformed usage is reported as complete: {odd.usage}"

    @rule
    async def test_an_answer_that_holds_nothing_is_empty(self, scene: Scene) -> AsyncIterator[str]:
        """It is an answer with the finish reason `stop`, so `Fallback` can try the next target."""
        needs(self.silent or self.silent_streamed, "`silent` is not set")
        for way in scene.ways:
            body = self.silent if way == "whole" else self.silent_streamed
            if body is None:
                continue
            outcome = await scene.outcome(way, self._in_form(way, body))
            if not isinstance(outcome, Response) or not outcome.empty:
                yield f"{way}, an answer without content: {shown(outcome)}"

    @rule
    async def test_an_answer_in_the_other_form_is_read(self, scene: Scene) -> AsyncIterator[str]:
        """A whole answer to a streaming request, and a stream in reply to a non-streaming one."""
        needs(scene.streams and self.reads_other_form, "`reads_other_form` is false")
        for way, other in (("whole", "streamed"), ("streamed", "whole")):
            good = await scene.outcome(way, self._good(way))
            outcome = await scene.outcome(way, self._good(other))
            if not isinstance(outcome, Response) or content_of(outcome) != content_of(good):
                yield f"{other} in reply to a {way} request: {shown(outcome)}, expected {shown(good)}"

    def _in_form(self, way: str, body: bytes) -> Script:
        return answering(body) if way == "whole" else self._stream(body)
