"""Status 400 for something that passes, or that only this server cannot do: the call goes on."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ranvier import errors
from ranvier.providers import Gemini
from ranvier.providers._failures.classify import classify
from support.providers.asking import Chunks
from support.providers.five_wires import as_sse
from support.providers.seven import APIS

TEMPORARY = {
    "Azure": (
        "The service is temporarily unable to process your request. Please try again later.",
        errors.ServerError,
    ),
    "Vertex": (
        "Service agents are being provisioned. Please try again in a few minutes.",
        errors.ServerError,
    ),
    "one-api": ("bad response status code 503", errors.ServerError),
    "one-api's limit": ("bad response status code 429", errors.RateLimitError),
    "LiteLLM": (
        'BadRequestError: AnthropicException - {"error":{"message":"Overloaded"}}',
        errors.OverloadedError,
    ),
    "Bedrock behind LiteLLM": (
        "Too many tokens, please wait before trying again.",
        errors.RateLimitError,
    ),
}


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize(("message", "kind"), TEMPORARY.values(), ids=TEMPORARY)
async def test_what_passes_is_tried_again(ask: Any, name: str, message: str, kind: type[Exception]) -> None:
    """Whatever the status says."""
    reply = httpx.Response(400, stream=Chunks(json.dumps({"error": {"message": message}}).encode()))
    async with ask(APIS[name], reply) as server:
        with pytest.raises(kind) as caught:
            await server.complete()
    assert type(caught.value) is kind
    assert caught.value.retryable  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
        {"error_code": 18, "error_msg": "Open api qps request limit reached"},
    ],
    ids=["MiniMax", "Baidu"],
)
def test_a_limit_inside_a_200_without_a_known_code(body: Any) -> None:
    """Its message says so."""
    assert type(classify(body, provider="p", status=200)) is errors.RateLimitError


@pytest.mark.parametrize(
    "message",
    [
        "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible.",
        "Error while downloading https://example.com/a.",
        "Failed to download the resource",
    ],
)
def test_what_one_server_cannot_load_another_may(message: str) -> None:
    """It is on the web, where not every server is let in."""
    error = classify({"error": {"message": message}}, provider="p", status=400)
    assert type(error) is errors.UnsupportedRequestError


def test_a_prompt_with_too_many_tokens_stays_too_long() -> None:
    """The same words without a wait are about its length."""
    error = classify({"error": {"message": "Too many tokens in the prompt"}}, provider="p", status=400)
    assert type(error) is errors.ContextLengthError


def test_the_quota_of_azures_api_management() -> None:
    """Its wait is written as on a clock."""
    message = "Out of call volume quota. Quota will be replenished in 00:12:34."
    error = classify({"statusCode": 403, "message": message}, provider="p", status=403)
    assert type(error) is errors.QuotaExceededError
    assert error.retry_after == 754


@pytest.mark.parametrize(
    "call", [{"name": "f", "willContinue": True}, {"partialArgs": [{"jsonPath": "$.a"}]}]
)
async def test_arguments_in_pieces_of_gemini_are_an_error(ask: Any, streamed: Any, call: Any) -> None:
    """They are sent only to who asks for them by an `extra`; a call without them would be another call."""
    piece = {"candidates": [{"content": {"parts": [{"functionCall": call}]}, "finishReason": "STOP"}]}
    async with ask(Gemini, httpx.Response(200, json=piece)) as server:
        with pytest.raises(errors.InvalidResponseError, match="streamFunctionCallArguments"):
            await server.complete()
    async with ask(Gemini, streamed(as_sse([piece]))) as server:
        with pytest.raises(errors.InvalidResponseError, match="streamFunctionCallArguments"):
            await server.stream()
