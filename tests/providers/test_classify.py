"""What a provider says went wrong becomes the right error, whatever the wire and wherever it is said."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier import errors
from ranvier.providers._failures.classify import MAX_PREVIEW, MAX_WORDS, classify
from ranvier.providers._failures.waits import retry_after
from support.providers.recorded_failures import CUT, Failure, classified, failures
from support.providers.recordings import ABSENT, RECORDINGS

KINDS = {
    "timeout": errors.AttemptTimeoutError,
    "server_error": errors.ServerError,
    "overloaded": errors.OverloadedError,
    "rate_limit": errors.RateLimitError,
    "quota_exhausted": errors.QuotaExceededError,
    "auth": errors.AuthenticationError,
    "permission": errors.PermissionDeniedError,
    "invalid_request": errors.InvalidRequestError,
    "context_length": errors.ContextLengthError,
    "model_not_found": errors.ModelNotFoundError,
    "content_filter": errors.ContentFilterError,
    "invalid_response": errors.InvalidResponseError,
}


def recorded() -> list[Any]:
    """The recorded failures of which a provider says anything, or one that skips."""
    if not RECORDINGS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))]
    return [pytest.param(each, id=each.name) for each in failures() if each.row["case"] not in CUT]


def said(error: object, *, status: int | None = 400, provider: str = "openai", **settings: Any) -> Any:
    """What the classifier makes of an error object."""
    body = {"error": error} if isinstance(error, (dict, str)) else error
    return classify(body, provider=provider, status=status, **settings)


@pytest.mark.parametrize("failure", recorded())
def test_recorded_failures(failure: Failure) -> None:
    """Every recorded failure becomes an error of an accepted kind, with the wait that was asked for."""
    error, row = classified(failure), failure.row
    assert failure.accepts(error), str(error)
    assert isinstance(error, KINDS[error.kind])
    assert failure.waits_for(error)
    assert (error.status, error.in_stream) == (row["status"], row["stream"])  # type: ignore[attr-defined]
    if error.kind == row["expected_kind"] != "timeout" and row["retryable"] is not None:  # type: ignore[attr-defined]
        assert error.retryable == row["retryable"]  # type: ignore[attr-defined]
    assert failure.goes_on(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (402, errors.QuotaExceededError),
        (403, errors.PermissionDeniedError),
        (404, errors.ModelNotFoundError),
        (408, errors.AttemptTimeoutError),
        (409, errors.ServerError),
        (413, errors.ContextLengthError),
        (418, errors.InvalidRequestError),
        (422, errors.InvalidRequestError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (502, errors.ServerError),
        (503, errors.OverloadedError),
        (504, errors.ServerError),
        (520, errors.ServerError),
        (524, errors.AttemptTimeoutError),
        (529, errors.OverloadedError),
        (301, errors.InvalidResponseError),
        (307, errors.InvalidResponseError),
        (200, errors.InvalidResponseError),
        (None, errors.InvalidResponseError),
        (777, errors.InvalidResponseError),
    ],
)
@pytest.mark.parametrize("body", ["", b"\xff\xfe", '{"err', "{}", "[]"])
def test_status_decides_where_the_body_says_nothing(status: int | None, kind: type, body: object) -> None:
    """A status alone is enough, whether the body is empty, broken or without meaning."""
    error = classify(body, provider="openai", status=status)
    assert type(error) is kind
    assert getattr(error, "phase", "attempt") == "attempt"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (
            429,
            {"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}},
            "quota_exhausted",
        ),
        (429, {"type": "rate_limit_error", "details": {"error_code": "ramp_limit_exceeded"}}, "rate_limit"),
        (429, {"code": "1304", "message": "daily"}, "quota_exhausted"),
        (429, {"code": 1305, "message": "The service may be temporarily overloaded"}, "overloaded"),
        (
            429,
            {"message": "Request too large for gpt-4.1 on tokens per min", "code": "rate_limit_exceeded"},
            "context_length",
        ),
        (
            429,
            {
                "status": "RESOURCE_EXHAUSTED",
                "details": [{"violations": [{"quotaId": "RequestsPerDayPerModel"}]}],
            },
            "quota_exhausted",
        ),
        (
            400,
            {"status": "FAILED_PRECONDITION", "message": "Please enable billing on your project"},
            "quota_exhausted",
        ),
        (400, {"message": "You have reached your specified API usage limits."}, "quota_exhausted"),
        (400, {"message": "Output blocked by content filtering policy"}, "content_filter"),
        (403, {"code": 403, "message": "Your input was flagged for violence"}, "content_filter"),
        (400, {"code": "1261", "message": "x"}, "context_length"),
        (500, {"message": "the input length exceeds the context length"}, "context_length"),
        (500, "that model is currently overloaded", "overloaded"),
        (404, {"code": "deploymentnotfound"}, "model_not_found"),
        (400, {"message": "Model Not Exist"}, "model_not_found"),
        (503, {"code": "slow_down"}, "overloaded"),
        (429, {"code": "slow_down"}, "rate_limit"),
        (401, {"message": "credit balance is too low"}, "quota_exhausted"),
        (400, {"code": "tool_use_failed"}, "invalid_request"),
        (400, {"code": "InputTextSensitiveContentDetected", "message": "x"}, "content_filter"),
        (400, {"message": "The input text may contain sensitive information."}, "content_filter"),
        (446, {"message": "Guardrails triggered"}, "content_filter"),
        (400, {"message": "The prompt was blocked by Model Armor"}, "content_filter"),
        (451, {"message": "The content triggered moderation"}, "content_filter"),
        (400, {"error": {"message": "prompt is too long"}}, "context_length"),
        (400, {"message": "`inputs` must have less than 4096 tokens. Given: 5000"}, "context_length"),
        (429, {"message": "Your team has used all available credits."}, "quota_exhausted"),
        (429, {"message": "You have exceeded today's quota for this model"}, "quota_exhausted"),
        (429, {"message": "Monthly quota exceeded"}, "quota_exhausted"),
        (
            400,
            {"message": "Invocation of x with on-demand throughput isn\u2019t supported"},
            "model_not_found",
        ),
    ],
)
def test_codes_and_messages_refine_a_status(status: int, error: object, kind: str) -> None:
    """A code that means one thing beats the status, and a message refines what the status leaves open."""
    assert said(error, status=status).kind == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded"),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}, "rate_limit"),
        ({"error": {"type": "timeout_error"}}, "server_error"),
        ({"error": {"message": "x", "type": "server_error", "code": None}}, "server_error"),
        ({"error": {"code": 429, "message": "x"}}, "rate_limit"),
        ({"error": {"code": "429", "message": "x"}}, "rate_limit"),
        ({"error": {"code": 408, "message": "x"}}, "timeout"),
        ({"error": {"code": "what_is_this", "message": "x"}}, "server_error"),
        ({"error": {"message": "x", "status_code": 400}}, "invalid_request"),
        ([{"error": {"code": 503, "status": "UNAVAILABLE"}}], "overloaded"),
        ({"error": "an error was encountered while running the model"}, "server_error"),
        ({"error": "model 'x' does not support tools"}, "invalid_request"),
        ({"code": 500, "msg": "404 NOT_FOUND", "success": False}, "server_error"),
        ({"choices": []}, "invalid_response"),
        ({"detail": "Rate limit exceeded"}, "rate_limit"),
        ({"message": "Too many requests"}, "rate_limit"),
        ({"error_code": 18, "error_msg": "Too many requests"}, "rate_limit"),
        ({"errorType": "X", "errorMessage": "Too many requests"}, "rate_limit"),
        ({"fault": {"faultstring": "Too many requests"}}, "rate_limit"),
        ({"error": {"error": {"message": "x", "code": 429}}}, "rate_limit"),
        ({"type": "response.error", "code": "rate_limit_exceeded", "message": "x"}, "rate_limit"),
        ({"error": {"code": None, "message": None}}, "invalid_response"),
    ],
)
@pytest.mark.parametrize("status", [200, None])
def test_error_inside_a_200(body: object, kind: str, status: int | None) -> None:
    """Inside a 200 or a stream an error is what it says that it is, parsed or as text."""
    for form in (body, json.dumps(body), json.dumps(body).encode()):
        error = classify(form, provider="openrouter", status=status, in_stream=True)
        assert (error.kind, error.status, error.in_stream) == (kind, status, True)


@pytest.mark.parametrize(
    ("status", "error", "refuses"),
    [
        (
            400,
            {
                "message": "Your organization must be verified to stream this model.",
                "param": "stream",
                "code": "unsupported_value",
            },
            True,
        ),
        (403, {"message": "Your organization must be verified to stream this model."}, True),
        (404, {"message": "This model does not support streaming"}, True),
        (400, {"code": 400, "metadata": {"raw": '{"error": {"message": "x", "param": "stream"}}'}}, True),
        (400, {"message": "This model only support stream mode", "param": "stream"}, False),
        (400, {"message": "Unknown parameter", "param": "stream_options"}, False),
        (400, {"message": "x", "param": "max_tokens", "code": "unsupported_parameter"}, False),
    ],
)
def test_a_refusal_to_stream_is_marked(status: int, error: dict[str, Any], refuses: bool) -> None:
    """A provider that only refuses to stream is marked, so that it can be asked whole."""
    outcome = said(error, status=status)
    assert isinstance(outcome, errors.InvalidRequestError)
    assert outcome.refuses_streaming is refuses


@pytest.mark.parametrize(
    "error", [{"code": "unsupported_parameter"}, {"message": "Not supported with this model"}]
)
def test_what_one_target_cannot_do_another_may(error: dict[str, Any]) -> None:
    """A request that this model cannot serve goes on to the next target; one that is wrong does not."""
    assert type(said(error)) is errors.UnsupportedRequestError
    assert said(error).fails_over
    assert not said({"message": "messages: at least one is required"}).fails_over


@pytest.mark.parametrize(
    ("status", "wish", "retryable"),
    [
        (500, "false", False),
        (429, "False ", False),
        (408, "true", True),
        (408, "", False),
        (401, "true", False),
        (400, "true", False),
        (402, "true", False),
        (503, "perhaps", True),
    ],
)
def test_x_should_retry_is_obeyed(status: int, wish: str, retryable: bool) -> None:
    """The provider may forbid a retry, and may only allow one of its own failures."""
    assert (
        classify("", provider="anthropic", status=status, headers={"x-should-retry": wish}).retryable
        is retryable
    )


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, "", 9.0),
        ({"retry-after": "2.5"}, "", 2.5),
        ({"retry-after": " 7 "}, "", 7.0),
        ({"retry-after": "7\x1f"}, "", 7.0),
        ({"retry-after": "0"}, "", 0.0),
        ({"retry-after": "60"}, "", 60.0),
        ({"retry-after": "86400"}, "", 86400.0),
        ({"retry-after": "30, 30"}, "", 30.0),
        ({"retry-after": '"5"'}, "", 5.0),
        ({"retry-after": "5;"}, "", 5.0),
        ({"retry-after": "5 apples"}, "", None),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "inf"}, "", None),
        ({"retry-after": "1e999"}, "", None),
        ({"retry-after": "9" * 400}, "", None),
        ({"retry-after": "\u0665"}, "", None),
        ({"retry-after": ""}, "", None),
        ({"retry-after": "soon"}, {"error": {"message": "try again in 2s"}}, 2.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, "", 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, "", 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, "", None),
        ({"retry-after": "Sun, 99 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, "", None),
        ({"x-ratelimit-reset-requests": "6m0s", "anthropic-ratelimit-unified-reset": "1777420800"}, "", None),
        ({}, {"error": {"details": [{"retryDelay": "53s"}]}}, 53.0),
        ({}, [{"error": {"details": [{"retryDelay": "0.5s"}], "message": "retry in 9s"}}], 0.5),
        ({}, {"error": {"details": [{"retryDelay": "-3s"}]}}, None),
        ({}, {"retry_after": 120}, 120.0),
        ({}, {"error": {"retryAfter": 5}}, 5.0),
        ({}, {"retryAfterMs": 500}, 0.5),
        ({}, {"error": {"details": [{"retryDelay": {"seconds": 3, "nanos": 0}}]}}, 3.0),
        ({}, {"error": {"message": "Please retry your request in 10 s"}}, 10.0),
        ({}, {"error": {"message": "请在 30 秒后重试"}}, 30.0),
        ({}, {"error": {"message": "请 2 分钟后再试"}}, 120.0),
        ({}, {"retry_after": True}, None),
        ({}, {"retry_after": 10**400}, None),
        ({}, '{"retry_after": NaN}', None),
        ({}, {"error": {"metadata": {"headers": {"Retry-After": "4"}}}}, 4.0),
        ({}, {"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1777420800000"}}}}, None),
        ({}, {"error": {"metadata": {"retry_after_ms": 250}}}, 0.25),
        ({}, {"error": {"message": "Please try again in 1.574s. Visit"}}, 1.574),
        ({}, {"error": {"message": "please try again after 1 seconds"}}, 1.0),
        ({}, {"error": {"message": "Please try again in 6m0s."}}, 360.0),
        ({}, {"error": {"message": "Please try again in 12ms."}}, 0.012),
        ({}, {"error": {"message": "Please try again in 1h2m3.5s."}}, 3723.5),
        ({}, {"error": {"message": "Please retry after 1 minute 30 seconds"}}, 90.0),
        ({}, {"error": {"message": "Please wait 20 milliseconds"}}, 0.02),
        ({}, {"error": {"message": "Please retry in 48.939935699s."}}, 48.939935699),
        ({}, {"error": {"message": "Please try again in 5 apples, or retry in 3s"}}, 3.0),
        ({}, {"error": {"message": "Please wait a moment and try again."}}, None),
        ({}, "upstream is busy, retry in 3 s", 3.0),
    ],
)
def test_t25_retry_after_forms(headers: dict[str, str], body: object, wait: float | None) -> None:
    """Every form of a wait is read, the better source wins, and nonsense says nothing."""
    assert retry_after(headers, body) == pytest.approx(wait)
    assert classify(body, provider="openai", status=429, headers=headers).retry_after == pytest.approx(wait)


def test_the_message_is_one_line_to_act_on() -> None:
    """Who answered what, in the provider's words, and when to come back."""
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Too many\n requests\x1b[31m"}}
    error = classify(
        body, provider="anthropic", model="claude-sonnet-5", status=429, headers={"retry-after": "12"}
    )
    said = (
        "anthropic/claude-sonnet-5 answered 429 rate_limit_error: Too many requests [31m (retry after 12 s)"
    )
    assert str(error) == said
    assert (error.provider, error.model, error.code) == ("anthropic", "claude-sonnet-5", "rate_limit_error")


@pytest.mark.parametrize(
    ("status", "body", "headers", "in_stream", "message"),
    [
        (502, "<html><head><title>502 Bad\nGateway</title>", {}, False, "glm answered 502: 502 Bad Gateway"),
        (502, "<html>", {}, False, "glm answered 502: a page of HTML"),
        (500, "", {}, False, "glm answered 500: neither answer nor message"),
        (
            200,
            {"error": {"code": "1234"}},
            {},
            True,
            "glm stream error 1234: an error without a message",
        ),
        (
            429,
            {"error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": "busy"}}},
            {},
            False,
            "glm answered 429: Provider returned error: busy",
        ),
        (
            308,
            "",
            {"location": "https://x.test/"},
            False,
            "glm answered 308: a redirect to https://x.test/, which is never followed: check base_url",
        ),
    ],
)
def test_the_message_says_what_there_is(
    status: int, body: object, headers: dict[str, str], in_stream: bool, message: str
) -> None:
    """Pages, silence, redirects and relayed errors are put into words too."""
    assert str(classify(body, provider="glm", status=status, headers=headers, in_stream=in_stream)) == message


