"""Failures: each raises the right typed error, and none is taken for an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from ranvier.errors.provider import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    PermissionDeniedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from ranvier.errors.root import RanvierError
from ranvier.errors.timed_out import TimedOutError
from ranvier.messages.response import Response
from ranvier.testing.contract.given import Given, answering, content_of, needs, rule, shown
from ranvier.testing.contract.scene import Scene
from ranvier.testing.loopback import Script, Visit

REFUSALS: dict[int, tuple[type[ProviderError], ...]] = {
    400: (InvalidRequestError,),
    401: (AuthenticationError,),
    403: (PermissionDeniedError, AuthenticationError, QuotaExceededError),
    404: (InvalidRequestError,),
    422: (InvalidRequestError,),
    429: (RateLimitError, QuotaExceededError),
    500: (ServerError,),
    502: (ServerError,),
    503: (ServerError,),
    529: (ServerError,),
}
"""The errors that a status may raise."""

NONSENSE: dict[str, bytes] = {
    "nothing": b"",
    "a page of HTML": b"<!DOCTYPE html><html><title>Sign in</title></html>",
    "half an object": b'{"text": "Hel',
    "null": b"null",
    "a list": b"[1, 2]",
    "a text": b'"Hello."',
    "an empty object": b"{}",
    "bytes that are not UTF-8": b"\xff\xfe\x00\x80",
}
"""Bodies that come with status 200 and are no answer."""

PLACES = 24
"""About how many evenly spaced places a stream is cut at, besides the ends of its first and last lines."""


class Failures(Given):
    """Rules about failures."""

    @rule
    async def test_every_refusal_is_the_error_that_its_status_means(self, scene: Scene) -> AsyncIterator[str]:
        """The error has the provider's name and the status, and only 5xx counts against the provider."""
        for way in scene.ways:
            for status in REFUSALS:
                outcome = await scene.outcome(way, self._refusing(status))
                for words in _misjudged(scene, status, outcome):
                    yield f"{status}, {way}: {words}"

    @rule
    async def test_a_rate_limit_keeps_the_wait_that_it_names(self, scene: Scene) -> AsyncIterator[str]:
        """`retry-after: 7` is `retry_after == 7`, in seconds."""
        for way in scene.ways:
            outcome = await scene.outcome(way, self._refusing(429, retry_after="7"))
            if getattr(outcome, "retry_after", None) != 7:
                yield f"{way}, the error has no retry_after: {shown(outcome)}"

    @rule
    async def test_what_only_this_target_refuses_goes_on_to_the_next(
        self, scene: Scene
    ) -> AsyncIterator[str]:
        """The error fails over, is not retryable, and does not count against the provider."""
        needs(self.only_here, "`only_here` is not set")
        for way in scene.ways:
            script = answering(self.refusal(400, self.only_here or ""), 400)
            outcome = await scene.outcome(way, script)
            if not isinstance(outcome, ProviderError) or not outcome.fails_over:
                yield f"{way}, the error does not fail over: {shown(outcome)}"
            elif outcome.retryable or outcome.counts_against_provider:
                yield f"{way}, the error is retryable or counts against the provider: {shown(outcome)}"

    @rule
    async def test_nonsense_is_no_answer(self, scene: Scene) -> AsyncIterator[str]:
        """A body with status 200 that is no answer raises a retryable error."""
        for way in scene.ways:
            for name, content in NONSENSE.items():
                outcome = await scene.outcome(way, answering(content))
                if not isinstance(outcome, ProviderError) or not outcome.retryable:
                    yield f"{name}, {way}: {shown(outcome)}"

    @rule
    async def test_connection_failures_are_reported(self, scene: Scene) -> AsyncIterator[str]:
        """The server does not listen, or the connection breaks before or within the answer."""
        for way in scene.ways:
            content = self._content(way)
            within = self._stream(content[: len(content) // 2], end=Visit.reset)
            for name, script in (("before", Visit.reset), ("within", within)):
                outcome = await scene.outcome(way, script)
                if not isinstance(outcome, ConnectionFailedError):
                    yield f"the connection breaks {name} the answer, {way}: {shown(outcome)}"
        await scene.server.close()
        for way in scene.ways:
            outcome = await scene.outcome(way, Visit.reset)
            if not isinstance(outcome, ConnectionFailedError):
                yield f"the server does not listen, {way}: {shown(outcome)}"

    @rule
    async def test_a_stream_that_ends_early_is_no_answer(self, scene: Scene) -> AsyncIterator[str]:
        """Only the API's terminal event completes an answer, never the end of the body."""
        needs(scene.streams, "the provider cannot stream")
        content = self._stream_given()
        full = await scene.outcome("streamed", self._good("streamed"))
        for place in _places(content):
            for end in (Visit.end, Visit.reset):
                outcome = await scene.outcome("streamed", self._stream(content[:place], end=end))
                if not _is_right(outcome, full):
                    yield f"cut after {place} of {len(content)} bytes: {shown(outcome)}"

    @rule
    async def test_an_error_within_a_stream_is_raised(self, scene: Scene) -> AsyncIterator[str]:
        """A stream that started with status 200 can still report a failure of the provider."""
        needs(self.broken_off, "`broken_off` is not set")
        outcome = await scene.outcome("streamed", self._stream(self.broken_off or b""))
        if not isinstance(outcome, (ProviderError, TimedOutError)):
            yield f"an error within a stream: {shown(outcome)}"

    @rule
    async def test_the_record_agrees_with_the_errors(self, scene: Scene) -> AsyncIterator[str]:
        """In kind and status."""
        for status in (401, 500):
            try:
                await scene.carried("whole", self._refusing(status))
            except RanvierError as error:
                attempt = error.attempts[-1]
                if (attempt.outcome, attempt.status) != (error.kind, status):
                    recorded = f"{attempt.outcome}, {attempt.status}"
                    yield f"the record has {recorded}, the error {error.kind}, {status}"
            else:
                yield f"{status} is taken for an answer"

    def _refusing(self, status: int, **headers: str) -> Script:
        return answering(self.refusal(status, "not now"), status, **headers)


def _misjudged(scene: Scene, status: int, outcome: Response | Exception) -> Iterator[str]:
    """What is wrong with the error for a status."""
    if not isinstance(outcome, REFUSALS[status]):
        yield f"{shown(outcome)}, expected {' or '.join(kind.__name__ for kind in REFUSALS[status])}"
        return
    if outcome.provider != scene.provider.name:
        yield f"its provider is {outcome.provider!r}"
    if outcome.status != status:
        yield f"its status is {outcome.status}"
    if outcome.counts_against_provider != (status >= 500):
        yield f"its counts_against_provider is {outcome.counts_against_provider}"


def _is_right(outcome: Response | Exception, full: Response | Exception) -> bool:
    """True for an error, and for an answer that lacks nothing except possibly its token counts."""
    if isinstance(outcome, (ProviderError, TimedOutError)):
        return True
    return isinstance(outcome, Response) and content_of(outcome) | {"usage": 0} == content_of(full) | {
        "usage": 0
    }


def _places(content: bytes) -> list[int]:
    """Places spread evenly over `content`, and the ends of its first and last eight lines."""
    ends = [place + 1 for place, byte in enumerate(content[:-1]) if byte == ord("\n")]
    step = max(1, len(content) // PLACES)
    return sorted({*range(1, len(content), step), *ends[:8], *ends[-8:]})
