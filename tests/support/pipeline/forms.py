"""A whole stack that is asked for answers in a form, and what becomes of them."""

import json
from typing import Any

import pytest
from pydantic import BaseModel

from ranvier import Pipeline, Response
from ranvier.events import Event
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.testing import ScriptedProvider


class City(BaseModel):
    """What is asked for."""

    name: str
    size: int


OSLO = '{"name": "Oslo", "size": 700}'
"""An answer that fits."""

PARSED = City(name="Oslo", size=700)
"""The same, read."""

UNFIT = '{"name": "SECRET"}'
"""One that does not."""

WRITTEN = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["name", "size"],
}
"""What is asked for, as a JSON schema."""

AS_DICT = json.loads(OSLO)
"""What is read by it."""

WAYS = [
    pytest.param({}, id="whole"),
    pytest.param({"idle": 500.0}, id="over-a-stream"),
    pytest.param({"idle": 500.0, "stream_complete": False}, id="whole-all-the-same"),
]
"""How a whole answer travels, by the limits of its attempt."""


class Scene:
    """A whole stack around providers `a`, `b` and `c`, which follow these scripts; the key is `sk-secret`.

    One failure opens a circuit, and one good probe closes it after ten seconds.
    """

    def __init__(self, *scripts: Any, limits: dict[str, Any] | None = None, max_retries: int = 3) -> None:
        self.providers = [
            ScriptedProvider(name, script) for name, script in zip("abc", scripts, strict=False)
        ]
        self.events: list[Event] = []
        self.breaker = Breaker(failure_threshold=1, success_threshold=1, cooldown=10)
        self.pipeline = Pipeline(
            Deadline(1000),
            Fallback(*self.providers),
            Retry(max_retries, base_delay=1, jitter="none"),
            Throttle(),
            self.breaker,
            Timeout(seconds=100, **(limits or {})),
            credentials=lambda *who: "sk-secret",
            listeners=[self.events.append],
        )

    async def ask(self, schema: Any = City, **options: Any) -> Response:
        """A whole answer in that form."""
        return await self.pipeline.complete("Where? SECRET", schema=schema, **options)

    def circuits(self) -> dict[str, tuple[str, int, int]]:
        """Of each provider's circuit its state, the failures counted, and the calls in flight."""
        return {  # type: ignore[misc]
            name: (circuit.state, circuit.failures, circuit.in_flight)  # type: ignore[has-type]
            for (_, name), circuit in self.breaker.circuits
        }


def outcomes(answer: Any) -> list[tuple[str, int, str | None, str]]:
    """Of each attempt its provider, number, reason and outcome."""
    return [(each.provider, each.number, each.reason, each.outcome) for each in answer.attempts]
