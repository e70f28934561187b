"""The limits of a key in the headers of replies: every format, nonsense, and over every wire."""

import string
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ranvier import Deployment, PacedError, Pipeline, RateLimitError
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers import Fallback, Pacing
from ranvier.providers._reading.rate_limits import rate_limits
from support.providers.repairs import refusal, server
from support.providers.seven import APIS

DATE = "Tue, 13 May 2025 14:20:00 GMT"


def openai(limit: str = "5000", remaining: str = "4999", reset: str | None = "12ms") -> dict[str, str]:
    """The headers of one limit."""
    headers = {"x-ratelimit-limit-requests": limit, "x-ratelimit-remaining-requests": remaining}
    return headers if reset is None else {**headers, "x-ratelimit-reset-requests": reset}


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("12ms", 0.012),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("1.5s", 1.5),
        ("8.64s", 8.64),
        ("0s", 0.0),
        ("250us", 0.00025),
        ("1m", 60.0),
        ("60", 60.0),
        ("0.5", 0.5),
        ("2025-05-13T14:20:03Z", 3.0),
        ("2025-05-13T16:20:03.2+02:00", 3.0),
        ("2025-05-13T14:19:00Z", 0.0),  # over
        ("1747146005", 5.0),
        ("1747146005250", 6.0),  # in milliseconds; rather too late
        (None, None),
        ("soon", None),
        ("5 parsecs", None),
        ("-1s", None),
        ("1s or so", None),
        ("9999d", None),
        ("99999999999", None),
        ("", None),
    ],
)
def test_a_reset_in_any_format(reset: str | None, seconds: float | None) -> None:
    """Durations, and times relative to the `Date` of the response."""
    found = rate_limits({"date": DATE, **openai(reset=reset)})
    assert found is not None
    assert found.requests is not None
    assert found.requests.reset == pytest.approx(seconds)


def test_a_time_without_a_date_says_nothing() -> None:
    """The local clock may be wrong."""
    found = rate_limits(openai(reset="2025-05-13T14:20:03Z"))
    assert found == RateLimits(requests=RateLimit(5000, 4999, None))


def test_anthropic_counts_input_and_output_apart() -> None:
    """And both together, which is not their sum where a workspace has a limit of its own."""
    headers = {"date": DATE}
    for number, kind in enumerate(("requests", "input-tokens", "output-tokens", "tokens"), start=1):
        name = f"anthropic-ratelimit-{kind}"
        headers |= {
            f"{name}-limit": f"{number}000",
            f"{name}-remaining": f"{number}00",
            f"{name}-reset": f"2025-05-13T14:20:0{number}Z",
        }
    assert rate_limits(headers) == RateLimits(
        *(RateLimit(each * 1000, each * 100, each) for each in (1.0, 2.0, 3.0, 4.0))
    )


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        (
            {"x-ratelimit-limit": "2", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"},
            RateLimits(requests=RateLimit(2, 0, 1.0)),
        ),
        (
            {"x-ratelimit-limit-tokens-minute": "2000000", "x-ratelimit-remaining-tokens-minute": "99385"},
            RateLimits(tokens=RateLimit(2_000_000, 99_385, None)),
        ),
        (
            {"x-ratelimit-limit-req-minute": "360", "x-ratelimit-remaining-req-minute": "92"},
            RateLimits(requests=RateLimit(360, 92, None)),
        ),
        (
            {"ratelimit-limit": "100", "ratelimit-remaining": "7", "ratelimit-reset": "30"},
            RateLimits(requests=RateLimit(100, 7, 30.0)),
        ),
        ({"x-ratelimit-remaining-tokens": "119984"}, RateLimits(tokens=RateLimit(None, 119_984, None))),
        (openai(remaining="6000"), RateLimits(requests=RateLimit(5000, 5000, 0.012))),
        (openai(limit="many"), RateLimits(requests=RateLimit(None, 4999, 0.012))),
        (openai(limit="0", remaining="0"), None),
        (openai(remaining="-1"), None),
        (openai(remaining="nan"), None),
        ({"x-ratelimit-limit-requests": "5000"}, None),
        ({}, None),
    ],
)
def test_what_others_send(headers: dict[str, str], limits: RateLimits | None) -> None:
    """Azure, Mistral, gateways, the draft of the IETF; and nonsense, which is ignored."""
    assert rate_limits(headers) == limits