def test_texts_are_bounded() -> None:
    """A flood of a body stays a line in the log, and takes no time."""
    began = time.perf_counter()
    for flood in (
        "retry " * 100_000,
        "1" * 1_000_000,
        "<" * 1_000_000,
        "[" * 200_000,
        '{"error": "' + "a " * 200_000,
    ):
        error = classify(flood, provider="openai", status=500)
        assert len(error.body_preview or "") <= MAX_PREVIEW
        assert len(str(error)) <= MAX_WORDS + 50
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("headers", "body", "request_id"),
    [
        ({"request-id": "req_1"}, "", "req_1"),
        ({"x-request-id": "req_2"}, "", "req_2"),
        ({"x-generation-id": "gen-3"}, "", "gen-3"),
        ({}, {"error": {}, "request_id": "req_4"}, "req_4"),
        ({}, {"error": {}, "request_id": 4}, None),
    ],
)
def test_the_request_id_is_kept(headers: dict[str, str], body: object, request_id: str | None) -> None:
    """The id that a support desk asks for is taken from wherever the provider puts it."""
    assert classify(body, provider="openai", status=500, headers=headers).request_id == request_id


SECRET = 'sk-proj-a/b"c+d=0123456789'


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {"message": f"Incorrect API key provided: {SECRET}.", "code": SECRET},
            "request_id": SECRET,
        },
        f"key {SECRET} is bad",
        ("x" * 490 + SECRET).encode(),
        f"GET /?key={SECRET[:20]}",
        "key=sk-proj-a%2Fb%22c%2Bd%3D0123456789",
    ],
)
def test_the_secret_is_masked(body: object) -> None:
    """A key that comes back, whole, cut, escaped or as a code, is shown nowhere."""
    headers = {"x-request-id": SECRET, "location": f"https://x.test/?key={SECRET}"}
    for status in (200, 302, 401):
        error = classify(body, provider="openai", status=status, headers=headers, secret=SECRET)
        shown = f"{error} {error!r} {vars(error)}"
        assert SECRET not in shown
        assert SECRET[:13] not in shown
        assert SECRET[13:] not in shown


