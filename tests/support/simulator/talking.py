"""A way to talk to the simulator that hides which wire it goes over."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from ranvier.simulator import Simulator

CHATS = ("openai", "kimi", "glm", "openrouter")
WIRES = ("anthropic", "openai", "gemini", "kimi", "glm", "openrouter", "ollama", "vertex", "azure")
BY_GEMINI = {
    "gemini": "/models",
    "vertex": "/v1beta1/projects/acme-prod/locations/global/publishers/google/models",
}
"""The paths of the models of Gemini."""

PATHS = {
    "anthropic": "/v1/messages",
    **dict.fromkeys(CHATS, "/chat/completions"),
    **{name: f"{path}/m:generateContent" for name, path in BY_GEMINI.items()},
    "ollama": "/api/chat",
    "azure": "/openai/v1/chat/completions",
}


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
        self,
        provider: str,
        prompt: str = "Why?",
        /,
        *,
        stream: bool = False,
        key: str = "sk-good",
        **more: Any,
    ) -> dict[str, Any]:
        """The arguments of `client.post` for such a question; `more` goes into the body."""
        wire = provider.partition("-")[0]
        if wire in BY_GEMINI:
            return self._request_to_gemini(provider, prompt, stream, key, more)
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": stream, **more}
        headers = {"authorization": f"Bearer {key}"}
        if wire == "anthropic":
            body.setdefault("max_tokens", 100)
            headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        if wire in (*CHATS, "azure") and stream:
            body.setdefault("stream_options", {"include_usage": True})
        return {"url": self.sim.url(provider) + PATHS[wire], "json": body, "headers": headers}

    def _request_to_gemini(
        self, provider: str, prompt: str, stream: bool, key: str, more: dict[str, Any]
    ) -> dict[str, Any]:
        wire = provider.partition("-")[0]
        how = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = f"{BY_GEMINI[wire]}/{more.pop('model', 'm')}:{how}"
        body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], **more}
        headers = {"x-goog-api-key": key} if wire == "gemini" else {"authorization": f"Bearer {key}"}
        return {"url": self.sim.url(provider) + path, "json": body, "headers": headers}

    async def __call__(self, provider: str, prompt: str = "Why?", /, **more: Any) -> Reply:
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


def parts(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of an answer of Gemini's."""
    [candidate] = event.get("candidates") or [{}]
    return candidate.get("content", {}).get("parts", [])


def _text(event: dict[str, Any]) -> str:
    if "candidates" in event:
        return "".join(part.get("text", "") for part in parts(event) if not part.get("thought"))
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
    candidate = (event.get("candidates") or [{}])[0]
    words = (choice.get("finish_reason"), event.get("done_reason"), event.get("stop_reason"))
    return next(filter(None, (*words, delta.get("stop_reason"), candidate.get("finishReason"))), None)


def _usage(event: dict[str, Any]) -> tuple[int, int] | None:
    if "eval_count" in event:
        return event["prompt_eval_count"], event["eval_count"]
    if counts := event.get("usageMetadata"):
        return counts["promptTokenCount"], counts.get("candidatesTokenCount", 0)
    usage = event.get("usage") or (event.get("choices") or [{}])[0].get("usage")
    if not usage:
        return None
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["completion_tokens"]
    return usage["input_tokens"], usage["output_tokens"]
