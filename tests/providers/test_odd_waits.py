"""Waits in other places and words than those of the seven vendors, on every wire."""

from typing import Any

import httpx
import pytest

from ranvier.errors import RateLimitError
from ranvier.providers._failures.waits import retry_after
from support.providers.asking import Chunks
from support.providers.seven import APIS

BODY = {"error": {"message": "slow down", "code": 429}}


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("retry-after", "PT30S"),
        ("x-retry-after", "30"),
        ("retry-after-seconds", "30"),
        ("x-ratelimit-retry-after", "30"),
        ("x-ratelimit-reset-after", "30.0"),
        ("x-ms-retry-after-ms", "30000"),
    ],
)
async def test_a_wait_in_another_header_is_read(ask: Any, name: str, header: str, value: str) -> None:
    """In whatever header a gateway writes it."""
    reply = httpx.Response(
        429, headers={header: value}, stream=Chunks(b'{"error": {"message": "slow down"}}')
    )
    async with ask(APIS[name], reply) as server:
        with pytest.raises(RateLimitError) as caught:
            await server.complete()
    assert caught.value.retry_after == 30


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("PT1M30S", 90),
        ("pt0.5s", 0.5),
        ("P0DT0H0M5S", 5),
        ("P1D", 86_400),
        ("PT24H1S", None),
        ("P1M", None),
        ("P", None),
        ("PT", None),
    ],
)
def test_a_duration_in_the_words_of_iso(written: str, seconds: float | None) -> None:
    """As a header, as a field, as the delay of Google's, and in a message; a month is none."""
    assert retry_after({"retry-after": written}, "") == seconds
    assert retry_after({}, {"error": {"retry_after": written}}) == seconds
    assert retry_after({}, {"error": {"details": [{"retryDelay": written}]}}) == seconds
    assert retry_after({}, f"Please retry in {written}.") == seconds


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limited. Retry-After: 12.", 12),
        ("upstream said {'retry_after': 2.5, 'code': 429}", 2.5),
        ('upstream said {"retry_after": "7"}', 7),
        ("retry_after=30", 30),
        ("retry-after: 30 hours", None),
        ("retry_after=30m", None),
        ("retry_after=1795348830", None),
        ("expected wait time: 30s", 30),
        ("The wait time is 30 seconds", 30),
        ("Quota will be replenished in 00:12:34.", 754),
        ("Try again after 12:30:00.", None),
    ],
)
def test_a_wait_that_a_message_quotes(message: str, seconds: float | None) -> None:
    """A header or a field of the upstream has no unit."""
    assert retry_after({}, {"error": {"message": message}}) == seconds


def test_a_moment_after_a_colon() -> None:
    """It may be a title and not a sentence."""
    date = {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}
    assert retry_after(date, "Limit resets at: 2026-11-22 12:00:30 UTC") == 30


@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "retry_after": 30},
        {"detail": {"message": "slow down", "retry_after": 30}},
        {"error": {"code": 429, "details": [{"reason": "RATE", "metadata": {"quotaResetDelay": "30s"}}]}},
    ],
    ids=["beside the error", "in the detail of FastAPI", "in the metadata of Google's"],
)
def test_a_wait_in_another_place_of_the_body(body: Any) -> None:
    """It is looked for wherever an error may be described."""
    assert retry_after({}, body) == 30


def test_the_reset_of_a_limit_that_is_not_used_up_is_no_wait() -> None:
    """Servers report it with every reply, whatever went wrong; a wait in the body goes first."""
    headers = {"x-ratelimit-reset-after": "50"}
    assert retry_after({**headers, "x-ratelimit-remaining": "7"}, BODY) is None
    assert retry_after({**headers, "x-ratelimit-remaining": "0"}, BODY) == 50
    assert retry_after(headers, {**BODY, "retry_after": 3}) == 3
