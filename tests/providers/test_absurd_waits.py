"""A wait that nobody can mean is none, in a header or in a body, on every wire; no gate closes for it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ranvier import OverloadedError, RateLimitError
from ranvier.errors import RanvierError
from ranvier.layers import Fallback, Throttle
from ranvier.pipeline import Pipeline
from support.providers.asking import Chunks, opened
from support.providers.seven import APIS

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
IN_2030 = 1900000000
ABSURD = ("999999999", str(IN_2030), str(IN_2030 * 1000), "9" * 30, "-1", "nan", "1e9", "999999999s")


def bodies(wait: str) -> dict[str, Any]:
    """Every place in a body where a wait may stand."""
    error: dict[str, Any] = {"message": "Too many requests", "code": 429}
    number = int(wait) if wait.isdigit() else wait
    return {
        "a field": {**error, "retry_after": number},
        "text": {**error, "retry_after_seconds": wait},
        "milliseconds": {**error, "retry_after_ms": number * 1000 if isinstance(number, int) else wait},
        "metadata": {**error, "metadata": {"headers": {"Retry-After": wait}}},
        "RetryInfo": {**error, "details": [{"retryDelay": f"{wait.rstrip('s')}s"}]},
        "a time": {**error, "resets_at": number},
        "words": {**error, "message": f"Too many requests: try again in {wait.rstrip('s')}s"},
    }


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", ABSURD)
@pytest.mark.parametrize("name", APIS)
async def test_an_absurd_wait_counts_as_none(name: str, wait: str, status: int) -> None:
    """A year, an epoch in place of seconds, no number at all; with the server's date and without."""
    replies = [({"retry-after": wait, **date}, {"message": "slow"}) for date in ({}, {"date": NOON})]
    replies += [({"retry-after-ms": wait + "000"}, {"message": "slow"})]
    replies += [({}, error) for error in bodies(wait).values()]
    replies += [({"retry-after": wait, "date": NOON}, error) for error in bodies(wait).values()]
    served = iter(replies)

    def serve(request: httpx.Request) -> httpx.Response:
        headers, error = next(served)
        content = json.dumps({"error": error}).encode()
        return httpx.Response(status, headers=headers, stream=Chunks(content))

    async with opened(APIS[name], serve, api_key="key") as asked:
        for _ in replies:
            throttle = Throttle()
            with pytest.raises((RateLimitError, OverloadedError)) as raised:
                await Pipeline(Fallback(asked.provider), throttle).complete("Hi")
            assert raised.value.retry_after is None
            assert not list(throttle.gates)


@pytest.mark.parametrize("name", APIS)
async def test_an_absurd_wait_in_a_header_leaves_a_usable_one_in_the_body(name: str) -> None:
    """The first that can be waited for counts."""
    content = json.dumps({"error": {"message": "slow", "code": 429, "retry_after": 7}}).encode()
    reply = httpx.Response(429, headers={"retry-after": "999999999"}, stream=Chunks(content))
    async with opened(APIS[name], reply, api_key="key") as asked:
        with pytest.raises(RanvierError) as raised:
            await asked.complete()
    assert raised.value.retry_after == 7
