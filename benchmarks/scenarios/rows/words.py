"""What a provider says over HTTP, read by a real adapter: a size that a key cannot have, and absurd waits."""

from __future__ import annotations

import json
from typing import Any

import httpx

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import SECOND, prompt, target
from benchmarks.scenarios.world import Ask, World, at_random, names
from ranvier import Deployment
from ranvier.clock import now
from ranvier.providers import OpenAI

SERVER = "server/gpt-4.1"
TOO_LARGE = (
    "Request too large for gpt-4.1 in organization org-1 on tokens per min (TPM): Limit 30000, "
    "Requested 60000. The input or output tokens must be reduced in order to run successfully."
)
NO_CREDIT = "Prompt tokens limit exceeded: 60000 > 30000. To increase, add credits to the account"
FINE = (
    {"choices": [{"index": 0, "delta": {"content": SERVER}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
)


class Server:
    """A server of chat completions, without a network.

    Args:
        status, message: How it refuses large prompts.
        retry_after: A header of its refusals.
        refused_until: Until then it answers 429 to every request.
    """

    def __init__(
        self,
        status: int = 429,
        message: str = TOO_LARGE,
        retry_after: str | None = None,
        refused_until: float = 0.0,
    ) -> None:
        self.asked: dict[str, list[float]] = {SERVER: []}
        self._status, self._message = status, message
        self._refused_until = refused_until
        self._headers = {} if retry_after is None else {"retry-after": retry_after}

    def target(self) -> Deployment:
        """An adapter that asks this server."""
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        url = "http://server.invalid/v1"
        adapter = OpenAI(name="server", base_url=url, api_key="shared", http_client=client)
        vars(adapter)["asked"] = self.asked
        return Deployment(adapter, "gpt-4.1")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked[SERVER].append(now())
        if now() < self._refused_until:
            return _refusal(429, "Rate limit reached", self._headers)
        if b"large" in request.content:
            return _refusal(self._status, self._message, self._headers)
        lines = [*map(json.dumps, FINE), "[DONE]"]
        body = "".join(f"data: {line}\n\n" for line in lines)
        return httpx.Response(200, text=body, headers={"content-type": "text/event-stream"})


def _refusal(status: int, message: str, headers: dict[str, str]) -> httpx.Response:
    code = "rate_limit_exceeded" if status == 429 else status
    error = {"message": message, "type": "tokens", "param": None, "code": code}
    return httpx.Response(status, json={"error": error}, headers=headers)


@row(
    "One tenant's prompt exceeds the token limit of the key",
    refusal={
        "429": {},
        "429 with Retry-After": {"retry_after": "60"},
        "402": {"status": 402, "message": NO_CREDIT},
    },
)
def large_prompt(world: World, refusal: dict[str, Any]) -> Figures:
    """One tenant sends it every 10 s, 20 others make 5 calls per second with the same key, for five minutes.

    The first target answers all calls of the others, the second one the large prompts.
    """
    server = Server(**refusal)
    large = [Ask(number * 10.0, "large", "a large prompt") for number in range(30)]
    calls = sorted([*at_random(names(20), 5, 300, world.rng), *large])
    log = world.play([server.target(), target(SECOND, prompt(world.rng))], calls)
    others = [each for each in log.calls if each.tenant != "large"]
    figures = log.figures()
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check(
            "others served by the first target",
            sum(each.target == SERVER for each in others) / len(others),
            *(1.0, True),
        ),
        Check("slowest of the others", max(each.first for each in others), 1.0),
    ]
    return figures


@row("An absurdly long Retry-After", value={"999999999": "999999999", "an epoch": "1795000000"})
def absurd_wait(world: World, value: str) -> Figures:
    """The only target returns 429 with it for 5 s, and then succeeds; a call every 2 s for ten minutes.

    The value is ignored: the key is used again within 10 s.
    """
    server = Server(retry_after=value, refused_until=5.0)
    calls = [Ask(number * 2.0, "tenant") for number in range(300)]
    log = world.play([server.target()], calls)
    figures = log.figures()
    failed = [each.began + each.first - 5.0 for each in log.calls if each.error is not None]
    figures.checks.append(Check("seconds until the key is used again", max([0.0, *failed]), 10.0))
    return figures
