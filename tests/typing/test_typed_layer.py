"""Layers of a user's own: around every call, an answer of its own, and a guard."""

import dataclasses
from typing import ClassVar, TypeVar, assert_type

from ranvier import Layer, LocalCapacityError, Pipeline, Place, Response, StreamEvent
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.pipeline import Call, Guard, Handler, Outcome, Permit, ResponseStream
from ranvier.testing import ScriptedProvider

R = TypeVar("R")


class Stopwatch(Layer):
    """Passes on whatever comes back, whole or streamed."""

    def __init__(self) -> None:
        self.ended: dict[str, int] = {}

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        try:
            return await inner(call)
        finally:
            self.ended[call.tenant] = self.ended.get(call.tenant, 0) + 1


class Cache(Layer):
    """Answers itself where it can."""

    def __init__(self) -> None:
        self.kept: dict[object, Response] = {}

    async def handle(self, call: Call, inner: Handler) -> Response | ResponseStream:
        question = (call.tenant, call.request.messages)
        if question in self.kept:
            return self.kept[question]
        answer = await inner(call)
        if isinstance(answer, Response):
            self.kept[question] = answer
        return answer


class Shout(Layer):
    """Changes what the reader sees, of both kinds of answer."""

    async def handle(self, call: Call, inner: Handler) -> Response | ResponseStream:
        answer = await inner(call)
        if isinstance(answer, ResponseStream):
            answer.transform(lambda event: dataclasses.replace(event, text=event.text.upper()))
            return answer
        assert_type(answer, Response)
        return dataclasses.replace(answer, text=answer.text.upper())


class Slot(Permit):
    def __init__(self, bulkhead: "Bulkhead") -> None:
        self.bulkhead: Bulkhead | None = bulkhead
        bulkhead.taken += 1

    def settle(self, outcome: Outcome) -> None:
        if self.bulkhead is not None:
            self.bulkhead.taken -= 1
            self.bulkhead = None


class Bulkhead(Guard):
    place: ClassVar[Place] = Place.ADMIT

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def admit(self, call: Call) -> Permit:
        if self.taken >= self.most:
            raise LocalCapacityError(f"{call.deployment.target} has {self.taken} requests in flight")
        return Slot(self)


async def test_layers_of_a_user_carry_calls() -> None:
    """Around each other, and around all of ours."""
    stopwatch, provider = Stopwatch(), ScriptedProvider("anthropic", ["hello"])
    pipeline = Pipeline(
        *(stopwatch, Cache(), Shout(), Deadline(60), Fallback(provider), Retry()),
        *(Throttle(), Breaker(), Bulkhead(2), Timeout(seconds=5)),
    )
    for _ in range(2):
        assert (await pipeline.complete("Hi", tenant="acme")).text == "HELLO"
    async with pipeline.stream("Hey", tenant="acme") as stream:
        events: list[StreamEvent] = [event async for event in stream]
    assert "".join(event.text for event in events) == "HELLO"
    assert stopwatch.ended == {"acme": 3}
    assert len(provider.calls) == 2
