"""What the author of an adapter provides for the contract tests, and how a rule runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from ranvier.errors.root import RanvierError
from ranvier.messages.response import Response
from ranvier.pipeline.deployment import Provider
from ranvier.testing.contract.scene import Scene
from ranvier.testing.loopback import Loopback, Script, Visit


class Given:
    r"""The test data of a provider, in bytes of its own API. `None` skips the rules that need the value.

    Attributes:
        whole: The body of a good answer.
        streamed: The body of the same answer as a stream; `None` if the provider cannot stream.
        streamed_type: The content type of `streamed`.
        broken_off: A stream that starts well and ends with an error from the server; `None` if the API
            has no such event.
        only_here: The message of a 400 with which only this server rejects a request, such as one for a
            setting that its model does not accept; `None` if it has none.
        finished_early: The good answer as a stream that also gives its finish reason before the end;
            `None` if the API has no such event.
        halved: A good answer as a stream in which one character comes as two halves (`\ud83d` in one
            event, `\ude00` in the next); `None` if the API cannot do that.
        odd_usage, odd_usage_streamed: The good answer with malformed usage, such as counts as strings.
        silent, silent_streamed: An answer that ends properly and has no content.
        reads_other_form: True for a provider that also reads a whole answer in reply to a streaming
            request, and a stream in reply to a non-streaming one.
        model: The model to request.
        key: The secret that must be sent, and must never appear anywhere else.
        uses_key: False for a provider that works without a key.
        counts_tokens: False if the server reports no token counts.
    """

    whole: bytes
    streamed: bytes | None = None
    streamed_type: str = "text/event-stream"
    broken_off: bytes | None = None
    only_here: str | None = None
    finished_early: bytes | None = None
    halved: bytes | None = None
    odd_usage: bytes | None = None
    odd_usage_streamed: bytes | None = None
    silent: bytes | None = None
    silent_streamed: bytes | None = None
    reads_other_form: bool = False
    model: str = "model"
    key: str = "sk-contract-5f0c9a7be2d1"
    uses_key: bool = True
    counts_tokens: bool = True

    def provider(self, url: str) -> Provider:
        """Create a provider that sends its requests to the server at `url`."""
        raise NotImplementedError("override `provider`: return your provider with `url` as its base URL")

    def refusal(self, status: int, words: str) -> bytes:
        """The body of an error reply, in the server's format, with `words` as its message."""
        return b'{"error": {"message": "%b", "code": %d}}' % (words.encode(), status)

    async def aside(self, visit: Visit) -> bool:
        """Answer a request that is not for a completion, such as one for a token; true if it was one."""
        return False

    # --- for the rules ---------------------------------------------------------------------------

    def _good(self, way: str) -> Script:
        """Send the good answer."""
        return answering(self.whole) if way == "whole" else self._stream(self._stream_given())

    def _stream(self, *pieces: bytes, end: Callable[[Visit], Awaitable[None]] = Visit.end) -> Script:
        """Send a stream in these pieces, then end it with `end`."""

        async def script(visit: Visit) -> None:
            await visit.begin(content_type=self.streamed_type)
            for piece in pieces:
                await visit.chunk(piece)
                await asyncio.sleep(0)
            await end(visit)

        return script

    def _stream_given(self) -> bytes:
        if self.streamed is None:
            raise AssertionError("the provider can stream: set `streamed` to the good answer as a stream")
        return self.streamed

    def _content(self, way: str) -> bytes:
        return self.whole if way == "whole" else self._stream_given()


G = TypeVar("G", bound=Given)


def rule(check: Callable[[G, Scene], AsyncIterator[str]]) -> Callable[[G], None]:
    """Turn `check`, which yields a sentence for each violation of a rule, into a test.

    Each test runs on its own loop, over real sockets.
    """

    def test(contract: G) -> None:
        broken = asyncio.run(_broken(contract, check))
        if broken:
            raise AssertionError("\n  ".join(["the provider breaks the contract:", *broken]))

    test.__name__, test.__qualname__ = check.__name__, check.__qualname__  # without functools.wraps: pytest
    test.__doc__, test.__module__ = check.__doc__, check.__module__  # would take `scene` for a fixture
    return test


async def _broken(contract: G, check: Callable[[G, Scene], AsyncIterator[str]]) -> list[str]:
    async with Loopback() as server:
        provider = contract.provider(server.url)
        scene = Scene(server, provider, contract.model, contract.key, contract.aside)
        async with scene.pipeline:
            return [sentence async for sentence in check(contract, scene)]


def needs(given: Any, reason: str) -> None:
    """Skip the rule unless `given` is set: pytest and unittest both understand a `SkipTest`."""
    if not given:
        _skip(reason)


def _skip(reason: str) -> NoReturn:
    from unittest import SkipTest  # because: only a skipped test needs it

    raise SkipTest(reason)


def answering(body: bytes, status: int = 200, **headers: str) -> Script:
    """A script that answers every request with this reply."""
    return lambda visit: visit.answer(body, status, **headers)


def shown(outcome: Response | BaseException | None) -> str:
    """Describe an outcome in a few words."""
    if isinstance(outcome, Response):
        return f"an answer: {outcome.text!r:.60}, finish_reason={outcome.finish_reason}"
    kind = type(outcome).__name__
    return f"{kind}: {str(outcome)!r:.100}" if isinstance(outcome, RanvierError) else f"{kind} (untyped)"


def content_of(answer: Response | Exception) -> dict[str, Any]:
    """The content of an answer, without the ids that an adapter may make up; empty for an error."""
    if not isinstance(answer, Response):
        return {}
    return {
        "text": answer.text,
        "reasoning": answer.reasoning,
        "tool_calls": [
            (call.name, dict(call.arguments) if call.invalid is None else call.invalid)
            for call in answer.tool_calls
        ],
        "finish_reason": answer.finish_reason,
        "usage": (answer.usage.input, answer.usage.output),
    }