NAMES = [*openai(), "x-ratelimit-remaining", "anthropic-ratelimit-tokens-reset", "date", "ratelimit-reset"]
VALUES = some.one_of(
    some.text(max_size=40),
    some.text(string.digits + ".:-TZhms+e ", max_size=30),
    some.sampled_from(["inf", "-0", "1e400", "9" * 400, "6m0s", DATE]),
)


@given(some.dictionaries(some.sampled_from(NAMES), VALUES))
def test_it_never_raises(headers: dict[str, str]) -> None:
    """Whatever a gateway sends; and no number is negative, infinite or larger than its limit."""
    found = rate_limits(headers)
    for each in () if found is None else (found.requests, found.tokens):
        if each is not None:
            assert each.remaining is not None
            assert 0 <= each.remaining <= (each.limit or 1e13)
            assert each.reset is None or 0 <= each.reset <= 366 * 86_400


@pytest.mark.virtual_time
@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("name", APIS)
async def test_pacing_reads_the_headers_over_every_wire(name: str, way: str) -> None:
    """Of a whole answer, of a stream when it begins, and of a 429."""
    said = iter(
        [openai(remaining="10"), openai(remaining="7"), openai(limit="10", remaining="0", reset="6m0s")]
    )

    def serve(request: httpx.Request) -> httpx.Response:
        headers = next(said)
        if headers["x-ratelimit-remaining-requests"] == "0":
            response = refusal("Rate limit reached", 429)
        else:
            response = server(name, lambda fields: None)(request)
        response.headers.update(headers)
        return response

    async def ask() -> Any:
        return await (
            pipeline.complete("Hi") if way == "complete" else (await pipeline.stream("Hi")).collect()
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        target = Deployment(APIS[name]("ours", http_client=client), "a-model")
        async with Pipeline(Fallback(target), pacing := Pacing(max_wait=0)) as pipeline:
            for remaining in (10, 7):
                assert (await ask()).text
                (limit,) = pacing.allowances
                assert (limit.what, limit.limit) == ("requests", 5000)
                assert limit.left == pytest.approx(remaining)
            with pytest.raises(RateLimitError):
                await ask()
            with pytest.raises(PacedError):
                await ask()


@pytest.mark.virtual_time
async def test_headers_are_not_read_without_a_layer_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack without Pacing does not pay for it."""

    def never(headers: Any) -> None:
        raise AssertionError("the headers were read")

    monkeypatch.setattr("ranvier.providers._repairs.repairs.rate_limits", never)

    def serve(request: httpx.Request) -> httpx.Response:
        response = server("openai", lambda fields: None)(request)
        response.headers.update(openai())
        return response

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        target = Deployment(APIS["openai"]("ours", http_client=client), "a-model")
        async with Pipeline(Fallback(target)) as pipeline:
            assert (await pipeline.complete("Hi")).text


@pytest.mark.virtual_time
async def test_a_rejected_request_is_given_back() -> None:
    """A 429 has used nothing: not even the tokens of its answer, which are counted when it ends."""
    left = {"x-ratelimit-limit-output-tokens": "1000", "x-ratelimit-remaining-output-tokens": "500"}
    rejects = iter([False, True])

    def serve(request: httpx.Request) -> httpx.Response:
        refused = next(rejects)
        response = refusal("busy", 429) if refused else server("openai", lambda fields: None)(request)
        response.headers.update({**left, "x-ratelimit-reset-output-tokens": "1h"})
        return response

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        target = Deployment(APIS["openai"]("ours", http_client=client), "a-model")
        async with Pipeline(Fallback(target), pacing := Pacing(max_wait=0)) as pipeline:
            await pipeline.complete("Hi")
            (before,) = pacing.allowances
            with pytest.raises(RateLimitError):
                await pipeline.complete("Hi")
            (limit,) = pacing.allowances
            assert limit.left == pytest.approx(500, abs=1)
            assert before.left <= limit.left
            assert list(pacing.unsettled()) == []
