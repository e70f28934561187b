"""Every failure says what it is about, on every wire, and in agreement with its class."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ranvier import errors
from ranvier.errors import RanvierError, Scope
from ranvier.layers import Fallback, Timeout
from ranvier.pipeline import Pipeline
from ranvier.providers._failures.classify import classify
from ranvier.testing import ScriptedProvider, broken, stall, stream
from support.providers.asking import Chunks, opened
from support.providers.recorded_failures import CUT, Failure, classified, failures
from support.providers.recordings import ABSENT, RECORDINGS
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

MAY_BE: dict[type[RanvierError], set[Scope]] = {
    errors.ConnectionFailedError: {Scope.ENDPOINT},
    errors.AttemptTimeoutError: {Scope.MODEL},
    errors.ServerError: {Scope.MODEL, Scope.ENDPOINT},
    errors.OverloadedError: {Scope.MODEL},
    errors.InvalidResponseError: {Scope.MODEL},
    errors.RateLimitError: {Scope.KEY_MODEL},
    errors.QuotaExceededError: {Scope.KEY, Scope.KEY_MODEL},
    errors.AuthenticationError: {Scope.KEY},
    errors.PermissionDeniedError: {Scope.KEY_MODEL},
    errors.InvalidRequestError: {Scope.REQUEST},
    errors.ContextLengthError: {Scope.REQUEST, Scope.TARGET},
    errors.ModelNotFoundError: {Scope.TARGET},
    errors.UnsupportedRequestError: {Scope.TARGET},
    errors.ContentFilterError: {Scope.REQUEST},
}


def recorded() -> list[Any]:
    """The recorded failures, or one that skips."""
    if not RECORDINGS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))]
    return [pytest.param(each, id=each.name) for each in failures() if each.row["case"] not in CUT]


@pytest.mark.parametrize("failure", recorded())
def test_a_recorded_failure_has_a_scope_of_its_class(failure: Failure) -> None:
    """A request that only this target rejects is about the target, and no other is."""
    error = classified(failure)
    assert error.scope in MAY_BE[type(error)]
    if isinstance(error, errors.InvalidRequestError):
        assert (error.scope == Scope.TARGET) == error.fails_over


def told(message: str, kind: str = "x", **more: Any) -> str:
    return json.dumps({"error": {"message": message, "type": kind, **more}})


PAGE = "<html><head><title>502 Bad Gateway</title></head></html>"
CLOUDFLARE = json.dumps({"title": "Error 522: Connection timed out", "status": 522, "cloudflare_error": True})
DAILY = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaDimensions": {"model": "m"}}
REPLIES = {
    "a gateway's page": (502, PAGE, Scope.ENDPOINT),
    "no words": (504, "", Scope.ENDPOINT),
    "a gateway's text": (504, "upstream request timeout", Scope.ENDPOINT),
    "Cloudflare": (522, CLOUDFLARE, Scope.ENDPOINT),
    "a failed upstream": (502, told("Provider returned error"), Scope.MODEL),
    "a page of the server": (500, PAGE, Scope.MODEL),
    "overloaded": (503, told("overloaded"), Scope.MODEL),
    "no answer": (200, PAGE, Scope.MODEL),
    "too slow": (408, told("timeout"), Scope.MODEL),
    "limited": (429, told("Too many requests"), Scope.KEY_MODEL),
    "no credit": (402, told("Insufficient credits"), Scope.KEY),
    "no credit for a model": (429, told("Your budget for m is exceeded", "budget_exceeded"), Scope.KEY_MODEL),
    "a day's limit": (429, told("quota", details=[{"violations": [DAILY]}]), Scope.KEY_MODEL),
    "a model's limit": (402, told("Daily limit reached for model `llama-3.3-70b`"), Scope.KEY_MODEL),
    "free models": (429, told("Rate limit exceeded: free-models-per-day"), Scope.KEY_MODEL),
    "no upgrade": (402, told("Insufficient balance: upgrade to use more models"), Scope.KEY),
    "a wrong key": (401, told("Incorrect API key"), Scope.KEY),
    "not allowed": (403, told("no"), Scope.KEY_MODEL),
    "invalid": (400, told("messages: at least one is required"), Scope.REQUEST),
    "too long": (400, told("This model's maximum context length is 4096 tokens"), Scope.REQUEST),
    "alone too large": (429, told("Request too large: TPM: Limit 6000, Requested 12328"), Scope.TARGET),
    "too large a body": (413, "", Scope.TARGET),
    "a used limit": (429, told("TPM: Limit 30000, Used 29000, Requested 1500"), Scope.KEY_MODEL),
    "unsupported": (400, told("Unknown parameter 'top_k'"), Scope.TARGET),
    "unknown": (404, told("The model does not exist"), Scope.TARGET),
    "filtered": (400, told("no", code="content_filter"), Scope.REQUEST),
}


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("name", APIS)
async def test_every_wire_says_what_a_failure_is_about(name: str, way: str, reply: str) -> None:
    """The same reply means the same everywhere."""
    status, body, scope = REPLIES[reply]
    async with opened(APIS[name], httpx.Response(status, stream=Chunks(body.encode()))) as asked:
        with pytest.raises(errors.ProviderError if status != 408 else RanvierError) as raised:
            await getattr(asked, way)(model="m")
    assert getattr(raised.value, "scope", None) == scope


@pytest.mark.parametrize(
    ("failure", "scope"),
    [(httpx.ConnectError("refused"), Scope.ENDPOINT), (httpx.ConnectTimeout("late"), Scope.ENDPOINT)],
)
@pytest.mark.parametrize("name", APIS)
async def test_no_connection_is_about_the_server(name: str, failure: Exception, scope: Scope) -> None:
    """Refused, or not there in time."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise failure

    async with opened(APIS[name], refuse) as asked:
        with pytest.raises(RanvierError) as raised:
            await asked.complete(model="m")
    assert raised.value.scope == scope  # type: ignore[attr-defined]


