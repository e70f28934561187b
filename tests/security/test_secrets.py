"""In whatever way a provider fails: the key is nowhere, and the prompt only in the words of the provider."""

import logging
import pickle
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ranvier import Pipeline
from ranvier.errors import ConnectionFailedError, RanvierError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.layers.throttle import Throttle
from ranvier.pipeline import Attempt
from ranvier.telemetry import LoggingListener
from support.providers.asking import served
from support.providers.seven import APIS
from support.providers.vertex_apis import AT_VERTEX, SPEAKS
from support.security.failing import KEY, PROMPT, WAYS
from support.security.showing import held, links, said

pytestmark = pytest.mark.once

TIMEOUTS = {
    "whole": Timeout(seconds=0.1),
    "collected": Timeout(seconds=0.2, first_token=0.05, idle=0.03),
    "streamed": Timeout(seconds=0.2, first_token=0.05, idle=0.03),
}
"""How an answer travels, and how long it may take."""


BEGUN = "Sunny"
"""The first word of the answers that break."""

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""A context that has read no certificates, which costs time, and that trusts none."""


class Asking:
    """A pipeline, and all that it tells anybody."""

    def __init__(self, provider: Any, travels: str) -> None:
        self.heard: list[object] = []
        self.attempts: tuple[Attempt, ...] = ()
        self.travels = travels
        self.pipeline = Pipeline(
            Deadline(5),
            Fallback(provider),
            Retry(1, base_delay=0),
            Breaker(failure_threshold=1),
            Throttle(max_wait=0),
            TIMEOUTS[travels],
            listeners=[self.heard.append, LoggingListener()],
        )

    async def failure(self) -> RanvierError | None:
        """The error for the prompt; `None` where there is an answer."""
        try:
            async with self.pipeline:
                if self.travels != "streamed":
                    await self.pipeline.complete(PROMPT, system=PROMPT, tenant="acme")
                    return None
                async with self.pipeline.stream(PROMPT, system=PROMPT, tenant="acme") as answer:
                    async for _ in answer:
                        pass
                    return None
        except RanvierError as error:
            self.attempts = error.attempts
            return error

    @property
    def told(self) -> str:
        """What listeners and operators see."""
        circuits = list(self.pipeline.circuits)
        return f"{self.heard!r} {self.pipeline!r} {self.pipeline} {circuits!r} {self.attempts!r}"


async def failures(way: str) -> AsyncIterator[tuple[str, Asking, RanvierError]]:
    """The errors of all providers, with keys and with tokens, however the answer travels."""
    for name, kind in (APIS | AT_VERTEX).items():
        async with (
            served(WAYS[way](SPEAKS.get(name, name))) as server,
            httpx.AsyncClient(verify=NO_TLS) as client,
        ):
            for travels in TIMEOUTS:
                asking = Asking(kind(api_key=KEY, base_url=server.url, http_client=client), travels)
                error = await asking.failure()
                if error is not None:
                    yield f"{name}, {travels}", asking, error


@pytest.mark.parametrize("way", WAYS)
async def test_no_failure_shows_the_key_or_says_the_prompt(
    caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """The key is nowhere: in no error or what is behind it, local variable, pickle, log, event or record.

    The prompt may be in the message and the preview of an error, where the provider repeats it there, and
    so wherever that error is; it is in no event, no record and no log. What had come of the answer is in no
    message and no local variable.
    """
    caplog.set_level(logging.DEBUG)
    number = 0
    async for where, asking, error in failures(way):
        number += 1
        assert error.attempts, where
        assert KEY not in said(error), where
        assert KEY.encode() not in pickle.dumps(error), where
        assert KEY not in asking.told, where
        assert PROMPT not in asking.told, where
        shown = {name: value for name, value in held(error).items() if not tells_of(error, value)}
        assert not [name for name, value in held(error).items() if KEY in value], where
        assert not [name for name, value in shown.items() if PROMPT in value or BEGUN in value], where
        assert not [link for link in links(error) if BEGUN in str(link)], where
    assert number > 15
    for record in caplog.records:
        told = f"{record.getMessage()} {vars(record)!r}"
        if not record.name.startswith("httpcore"):  # because: at DEBUG it tells whatever a server sends
            assert KEY not in told, record.name
            assert PROMPT not in told, record.name


def tells_of(error: RanvierError, value: str) -> bool:
    """True where a printed variable is one of the errors."""
    return any(repr(link) in value for link in links(error))


async def test_what_we_say_ourselves_never_quotes_the_prompt() -> None:
    """Where there is no word of a provider, the prompt is nowhere in a failure or its local variables."""
    async with served(WAYS["a reset"]("")) as server:
        url = server.url
    async with httpx.AsyncClient(verify=NO_TLS) as client:
        for name, kind in APIS.items():
            asking = Asking(kind(api_key=KEY, base_url=url, http_client=client), "collected")
            error = await asking.failure()
            assert isinstance(error, ConnectionFailedError), name
            assert PROMPT not in said(error) + repr(held(error)), name
