"""The simulator's refusals, as the official SDKs and our adapters understand them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors

from ranvier.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from ranvier.simulator import Simulator, Status
from support.oracles.answers import our_reading
from support.oracles.asking_both import ADAPTERS, MODELS, SIMULATED
from support.oracles.vendors import KEY, READING

pytestmark = pytest.mark.once

REFUSED: dict[int, tuple[type[ProviderError], set[str]]] = {
    400: (InvalidRequestError, {"BadRequestError"}),
    401: (AuthenticationError, {"AuthenticationError"}),
    403: (PermissionDeniedError, {"PermissionDeniedError"}),
    404: (ModelNotFoundError, {"NotFoundError"}),
    429: (RateLimitError, {"RateLimitError"}),
    500: (ServerError, {"InternalServerError"}),
    503: (OverloadedError, {"InternalServerError", "ServiceUnavailableError"}),
}
"""By the status, our class and those of the SDKs; Google's has but one for each side's fault."""

OWN_HEADER = {"glm", "openrouter"}
"""Who tells the id of a request in a header that we know and the SDK does not."""


def told(error: Exception) -> tuple[str, int, str, str | None]:
    """The class, the status, the words and the id of a request, as the SDK has them."""
    if isinstance(error, errors.APIError):
        kind = "ClientError" if error.code < 500 else "ServerError"
        assert type(error).__name__ == kind
        return "", error.code, error.message or "", None
    assert isinstance(error, (anthropic.APIStatusError, openai.APIStatusError))
    said: Any = error.body
    if isinstance(said, dict):
        said = said.get("error", said)
    return type(error).__name__, error.status_code, said["message"], error.request_id


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", READING)
async def test_both_are_refused_alike(provider: str, streamed: bool) -> None:
    """Class, status, the provider's words and the id of the request are those that the SDK reads."""
    how: dict[str, Any] = {"model": MODELS[provider], "streamed": streamed}
    at = SIMULATED.get(provider, provider)
    async with Simulator(seed=1) as sim, READING[provider](sim.url(at)) as sdk:
        sim.play(at, *map(Status, REFUSED))
        official = [await raised(sdk(**how)) for _ in REFUSED]
    async with Simulator(seed=1) as sim, our_reading(ADAPTERS[provider], sim.url(at)) as adapter:
        sim.play(at, *map(Status, REFUSED))
        own = [await raised(adapter(**how, key=KEY)) for _ in REFUSED]
    for (status, (kind, named)), ours, theirs in zip(REFUSED.items(), own, official, strict=True):
        name, code, words, request_id = told(theirs)
        assert type(ours) is kind
        assert code == ours.status == status
        assert name in named or provider == "gemini"
        assert words.strip() in str(ours)
        assert ours.request_id == request_id or (provider in OWN_HEADER and request_id is None)


async def raised(asking: Awaitable[Any]) -> Exception:
    """The error that comes of it."""
    with pytest.raises((anthropic.APIError, openai.APIError, errors.APIError, ProviderError)) as caught:
        await asking
    return caught.value
