"""Recorded failures of real providers, what they should become, and a server that repeats them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from ranvier.errors import AttemptTimeoutError, ContextLengthError, ProviderError, RanvierError
from ranvier.providers import GLM, Anthropic, Gemini, Kimi, Ollama, OpenAI, OpenRouter
from ranvier.providers._classify import classify
from support.providers.asking import Visit, cut, opened_at
from support.providers.recordings import rows

ADAPTERS: dict[str, Any] = {
    "anthropic": Anthropic,
    "gemini": Gemini,
    "vertexai": Gemini,
    "moonshot": Kimi,
    "ollama": Ollama,
    "openrouter": OpenRouter,
    "zhipu": GLM,
}
"""Who asks; all others speak OpenAI's dialect."""

CUT = {"stream_truncated_json", "stream_no_finish_reason", "only_comments_then_close", "ndjson_cut_in_line"}
"""Cases without a word of the provider: that the stream was cut is for the adapter to say."""

OF_THE_CONNECTION = {"content-length", "content-encoding", "transfer-encoding", "connection"}
"""Headers that belong to the way on which the recorded bytes came, not to the bytes."""

Failed = ProviderError | AttemptTimeoutError


@dataclass(frozen=True)
class Failure:
    """One recorded failure; `number` is its place among them."""

    number: int
    row: dict[str, Any]

    @property
    def name(self) -> str:
        """Whose it is, and what."""
        return f"{self.row['provider']}-{self.row['case']}"

    @property
    def headers(self) -> dict[str, str]:
        """Those of the answer, by their names in lower case."""
        return {name.lower(): value for name, value in self.row["headers"].items()}

    @property
    def said(self) -> str:
        """The body, or the event of a stream that holds its error, as an adapter would hand it over."""
        if not self.row["stream"]:
            return str(self.row["body"])
        events = [line[5:].strip() for line in self.row["body"].splitlines() if line.startswith("data:")]
        return str(next(event for event in reversed(events) if "error" in event))

    @property
    def wait(self) -> float | None:
        """The wait that it names, in a header or in its body."""
        wait: float | None = self.row["expected_retry_after_s"]
        return self.row["body_hint_s"] if wait is None else wait

    def accepts(self, error: object) -> bool:
        """True for an error of a kind that is defensible."""
        kind = getattr(error, "kind", "none")
        return kind in self.row["accept_kinds"]

    def goes_on(self, error: object) -> bool:
        """True where `error` goes on to the next target if it should, and where nobody has said so."""
        wanted: bool | None = self.row.get("falls_over")
        falls_over = getattr(error, "falls_over", None) or isinstance(error, ContextLengthError)
        return wanted in (None, falls_over)

    def waits_for(self, error: object) -> bool:
        """True where `error` tells of the wait that was named, and of none where none was."""
        return getattr(error, "retry_after", None) == self.wait


def failures() -> list[Failure]:
    """All of them."""
    recorded = [*rows("errors.jsonl"), *rows("errors.fresh.jsonl")]
    return [Failure(number, row) for number, row in enumerate(recorded)]


def classified(failure: Failure) -> Failed:
    """What the classifier alone makes of it."""
    return classify(
        failure.said,
        provider=failure.row["provider"],
        model="m",
        status=failure.row["status"],
        headers=failure.headers,
        in_stream=failure.row["stream"],
    )


async def asked(failure: Failure, url: str, client: httpx.AsyncClient) -> RanvierError | None:
    """What an adapter makes of it, asking the server at `url`; `None` if it takes it for an answer."""
    kind = ADAPTERS.get(failure.row["provider"], OpenAI)
    async with opened_at(f"{url}/{failure.number}", kind, http_client=client) as server:
        try:
            await (server.stream if failure.row["stream"] else server.complete)(model="m")
        except RanvierError as error:
            return error
    return None


def repeated(recorded: list[Failure]) -> Callable[[Visit], Awaitable[None]]:
    """A script of a server that answers as recorded: `/17/...` with what no. 17 was answered."""
    dice = Random(len(recorded))

    async def serve(visit: Visit) -> None:
        row = recorded[int(visit.head.split("/")[1])].row
        body = row["body"].encode()
        headers = {
            name: value for name, value in row["headers"].items() if name.lower() not in OF_THE_CONNECTION
        }
        lines = [f"{name}: {value}" for name, value in {**headers, "content-length": len(body)}.items()]
        await visit.send("\r\n".join([f"HTTP/1.1 {row['status']} Recorded", *lines, "", ""]))
        for piece in cut(body, dice) if len(body) > 1 else (body,):
            await visit.send(piece)

    return serve
