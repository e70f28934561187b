"""Everything that can go wrong: each a typed error that says the truth, and never an answer."""

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
from ranvier.testing.contract.given import Given, answering, needs, rule, said, shown
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
"""What a status may mean."""

NONSENSE: dict[str, bytes] = {
    "nothing": b"",
    "a page of HTML": b"<!DOCTYPE html><html><title>Sign in</title></html>",
    "half an object": b'{"text": "Hel',
    "null": b"null",
    "a list": b"[1, 2]",
    "a text": b'"Hello."',
    "an empty object": b"{}",
    "bytes that are no text": b"\xff\xfe\x00\x80",
}
"""Bodies that promise an answer, by their status 200, and are none."""

PLACES = 24
"""Places at which a stream is cut, at most, beside the ends of its first and last lines."""


class Failures(Given):
    """What becomes of everything else."""

    @rule
    async def test_every_refusal_is_the_error_that_its_status_means(self, scene: Scene) -> AsyncIterator[str]:
        """With its facts: what counts against the provider, and who said what."""
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
                yield f"{way}, it forgets for how long to wait: {shown(outcome)}"

    @rule
    async def test_what_only_this_target_refuses_goes_on_to_the_next(
        self, scene: Scene
    ) -> AsyncIterator[str]:
        """It falls over, it is not tried again, and it says nothing about the provider's health."""
        needs(self.only_here, "`only_here` is not given")
        for way in scene.ways:
            script = answering(self.refusal(400, self.only_here or ""), 400)
            outcome = await scene.outcome(way, script)
            if not isinstance(outcome, ProviderError) or not outcome.fails_over:
                yield f"{way}, the next target is not asked: {shown(outcome)}"
            elif outcome.retryable or outcome.counts_against_provider:
                yield f"{way}, it is held against the provider: {shown(outcome)}"

    @rule
    async def test_nonsense_is_no_answer(self, scene: Scene) -> AsyncIterator[str]:
        """Whatever comes with status 200, only an answer is one; all else may be tried again."""
        for way in scene.ways:
            for name, content in NONSENSE.items():
                outcome = await scene.outcome(way, answering(content))
                if not isinstance(outcome, ProviderError) or not outcome.retryable:
                    yield f"{name}, {way}: {shown(outcome)}"

    @rule
    async def test_no_connection_and_a_broken_one_are_told(self, scene: Scene) -> AsyncIterator[str]:
        """Nobody listens, or the connection breaks before or within the answer."""
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
                yield f"nobody listens, {way}: {shown(outcome)}"

    @rule
    async def test_a_stream_that_ends_early_is_no_answer(self, scene: Scene) -> AsyncIterator[str]:
        """Only the wire's own terminal event makes an answer whole, and never the end of the body."""
        needs(scene.streams, "it cannot stream")
        content = self._stream_given()
        full = await scene.outcome("streamed", self._good("streamed"))
        for place in _places(content):
            for end in (Visit.end, Visit.reset):
                outcome = await scene.outcome("streamed", self._stream(content[:place], end=end))
                if not _is_right(outcome, full):
                    yield f"cut after {place} of {len(content)} bytes: {shown(outcome)}"

    @rule
    async def test_an_error_within_a_stream_is_told(self, scene: Scene) -> AsyncIterator[str]:
        """A stream that has begun with status 200 can still say that the provider failed."""
        needs(self.broken_off, "`broken_off` is not given")
        outcome = await scene.outcome("streamed", self._stream(self.broken_off or b""))
        if not isinstance(outcome, (ProviderError, TimedOutError)):
            yield f"an error within a stream: {shown(outcome)}"

    @rule
    async def test_the_record_tells_of_failures_as_their_errors_do(self, scene: Scene) -> AsyncIterator[str]:
        """The kind and the status."""
        for status in (401, 500):
            try:
                await scene.carried("whole", self._refusing(status))
            except RanvierError as error:
                attempt = error.attempts[-1]
                if (attempt.outcome, attempt.status) != (error.kind, status):
                    yield f"{attempt.outcome}, {attempt.status} is recorded of {error.kind}, {status}"
            else:
                yield f"{status} is taken for an answer"

    def _refusing(self, status: int, **headers: str) -> Script:
        return answering(self.refusal(status, "not now"), status, **headers)


def _misjudged(scene: Scene, status: int, outcome: Response | Exception) -> Iterator[str]:
    """What is wrong with the error for a status."""
    if not isinstance(outcome, REFUSALS[status]):
        yield f"{shown(outcome)}, instead of {' or '.join(kind.__name__ for kind in REFUSALS[status])}"
        return
    if outcome.provider != scene.provider.name:
        yield f"it names the provider {outcome.provider!r}"
    if outcome.status != status:
        yield f"its status is {outcome.status}"
    if outcome.counts_against_provider != (status >= 500):
        yield f"its counts_against_provider is {outcome.counts_against_provider}"


def _is_right(outcome: Response | Exception, full: Response | Exception) -> bool:
    """True for an error, and for an answer to which nothing is lacking but, at most, its tokens."""
    if isinstance(outcome, (ProviderError, TimedOutError)):
        return True
    return isinstance(outcome, Response) and said(outcome) | {"usage": 0} == said(full) | {"usage": 0}


def _places(content: bytes) -> list[int]:
    """Some places spread over all, and those where one of the first or last lines ends."""
    ends = [place + 1 for place, byte in enumerate(content[:-1]) if byte == ord("\n")]
    step = max(1, len(content) // PLACES)
    return sorted({*range(1, len(content), step), *ends[:8], *ends[-8:]})
