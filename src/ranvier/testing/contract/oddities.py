"""Answers that are good and look odd: none of them may be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ranvier.messages.response import Response
from ranvier.testing.contract.given import Given, answering, needs, rule, said, shown
from ranvier.testing.contract.scene import Scene
from ranvier.testing.loopback import Script


class Oddities(Given):
    """What becomes of answers in a shape that servers should not send, and do."""

    @rule
    async def test_malformed_usage_costs_no_answer(self, scene: Scene) -> AsyncIterator[str]:
        """The answer stands, and `usage.complete` is false."""
        needs(self.odd_usage or self.odd_usage_streamed, "`odd_usage` is not given")
        for way in scene.ways:
            body = self.odd_usage if way == "whole" else self.odd_usage_streamed
            if body is None:
                continue
            good = await scene.outcome(way, self._good(way))
            odd = await scene.outcome(way, self._in_form(way, body))
            if not isinstance(odd, Response) or said(odd) | {"usage": 0} != said(good) | {"usage": 0}:
                yield f"{way}, an answer with malformed usage: {shown(odd)}, instead of {shown(good)}"
            elif odd.usage.complete:
                yield f"{way}, malformed usage is told as complete: {odd.usage}"

    @rule
    async def test_an_answer_that_holds_nothing_is_empty(self, scene: Scene) -> AsyncIterator[str]:
        """It is an answer with the finish reason `stop`, so that `Fallback` can ask the next target."""
        needs(self.silent or self.silent_streamed, "`silent` is not given")
        for way in scene.ways:
            body = self.silent if way == "whole" else self.silent_streamed
            if body is None:
                continue
            outcome = await scene.outcome(way, self._in_form(way, body))
            if not isinstance(outcome, Response) or not outcome.empty:
                yield f"{way}, an answer that holds nothing: {shown(outcome)}"

    @rule
    async def test_an_answer_in_the_other_form_is_read(self, scene: Scene) -> AsyncIterator[str]:
        """Whole where a stream was asked for, and as a stream where a whole answer was."""
        needs(scene.streams and self.reads_other_form, "`reads_other_form` is false")
        for way, other in (("whole", "streamed"), ("streamed", "whole")):
            good = await scene.outcome(way, self._good(way))
            outcome = await scene.outcome(way, self._good(other))
            if not isinstance(outcome, Response) or said(outcome) != said(good):
                yield f"{other} in reply to a {way} request: {shown(outcome)}, instead of {shown(good)}"

    def _in_form(self, way: str, body: bytes) -> Script:
        return answering(body) if way == "whole" else self._stream(body)