FIELDS = """error message code type status details metadata raw headers violations param quotaId retryDelay
    retry_after retry-after innererror request_id success detail"""
NAMES = st.sampled_from(FIELDS.split()) | st.text(max_size=4)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "date", "x-should-retry", "request-id", "location"]),
    st.text(max_size=30)
    | st.sampled_from(["Sun, 22 Nov 2026 12:00:30 GMT", "Sun, 22 Nov 0001 12:00:30 -0000"]),
)
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_/+", min_size=16, max_size=60)


@given(ANYTHING, st.none() | st.integers(), HEADERS, st.booleans(), st.text(max_size=10))
def test_nothing_makes_it_raise(
    body: object, status: int | None, headers: dict[str, str], in_stream: bool, model: str
) -> None:
    """Whatever comes in, an error comes out, bounded and with a sane wait."""
    error = classify(body, provider="glm", model=model, status=status, headers=headers, in_stream=in_stream)
    assert isinstance(error, (errors.ProviderError, errors.AttemptTimeoutError))
    assert "\n" not in str(error)
    assert error.retry_after is None or 0 <= error.retry_after < 1e16
    assert len(error.body_preview or "") <= MAX_PREVIEW


@given(TOKENS, st.text(max_size=600), st.text(max_size=20), st.booleans())
def test_no_body_brings_the_secret_back(secret: str, before: str, after: str, as_json: bool) -> None:
    """Wherever in a body the key stands, it is in neither the message nor the preview."""
    text = f"{before}{secret}{after}"
    body = json.dumps({"error": {"message": text, "type": secret}}) if as_json else text
    error = classify(body, provider="openai", status=401, secret=secret)
    assert secret not in f"{error} {error.body_preview} {error.code}"


@pytest.mark.parametrize(
    "body", [object(), {1: object()}, {"error": {("a",): {1}}}, float("nan"), -1, b"{\x00"]
)
def test_bodies_that_are_no_json(body: object) -> None:
    """Objects that no JSON could hold are no reason to fail."""
    assert classify(body, provider="openai", status=500).kind == "server_error"


def test_a_body_that_holds_itself() -> None:
    """A body without an end is no reason to fail."""
    body: dict[str, Any] = {"message": "x"}
    body["error"] = body
    assert classify(body, provider="openai", status=500).body_preview is None
