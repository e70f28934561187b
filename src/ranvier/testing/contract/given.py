"""What the author of an adapter gives to its contract, and how a rule of it is tried."""

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
    r"""What has to be known of a provider, in bytes of its own wire.

    Attributes:
        whole: The body of a good answer.
        streamed: The body of the same answer as a stream; `None` where the provider cannot stream.
        streamed_type: The content type of that.
        broken_off: A stream that an error of the server's ends after its beginning; `None` where
            the wire has no such thing.
        only_here: Words with which its server refuses, by a 400, what only it refuses, such as a
            setting that its model does not take; `None` where it has none.
        finished_early: The good answer as a stream that gives its finish reason before its end as well;
            `None` where the wire has no such thing.
        halved: A good answer as a stream in which one character comes as two halves (`\ud83d` in one
            event, `\ude00` in the next); `None` where the wire has no such thing.
        odd_usage, odd_usage_streamed: The good answer with malformed usage, such as counts that are texts;
            `None` leaves the rule out.
        silent, silent_streamed: An answer that ends well and holds nothing; `None` leaves the rule out.
        reads_other_form: True for a provider that also understands a whole answer in reply to a streaming
            request, and a stream in reply to a whole one.
        model: The model to ask for.
        key: The secret that has to arrive, and must never be seen anywhere else.
        uses_key: False for a provider that works without one.
        counts_tokens: False for one whose server does not tell what an answer costs.
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
        """A new provider that sends its requests to the server at `url`."""
        raise NotImplementedError("override `provider`: return yours, with its server at `url`")

    def refusal(self, status: int, words: str) -> bytes:
        """The body of a refusal, as its server would word it."""
        return b'{"error": {"message": "%b", "code": %d}}' % (words.encode(), status)

    async def aside(self, visit: Visit) -> bool:
        """Answer a request that asks for something else, such as a token; true where this is one."""
        return False

    # --- for the rules ---------------------------------------------------------------------------

    def _good(self, way: str) -> Script:
        """The good answer."""
        return answering(self.whole) if way == "whole" else self._stream(self._stream_given())

    def _stream(self, *pieces: bytes, end: Callable[[Visit], Awaitable[None]] = Visit.end) -> Script:
        """A stream in these pieces, and then its end."""

        async def script(visit: Visit) -> None:
            await visit.begin(content_type=self.streamed_type)
            for piece in pieces:
                await visit.chunk(piece)
                await asyncio.sleep(0)
            await end(visit)

        return script

    def _stream_given(self) -> bytes:
        if self.streamed is None:
            raise AssertionError("the provider has a `stream`: give `streamed`, the good answer as a stream")
        return self.streamed

    def _content(self, way: str) -> bytes:
        return self.whole if way == "whole" else self._stream_given()


G = TypeVar("G", bound=Given)


def rule(check: Callable[[G, Scene], AsyncIterator[str]]) -> Callable[[G], None]:
    """Makes a test of what yields a sentence for each way in which a provider breaks a rule.

    Each runs on a loop of its own, over real sockets.
    """

    def test(contract: G) -> None:
        broken = asyncio.run(_broken(contract, check))
        if broken:
            raise AssertionError("\n  ".join(["the provider breaks the contract:", *broken]))

    test.__name__, test.__qualname__ = check.__name__, check.__qualname__  # but not what it wraps: for
    test.__doc__, test.__module__ = check.__doc__, check.__module__  # pytest, a scene would be a fixture
    return test


async def _broken(contract: G, check: Callable[[G, Scene], AsyncIterator[str]]) -> list[str]:
    async with Loopback() as server:
        provider = contract.provider(server.url)
        scene = Scene(server, provider, contract.model, contract.key, contract.aside)
        async with scene.pipeline:
            return [sentence async for sentence in check(contract, scene)]


def needs(given: Any, reason: str) -> None:
    """Leave a rule out that asks for what is not given: pytest and unittest both know how."""
    if not given:
        _skip(reason)


def _skip(reason: str) -> NoReturn:
    from unittest import SkipTest  # because: only who tests something needs it

    raise SkipTest(reason)


def answering(body: bytes, status: int = 200, **headers: str) -> Script:
    """A server that always answers so."""
    return lambda visit: visit.answer(body, status, **headers)


def shown(outcome: Response | BaseException | None) -> str:
    """An outcome in a few words."""
    if isinstance(outcome, Response):
        return f"an answer: {outcome.text!r:.60}, finish_reason={outcome.finish_reason}"
    kind = type(outcome).__name__
    return f"{kind}: {str(outcome)!r:.100}" if isinstance(outcome, RanvierError) else f"{kind} (none of ours)"


def said(answer: Response | Exception) -> dict[str, Any]:
    """What an answer says, without the ids that an adapter may make up; nothing where it is none."""
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
