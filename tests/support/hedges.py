"""The scene of the tests of hedges: some targets, the next of which is asked while one is silent."""

import asyncio
from typing import Any

from ranvier import Pipeline
from ranvier.events import Event
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline.layer import Layer
from ranvier.testing import ScriptedProvider, assert_settled

FIRST_TOKEN = 20.0
COLD = FIRST_TOKEN / 3


class Scene:
    """Some targets, hedged by the usual rule; it counts what each of them was sent."""

    def __init__(
        self,
        *scripts: Any,
        deadline: float = 180.0,
        retries: int = 0,
        credentials: Any = None,
        breaker: Breaker | None = None,
        inner: tuple[Layer, ...] = (),
        layers: tuple[Layer, ...] = (),
        listeners: Any = None,
        **settings: Any,
    ) -> None:
        self.providers = [
            ScriptedProvider(name, script) for name, script in zip("abc", scripts, strict=False)
        ]
        self.events: list[Event] = []
        self.route = Fallback(*self.providers, **{"hedge_after": "p99", **settings})
        self.breaker = breaker or Breaker(failure_threshold=1000)
        self.pipeline = Pipeline(
            Deadline(deadline),
            self.route,
            Retry(max_retries=retries),
            self.breaker,
            *layers,
            Timeout(None, first_token=FIRST_TOKEN, idle=15),
            *inner,
            credentials=credentials,
            listeners=[self.events.append] if listeners is None else listeners,
        )

    async def timed(self, streaming: bool = False, **options: Any) -> tuple[str, float]:
        """The text of an answer, and how long it took."""
        began = asyncio.get_running_loop().time()
        if streaming:
            async with self.pipeline.stream("Why?", **options) as answer:
                text = (await answer.collect()).text
        else:
            text = (await self.pipeline.complete("Why?", **options)).text
        return text, asyncio.get_running_loop().time() - began

    @property
    def sent(self) -> list[int]:
        return [len(provider.calls) for provider in self.providers]

    async def settle(self) -> None:
        """Wait until the losers have ended."""
        await asyncio.sleep(100)
        assert_settled(self.pipeline)
        assert not self.pipeline.lifecycle.background
