"""A simulator, a client, and a way to talk that hides which wire it goes over."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from ranvier.simulator import Simulator

PATHS = {"anthropic": "/v1/messages", "openai": "/chat/completions", "ollama": "/api/chat"}


@dataclass
class Reply:
    """What a lenient client makes of a response, whichever wire and whether whole or streamed."""

    response: httpx.Response
    events: list[dict[str, Any]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def text(self) -> str:
        """The words of the answer."""
        return "".join(map(_text, self.events))

    @property
    def finish(self) -> str | None:
        """The finish reason, in the wire's word."""
        return next((word for word in map(_finish, reversed(self.events)) if word), None)

    @property
    def usage(self) -> tuple[int, int] | None:
        """Tokens in and out, as they were reported last."""
        return next((usage for usage in map(_usage, reversed(self.events)) if usage), None)

    @property
    def errors(self) -> list[Any]:
        """The error objects, from the body or from events."""
        return [event["error"] for event in self.events if event.get("error")]


class Talk:
    """Asks the simulator over any wire."""

    def __init__(self, sim: Simulator, client: httpx.AsyncClient) -> None:
        self.sim = sim
        self.client = client

    def request(
        self, provider: str, prompt: str = "Why?", *, stream: bool = False, key: str = "sk-good", **more: Any
    ) -> dict[str, Any]:
        """The arguments of `client.post` for such a question; `more` goes into the body."""
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": stream, **more}
        headers = {"authorization": f"Bearer {key}"}
        if provider == "anthropic":
            body.setdefault("max_tokens", 100)
            headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        if provider == "openai" and stream:
            body.setdefault("stream_options", {"include_usage": True})
        wire = provider.partition("-")[0]
        return {"url": self.sim.url(provider) + PATHS[wire], "json": body, "headers": headers}

    async def __call__(self, provider: str, prompt: str = "Why?", **more: Any) -> Reply:
        """Ask, and read the reply to its end."""
        response = await self.client.post(**self.request(provider, prompt, **more))
        reply = Reply(response)
        for line in response.text.splitlines():
            payload = line.removeprefix("data: ")
            if not payload.startswith("{"):
                reply.unread.append(line)
                continue
            try:
                reply.events.append(json.loads(payload))
            except ValueError:
                reply.unread.append(line)
        return reply


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A simulator without a script."""
    async with Simulator(seed=1) as simulator:
        yield simulator


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that looks at no environment and waits at most as long as a test may take."""
    async with httpx.AsyncClient(verify=False, trust_env=False, timeout=2) as one:
        yield one


@pytest.fixture
def talk(sim: Simulator, client: httpx.AsyncClient) -> Talk:
    """Asks `sim`."""
    return Talk(sim, client)


def _text(event: dict[str, Any]) -> str:
    if "delta" in event:
        return event["delta"].get("text", "")
    if "content" in event:
        return "".join(block.get("text", "") for block in event["content"])
    choice = (event.get("choices") or [{}])[0]
    message = event.get("message") or choice.get("delta") or choice.get("message") or {}
    return message.get("content") or "" if isinstance(message.get("content"), str) else ""


def _finish(event: dict[str, Any]) -> str | None:
    choice = (event.get("choices") or [{}])[0]
    delta = event.get("delta") or {}
    words = (choice.get("finish_reason"), event.get("done_reason"), event.get("stop_reason"))
    return next(filter(None, (*words, delta.get("stop_reason"))), None)


def _usage(event: dict[str, Any]) -> tuple[int, int] | None:
    if "eval_count" in event:
        return event["prompt_eval_count"], event["eval_count"]
    usage = event.get("usage")
    if not usage:
        return None
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["completion_tokens"]
    return usage["input_tokens"], usage["output_tokens"]
