"""An adapter's answer to bytes, without a network, a loop or a clock in between."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ranvier.errors import AttemptTimeoutError, ProviderError, UnsupportedRequestError
from ranvier.messages import Message, Response
from ranvier.messages.collector import Collector
from ranvier.providers._http.port import HttpReply, HttpRequest
from ranvier.providers._repairs.repairs import Fixing, Repairs
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers._wire.fields import encoded
from support.fuzz.corpus import ADAPTERS, call_to

Outcome = Response | ProviderError | AttemptTimeoutError


class Reply(HttpReply):
    """A reply whose body comes in the given chunks."""

    def __init__(self, chunks: Iterable[bytes], status: int, headers: dict[str, str]) -> None:
        request = HttpRequest("http://fuzz.test", {}, b"", provider="fuzz", model="m", secret="sk-fuzz")
        super().__init__(request, status, headers)
        self._chunks = (chunk for chunk in chunks if chunk)  # an empty one would be the end

    async def chunk(self) -> bytes:
        """The next of them."""
        return next(self._chunks, b"")

    async def drain(self) -> None:
        """There is nothing to use again."""

    async def aclose(self) -> None:
        """Nor to close."""


def outcome(
    provider: str,
    chunks: Iterable[bytes],
    *,
    streamed: bool,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Outcome:
    """What the adapter of that provider makes of a body; whatever is no error of ours is raised."""
    adapter, reply = ADAPTERS[provider], Reply(chunks, status, headers or {})
    try:
        return _finished(_collected(adapter, reply) if streamed else _whole(adapter, reply))
    except (ProviderError, AttemptTimeoutError) as error:
        return error


async def _whole(adapter: Adapter, reply: Reply) -> Response:
    answering = _Answering(adapter, reply)
    return await Adapter.complete(answering, call_to(adapter.name))  # type: ignore[arg-type]


async def _collected(adapter: Adapter, reply: Reply) -> Response:
    collector, answering = Collector(), _Answering(adapter, reply)
    try:
        async for event in Adapter.stream(answering, call_to(adapter.name)):  # type: ignore[arg-type]
            collector.add(event)
    except (ProviderError, AttemptTimeoutError) as error:
        error.received = collector.response(adapter.name, "m")  # type: ignore[union-attr]
        raise
    return collector.response(adapter.name, "m")


class _Answering:
    """An adapter whose requests are all answered with one reply."""

    def __init__(self, adapter: Adapter, reply: Reply) -> None:
        self._adapter = adapter
        self._reply = reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def _fixing(self, call: Any, wire: Any) -> Fixing:
        """Nothing is fixed."""
        return Fixing(Repairs(), call, self._send, lambda complaint, fields: None)

    async def _send(self, request: HttpRequest) -> HttpReply:
        return self._reply


def _finished(coroutine: Any) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits, and there is nothing to wait for")


def told(outcome: Outcome) -> str:
    """All that an outcome tells, without ids that were made up here, and how much had come by then."""
    facts: Any = outcome
    if isinstance(outcome, Exception):
        facts = {**vars(outcome), "text": str(outcome), "body_preview": None}
    return re.sub(r"call_[0-9a-f]{24}", "call_", f"{type(outcome).__name__} {facts!r}")


def assert_goes_back(answer: Response) -> None:
    """An answer can be appended to the history, whoever is asked next: at worst they say that they cannot."""
    history = [Message.user("Hi"), answer.message, Message.user("Go on")]
    for name, adapter in ADAPTERS.items():
        with suppress(UnsupportedRequestError):
            call = call_to(name, *history)
            json.loads(encoded(Adapter._fields(adapter, call, adapter.wire_for(call), streaming=False)))
