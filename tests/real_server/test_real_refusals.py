"""A real server's refusals, in our errors."""

from __future__ import annotations

from typing import Any

import pytest

from ranvier import (
    AuthenticationError,
    ConnectionFailedError,
    ContextLengthError,
    InvalidRequestError,
    ProviderError,
    StreamInterruptedError,
    UnsupportedRequestError,
)
from support.real_server.llama_server import Dialect, LlamaServer, pieces, pipeline, serving

pytestmark = pytest.mark.once


async def refused(answers: Any, prompt: str, **settings: Any) -> list[ProviderError]:
    """The error of `prompt`, asked whole and asked streamed."""
    errors = []
    with pytest.raises(ProviderError) as caught:
        await answers.complete(prompt, **settings)
    errors.append(caught.value)
    with pytest.raises(ProviderError) as caught:
        async with answers.stream(prompt, **settings):
            pass
    return [*errors, caught.value]


async def drained(stream: Any, heard: list[str]) -> None:
    """Add to `heard` what still comes."""
    async for piece in pieces(stream):
        heard.append(piece)  # noqa: PERF401  # because: what was heard counts where the stream breaks


async def test_a_prompt_that_is_too_long(wide: LlamaServer, dialect: Dialect) -> None:
    """More than the context of a slot is a ContextLengthError, which no retry would help."""
    async with pipeline(dialect(wide)) as answers:
        for error in await refused(answers, "x" * 600, max_tokens=5):
            assert type(error) is ContextLengthError
            assert error.status == 400
            assert not error.retryable


async def test_a_parameter_that_is_none(wide: LlamaServer, dialect: Dialect) -> None:
    """A setting that the server rejects is an UnsupportedRequestError, since another target may accept it."""
    async with pipeline(dialect(wide)) as answers:
        for error in await refused(answers, "Hi", max_tokens=5, extra={"temperature": "warm"}):
            assert type(error) is UnsupportedRequestError
            assert error.fails_over
            assert error.status == 400
            assert "temperature" in str(error)


async def test_a_wrong_key(wide: LlamaServer, dialect: Dialect) -> None:
    """A key that the server does not know is an AuthenticationError, and is nowhere in it."""
    async with pipeline(dialect(wide, "the-wrong-key")) as answers:
        for error in await refused(answers, "Hi", max_tokens=5):
            assert type(error) is AuthenticationError
            assert error.status == 401
            assert "the-wrong-key" not in f"{error!r} {error} {error.body_preview}"


async def test_an_unknown_route(wide: LlamaServer, dialect: Dialect) -> None:
    """A base URL that is beside the point is told with the status, and is no trouble of the server's."""
    provider = dialect(wide)
    provider.base_url += "/nowhere"
    async with pipeline(provider) as answers:
        for error in await refused(answers, "Hi", max_tokens=5):
            assert isinstance(error, InvalidRequestError)
            assert error.status == 404
            assert not error.counts_against_provider


async def test_a_server_that_is_killed(model: Any, dialect: Dialect) -> None:
    """A stream that dies with its server keeps what it brought; the next call finds nobody there."""
    with serving(model, context=131_072, slots=1) as server:
        async with pipeline(dialect(server)) as answers:
            async with answers.stream("Hi", max_tokens=100_000) as stream:
                heard = [await anext(pieces(stream))]
                server.kill()
                with pytest.raises(StreamInterruptedError) as caught:
                    await drained(stream, heard)
            assert caught.value.received.text == "".join(heard)
            with pytest.raises(ConnectionFailedError):
                await answers.complete("Hi", max_tokens=5)
