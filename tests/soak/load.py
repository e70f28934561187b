"""What the soak asks of its pipeline: everything that callers do, all the time and in any order."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

from ranvier import SHARED, Deployment, Pipeline, RanvierError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.messages import Response
from ranvier.pipeline import ResponseStream
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.providers import Anthropic, Gemini, OpenAI

BOUND = 300
"""Circuits, gates and keys that are kept: so few that the bounds are met within the first seconds."""

HALVED = "\N{GRINNING FACE}"
"""What the fault `HalfCharacters` adds to an answer."""

REGULARS = [f"regular-{number}" for number in range(20)]
PROMPTS = [f"Why do nodes of Ranvier exist? In {number} words." for number in range(20)]

THINGS = {"complete": 40, "stream": 25, "cancel": 10, "hurry": 5, "leave": 10, "drop": 10}
"""What callers do, and how often: methods of `Load`."""


def url_of(provider: str, port: int) -> str:
    """Where to ask `provider`, of a simulator that listens there."""
    suffix = {"openai": "/v1", "gemini": "/v1beta"}.get(provider, "")
    return f"http://127.0.0.1:{port}/{provider}{suffix}"


def stack(url: Callable[[str], str]) -> Pipeline:
    """The layers that we recommend, with limits and bounds so small that all of them are met."""
    return Pipeline(
        Deadline(seconds=10),
        Fallback(
            Deployment(Anthropic("shared", base_url=url("anthropic")), "claude-sonnet-5"),
            Deployment(OpenAI("shared", base_url=url("openai")), "gpt-5.2"),
            Deployment(Gemini("shared", base_url=url("gemini")), "gemini-3-flash-preview"),
        ),
        Retry(max_retries=2, base_delay=0.05),
        Throttle(max_wait=0.5, auth_cooldown=5, quota_cooldown=5, max_gates=BOUND),
        Breaker(failure_threshold=3, cooldown=1, max_cooldown=4, max_circuits=BOUND),
        Timeout(seconds=8, connect=2, first_token=1, idle=0.5),
        credentials=Credentials(key_of, ttl=2, missing_ttl=1, max_entries=BOUND),  # type: ignore[arg-type]
        listeners=(),  # trouble is what is made here
    )


async def key_of(tenant: str, provider: str) -> object:
    """A key of their own for most; some share ours, some have a bad one, or none for this provider."""
    await asyncio.sleep(0.001)
    number = sum(tenant.encode()) % 20
    special = {0: "refused", 1: "busy", 2: SHARED, 3: None if provider == "anthropic" else "third"}
    return special.get(number, f"key-of-{tenant}")


class Load:
    """Callers, each of whom does one thing after the other until the time is over.

    Attributes:
        ended: How often each thing ended in each way.
        tenants: How many there have been.
        wrong: What ought never to happen, up to a bound.
    """

    def __init__(self, pipeline: Pipeline, seed: int) -> None:
        self.ended: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._pipeline = pipeline
        self._draws = random.Random(seed)
        self.tenants = len(REGULARS)
        self._answers: dict[tuple[str, str], str] = {}

    async def run(self, callers: int, until: float) -> None:
        """So many callers at a time, until the clock says so."""
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._call_on(until))

    async def _call_on(self, until: float) -> None:
        while time.monotonic() < until:
            thing = self._draws.choices(list(THINGS), list(THINGS.values()))[0]
            try:
                await getattr(self, thing)(self._draws.choice(PROMPTS), self._tenant())
                how = "answered"
            except RanvierError as error:
                how = error.kind
            except Exception as error:  # because: whatever it is, it is told at the end
                how = type(error).__name__
                self._note(f"{thing}: {error!r}")
            self.ended[f"{thing} {how}"] += 1
            await asyncio.sleep(self._draws.uniform(0.0, 0.1))

    # --- what callers do -------------------------------------------------------------------------

    async def complete(self, prompt: str, tenant: str) -> None:
        """Wait for the whole answer."""
        self._compare(prompt, await self._pipeline.complete(prompt, tenant=tenant))

    async def stream(self, prompt: str, tenant: str) -> None:
        """Read a stream to its end."""
        async with self._pipeline.stream(prompt, tenant=tenant) as answer:
            pieces = [event.text async for event in answer]
        assert answer.response is not None
        self._compare(prompt, answer.response)
        assert "".join(pieces) == answer.response.text

    async def cancel(self, prompt: str, tenant: str) -> None:
        """Leave in the middle, whatever it is the middle of."""
        task = asyncio.create_task(self.stream(prompt, tenant))
        await asyncio.sleep(self._draws.uniform(0.0, 0.3))
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def hurry(self, prompt: str, tenant: str) -> None:
        """Have less time than it takes, as often as not."""
        seconds = self._draws.uniform(0.01, 1.0)
        self._compare(prompt, await self._pipeline.complete(prompt, tenant=tenant, deadline=seconds))

    async def leave(self, prompt: str, tenant: str) -> None:
        """Close a stream after some of it."""
        async with self._pipeline.stream(prompt, tenant=tenant) as answer:
            await self._read(answer, self._draws.randrange(4))

    async def drop(self, prompt: str, tenant: str) -> None:
        """Forget a stream after some of it, without a word."""
        await self._read(await self._pipeline.stream(prompt, tenant=tenant), self._draws.randrange(1, 4))

    async def _read(self, answer: ResponseStream, events: int) -> None:
        for _ in range(events):
            if await anext(answer, None) is None:
                break

    # --- what they look at -----------------------------------------------------------------------

    def _tenant(self) -> str:
        """Half the calls come from tenants who were never seen before."""
        if self._draws.random() < 0.5:
            return self._draws.choice(REGULARS)
        self.tenants += 1
        return f"newcomer-{self.tenants}"

    def _compare(self, prompt: str, answer: Response) -> None:
        """The simulator's answer to one prompt is the same every time, from whichever connection it comes."""
        text = answer.text.removesuffix(HALVED)
        known = self._answers.setdefault((answer.provider, prompt), text)
        if not text or text != known:
            self._note(f"{answer.provider} was asked {prompt!r}: {text!r} is not {known!r}")

    def _note(self, told: str) -> None:
        if len(self.wrong) < 20:
            self.wrong.append(told)
