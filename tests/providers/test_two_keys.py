"""Two keys of a tenant, over every wire: where the first is refused, the second answers within the call."""

from typing import Any

import httpx
import pytest

from ranvier import SHARED, Deployment, RanvierError, resilient
from support.providers.repairs import refusal, server
from support.providers.seven import APIS

REFUSALS = {
    "401": lambda: refusal("invalid api key", 401),
    "403": lambda: refusal("this key may not do this", 403),
    "429": lambda: httpx.Response(
        429, json={"error": {"message": "Rate limit reached"}}, headers={"retry-after": "30"}
    ),
    "402": lambda: refusal("Insufficient credits", 402),
    "no credit": lambda: refusal(
        "You exceeded your current quota, please check your plan and billing details.",
        429,
        code="insufficient_quota",
    ),
}


def key_of(request: httpx.Request) -> str:
    """The key that a request was sent with."""
    headers = ("authorization", "x-api-key", "x-goog-api-key")
    return next((request.headers[name] for name in headers if name in request.headers), "").split(" ")[-1]


async def asked(name: str, refused: str, resolver: Any, way: str) -> tuple[Any, list[str]]:
    """The answer or the error of a call at a server that refuses the key `bad`, and the keys it was sent."""
    keys: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        keys.append(key_of(request))
        return REFUSALS[refused]() if keys[-1] == "bad" else server(name, lambda fields: None)(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        target = Deployment(APIS[name]("ours", http_client=client), "a-model")
        async with resilient(target, credentials=resolver) as pipeline:
            try:
                if way == "complete":
                    answer = await pipeline.complete("Hi")
                else:
                    answer = await (await pipeline.stream("Hi")).collect()
            except RanvierError as error:
                return error, keys
    return answer, keys


@pytest.mark.virtual_time
@pytest.mark.parametrize("second", ["good", SHARED], ids=str)
@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("refused", REFUSALS)
@pytest.mark.parametrize("name", APIS)
async def test_the_second_key_answers_within_the_call(name: str, refused: str, way: str, second: Any) -> None:
    """At once, whatever wait the first one is told."""
    answer, keys = await asked(name, refused, lambda tenant, provider: ["bad", second], way)
    assert keys == ["bad", "good" if second == "good" else "ours"]
    assert answer.text
    assert answer.story.seconds < 0.1


@pytest.mark.virtual_time
@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("name", APIS)
async def test_a_key_that_was_changed_at_its_source_answers_within_the_call(name: str, way: str) -> None:
    """A 401 asks the resolver once more, although the tenant has a single key."""
    kept = ["good", "bad"]
    answer, keys = await asked(
        name, "401", lambda tenant, provider: kept.pop() if len(kept) > 1 else kept[0], way
    )
    assert (keys, bool(answer.text)) == (["bad", "good"], True)


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", APIS)
async def test_a_tenant_without_a_key_sends_nothing(name: str) -> None:
    """Neither with our key, nor to a server that needs none."""
    error, keys = await asked(name, "401", lambda tenant, provider: None, "complete")
    assert (error.kind, keys) == ("credential_missing", [])
