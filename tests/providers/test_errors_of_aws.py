"""The exceptions of AWS, and codes like them, under a status that says less: on every wire."""

import json
from typing import Any

import httpx
import pytest

from ranvier import errors
from ranvier.providers._failures.classify import classify
from support.providers.asking import Chunks
from support.providers.seven import APIS

EXCEPTIONS = {
    "ThrottlingException": errors.RateLimitError,
    "TooManyRequestsException": errors.RateLimitError,
    "ProvisionedThroughputExceededException": errors.RateLimitError,
    "ServiceUnavailableException": errors.OverloadedError,
    "ModelNotReadyException": errors.OverloadedError,
    "RequestTimeoutException": errors.AttemptTimeoutError,
    "Throttling.RateQuota": errors.RateLimitError,  # DashScope
}


def told(name: str) -> dict[str, Any]:
    """Every place in which the name of an exception may stand, as headers and body."""
    return {
        "__type": ({}, {"__type": f"com.amazon.coral.service#{name}", "message": "x"}),
        "code": ({}, {"code": name, "message": "x"}),
        "an error": ({}, {"error": {"type": name, "message": "x"}}),
        "Error": ({}, {"Error": {"Code": name, "Message": "x"}}),
        "a header": ({"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/"}, {"message": "x"}),
    }


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("place", told(""))
@pytest.mark.parametrize(("exception", "kind"), EXCEPTIONS.items(), ids=EXCEPTIONS)
async def test_the_name_of_an_exception_says_more_than_status_400(
    ask: Any, name: str, place: str, exception: str, kind: type[Exception]
) -> None:
    """The request is not at fault, so it is repeated, or another target is asked."""
    headers, body = told(exception)[place]
    reply = httpx.Response(400, headers=headers, stream=Chunks(json.dumps(body).encode()))
    async with ask(APIS[name], reply) as server:
        with pytest.raises(kind) as caught:
            await server.complete()
    assert type(caught.value) is kind
    assert caught.value.code == exception  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Input is too long for requested model.", errors.ContextLengthError),
        ("Number of input tokens exceeds maximum length", errors.ContextLengthError),
        (
            "Malformed input request: expected maxLength: 2048, actual: 3000, please reformat your input",
            errors.UnsupportedRequestError,
        ),
        ("The model does not like this", errors.InvalidRequestError),
    ],
)
def test_a_validation_exception_about_a_length(message: str, kind: type[Exception]) -> None:
    """It says that the prompt is longer than the window, or than something that only this model limits."""
    for status in (400, None):
        error = classify({"__type": "ValidationException", "message": message}, provider="p", status=status)
        assert type(error) is kind


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "RateLimitError", "RESOURCE_EXHAUSTED"])
def test_a_code_of_a_limit_says_more_than_an_invalid_request(code: str) -> None:
    """Gateways pass the code on and lose the status; a status of its own stays."""
    body = {"error": {"code": code, "message": "x"}}
    assert type(classify(body, provider="p", status=400)) is errors.RateLimitError
    assert type(classify(body, provider="p", status=500)) is errors.ServerError


@pytest.mark.parametrize("status", [200, 429, 500])
def test_an_error_in_the_detail_of_fastapi_is_read(status: int) -> None:
    """Its message and its code, also without a status."""
    detail = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    error = classify({"detail": detail}, provider="p", status=status)
    assert "slow down" in str(error)
    assert error.code == "rate_limit_exceeded"  # type: ignore[union-attr]


async def test_a_detail_inside_a_200_is_an_error(ask: Any) -> None:
    """As it was a message alone."""
    body = {"detail": {"message": "slow down", "code": "rate_limit_exceeded"}}
    for name in APIS:
        async with ask(APIS[name], httpx.Response(200, json=body)) as server:
            with pytest.raises(errors.RateLimitError, match="slow down"):
                await server.complete()
