"""Toys that get something wrong, each in a way of its own."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

import httpx

from ranvier.errors import ConnectionFailedError, InvalidRequestError, InvalidResponseError, ProviderError
from ranvier.messages import Response, StreamEvent, Usage
from ranvier.pipeline import Call
from support.testing.toy import Toy


class LetsErrorsOut(Toy):
    """What goes wrong in its engine comes out as it is."""

    def lost(self, error: httpx.HTTPError) -> Exception:
        return OSError("the connection failed")


class TrustsEveryBody(Toy):
    """It reads what it hopes for."""

    def parsed(self, content: bytes | str) -> dict[str, Any]:
        return json.loads(content)


class EndsWhereTheBodyEnds(Toy):
    """The end of the body is the end of the answer."""

    def ended_early(self) -> None:
        pass


class MisjudgesFailures(Toy):
    """A failure of the provider's is said to be the caller's."""

    def refused(self, call: Call, reply: httpx.Response) -> ProviderError:
        return InvalidRequestError("no", provider=self.name, status=reply.status_code, retry_after=7)


class ForgetsTheWait(Toy):
    """It does not tell for how long to wait."""

    def refused(self, call: Call, reply: httpx.Response) -> ProviderError:
        error = super().refused(call, reply)
        error.retry_after = None
        return error


class IsCalledOtherwise(Toy):
    """Its errors and answers carry another name."""

    def refused(self, call: Call, reply: httpx.Response) -> ProviderError:
        error = super().refused(call, reply)
        error.provider, error.status = "acme", None
        return error

    def answer(self, content: bytes) -> Response:
        answer = super().answer(content)
        answer.provider = "acme"
        return answer


class CountsNoTokensInStreams(Toy):
    """What a stream costs is not told."""

    def event(self, line: str) -> StreamEvent:
        event = super().event(line)
        event.usage = None
        return event


class ReadsChunkByChunk(Toy):
    """It takes a chunk for a line."""

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        reply = await self.send(call)
        try:
            async for chunk in reply.aiter_bytes():
                for line in chunk.decode(errors="replace").splitlines():
                    event = self.event(line)
                    yield event
                    if event.finish_reason is not None:
                        return
        except httpx.HTTPError as error:
            raise self.lost(error) from None
        finally:
            await reply.aclose()
        self.ended_early()


class KeepsTheFirstKey(Toy):
    """It has one key for everybody."""

    first = ""

    def key(self, call: Call) -> str:
        self.first = self.first or super().key(call)
        return self.first


class TellsTheKey(Toy):
    """Its errors say which key was refused."""

    def words(self, call: Call) -> str:
        return f"{self.name} refused {call.credential}"


class KeepsTheKeyAtHand(Toy):
    """The key is a local variable where an error passes."""

    async def send(self, call: Call) -> httpx.Response:
        shy, headers = Shy(), self.key(call)
        reply = await super().send(call)
        del shy, headers
        return reply


class Shy:
    """It cannot be printed."""

    def __repr__(self) -> str:
        raise ValueError


class ShowsTheKey(Toy):
    """It prints with the key that it used."""

    used: Any = None

    def key(self, call: Call) -> str:
        self.used = super().key(call)
        return self.used

    def __repr__(self) -> str:
        return f"ShowsTheKey({self.used})"


class LogsTheKey(Toy):
    """For debugging."""

    def key(self, call: Call) -> str:
        logging.getLogger("toy").debug("asking with %s", call.credential)
        return super().key(call)


class GoesOnWhenCancelled(Toy):
    """The request lives in a task that nobody cancels."""

    async def complete(self, call: Call) -> Response:
        return await asyncio.shield(asyncio.ensure_future(super().complete(call)))


class MakesErrorsOfCancellations(Toy):
    """A caller who goes away is a failure of the provider."""

    async def complete(self, call: Call) -> Response:
        try:
            return await super().complete(call)
        except asyncio.CancelledError:
            raise ConnectionFailedError("it broke", provider=self.name) from None


class ForgetsToClose(Toy):
    """A stream that was left stays open."""

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        reply = await self.send(call)
        self.lines = reply.aiter_lines()  # or else the loop would close it
        async for line in self.lines:
            event = self.event(line)
            yield event
            if event.finish_reason is not None:
                return
        self.ended_early()


class NeverCloses(Toy):
    """Its connections outlive the pipeline."""

    async def aclose(self) -> None:
        pass


class SaysNothing(Toy):
    """An answer without words, or a reason for its end."""

    def answer(self, content: bytes) -> Response:
        self.parsed(content)
        return Response("", finish_reason=None, provider=self.name, model="")


class AnswersAnyway(Toy):
    """Whatever happens, it says something."""

    async def complete(self, call: Call) -> Response:
        try:
            return await super().complete(call)
        except ProviderError:
            return Response("I am sorry.", provider=self.name, usage=Usage(1, 1, 2))


class TakesTheBlameFromItself(Toy):
    """Its failures count against nobody."""

    def refused(self, call: Call, reply: httpx.Response) -> ProviderError:
        error = super().refused(call, reply)
        error.counts_against_provider = False
        return error


class NeverRecovers(Toy):
    """Once cancelled, it is of no use any more."""

    cancelled = False

    async def send(self, call: Call) -> httpx.Response:
        if self.cancelled:
            raise ConnectionFailedError("it is cancelled", provider=self.name)
        try:
            return await super().send(call)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class LosesCount(Toy):
    """It counts its streams as requests in flight, and never as ended."""

    in_progress = 0

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        self.in_progress += 1
        async for event in super().stream(call):
            yield event


class NeverEnds(Toy):
    """It holds on to a request whatever happens."""

    async def complete(self, call: Call) -> Response:
        task = asyncio.ensure_future(super().complete(call))
        for _ in range(2):
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                continue
        raise asyncio.CancelledError


class LeavesATask(Toy):
    """Something of it goes on for ever."""

    async def aclose(self) -> None:
        await super().aclose()
        self.task = asyncio.ensure_future(asyncio.sleep(3600))


class LeavesAtTheFirstFinishReason(Toy):
    """It believes that nothing follows a finish reason."""

    leaves_early = True


class PassesHalvesOn(Toy):
    """It passes halves of characters on as they come."""

    def mended(self, content: bytes | str) -> bytes | str:
        return content


class TrustsEveryCount(Toy):
    """Malformed usage breaks it."""

    def usage(self, counted: dict[str, int]) -> Usage:
        return Usage(counted["in"], counted["out"] + 0, counted["in"] + counted["out"])

    def answer(self, content: bytes) -> Response:
        try:
            return super().answer(content)
        except TypeError:
            raise InvalidResponseError("the usage is odd", provider=self.name) from None

    def event(self, line: str) -> StreamEvent:
        try:
            return super().event(line)
        except TypeError:
            raise InvalidResponseError("the usage is odd", provider=self.name) from None


class BelievesEveryCount(Toy):
    """Malformed usage is told as if it were complete."""

    def usage(self, counted: dict[str, int]) -> Usage:
        return Usage(int(counted["in"]), int(counted["out"]), int(counted["in"]) + int(counted["out"]))


class WantsWords(Toy):
    """An answer without words is an error."""

    def answer(self, content: bytes) -> Response:
        answer = super().answer(content)
        if not answer.text:
            raise InvalidResponseError("no words", provider=self.name)
        return answer


class WantsOneForm(Toy):
    """A stream in reply to a whole request is nothing to it."""

    def gathered(self, events: list[StreamEvent]) -> Response:
        raise InvalidResponseError("a stream", provider=self.name)