def test_the_name_of_a_model_inside_a_word_is_none() -> None:
    """Only the name itself, in any writing, and without the vendor before it."""
    body = told("Your credit for GPT-5 is used up", "insufficient_quota")
    named = {"gpt-5": True, "openai/gpt-5": True, "gpt": True, "red": False, "gpt-5.2": False, None: False}
    for model, is_named in named.items():
        scope = Scope.KEY_MODEL if is_named else Scope.KEY
        assert classify(body, provider="p", model=model, status=429).scope == scope, model


# --- timeouts and streams ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "scope"),
    [
        ("connect", "endpoint"),
        ("turn", "request"),
        ("first_token", "model"),
        ("idle", "model"),
        ("attempt", "model"),
    ],
)
def test_a_timeout_is_about_what_was_waited_for(phase: str, scope: str) -> None:
    """The connection is that of the server, the answer that of the model."""
    error = errors.AttemptTimeoutError("slow", phase=phase, provider="one")
    assert error.scope == scope
    assert errors.AttemptTimeoutError("x", phase=phase, provider="one", scope=Scope.KEY).scope == Scope.KEY


@pytest.mark.parametrize(
    ("ending", "scope"),
    [
        (broken(), Scope.ENDPOINT),
        (stall(), Scope.MODEL),
        (errors.ServerError("no", provider="one"), Scope.MODEL),
        (errors.RateLimitError("no", provider="one"), Scope.KEY_MODEL),
        (ValueError("ours"), Scope.MODEL),
    ],
)
async def test_an_interrupted_stream_is_about_what_broke_it(ending: Any, scope: Scope) -> None:
    """Or about the model, if that is not known."""
    one = ScriptedProvider("one", [stream("begun", ending)])
    with pytest.raises(errors.StreamInterruptedError) as raised:
        async with Pipeline(Fallback(one), Timeout(idle=2)).stream("Hi") as answer:
            await answer.collect()
    assert raised.value.scope == scope
    assert errors.StreamInterruptedError("lost", provider="one").scope == Scope.MODEL


# --- errors of your own --------------------------------------------------------------------------


class _OverQuotaError(errors.RateLimitError):
    """Of a provider of somebody else's, who knows of no scopes."""


@pytest.mark.parametrize("odd", [None, "", "nobody", 7, object(), ["key"]])
def test_an_error_of_your_own_has_the_scope_of_its_class(odd: Any) -> None:
    """Anything that is no scope counts as none."""
    assert _OverQuotaError("no", provider="mine").scope == Scope.KEY_MODEL
    assert _OverQuotaError("no", provider="mine", scope=odd).scope == Scope.KEY_MODEL
    assert _OverQuotaError("no", provider="mine", scope="key").scope is Scope.KEY  # type: ignore[arg-type]
