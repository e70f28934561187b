"""A refusal that only this target would give goes on to the next; every other stays where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ranvier import errors
from ranvier.providers._classify import classify


def told(message: str, **more: Any) -> dict[str, Any]:
    """A body in OpenAI's dialect; `of` stands for nothing."""
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}
    }


def judged(body: object, status: int = 400, **settings: Any) -> Any:
    """What becomes of a body."""
    return classify(body, provider="p", model="m", status=status, **settings)


ONLY_HERE = {
    # a setting: named beside the message, in it, or by what it is called
    "a param": told("It is not one of ours.", param="verbosity"),
    "a param with a path": told("Invalid value.", param="tools[0].function.parameters"),
    "backticks": told("`temperature` is deprecated for this model."),
    "a leading path": told("tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
    "a name without quotes": told("invalid temperature: only 1 is allowed for this model"),
    "an argument supplied": told("Unrecognized request argument supplied: top_k"),
    "a field nobody knows": told("Unknown parameter 'frobnicate'"),
    "camel case": told("The value of maxOutputTokens must be from 1 to 8192."),
    "a name of Google's": told("Unknown name \"seed\" at 'generation_config': Cannot find field."),
    "a path of Google's": told("* GenerateContentRequest.generation_config.top_k: must be positive\n"),
    "a violation of Google's": {
        "error": {
            "code": 400,
            "message": "Invalid argument",
            "details": [{"fieldViolations": [{"field": "generation_config.top_k", "description": "no"}]}],
        }
    },
    "Chinese": told("temperature 参数非法。请检查文档。"),
    "tools in words": told('"auto" tool choice requires --enable-auto-tool-choice to be set'),
    "a schema": told("Invalid schema for response_format 'answer': 'additionalProperties' must be false."),
    "a grammar": told("The compiled grammar is too complex."),
    # lists of errors
    "FastAPI": {"detail": [{"loc": ["body", "tools", 0, "type"], "msg": "field required"}]},
    "Mistral": {
        "object": "error",
        "message": {"detail": [{"loc": ["body", "random_seed"], "msg": "Extra inputs are not permitted"}]},
    },
    "pydantic in words": told("[{'loc': ('body', 'stop'), 'msg': 'Input should be a list'}]"),
    "Cloudflare": {"errors": [{"code": 5006, "message": "required properties at '/tools' are missing"}]},
    # opaque state
    "a signature": told("messages.1.content.0: Invalid `signature` in `thinking` block"),
    "encrypted reasoning": told("The encrypted content gAAA could not be verified."),
    "a stored item": told("Item with id 'rs_0a' not found.", param="input"),
    "an item that is alone": told("Item 'rs_1' of type 'reasoning' was provided without its required item."),
    "a thought that is missing": told("reasoning_content is missing in assistant message 1"),
    # ids, names, media
    "an id's form": told("Tool call id was call_a but must be a-z, A-Z, 0-9, with a length of 9."),
    "an id in a path": told("messages.3.content.0.tool_use.id: String should match pattern '^[a-z]+$'"),
    "an id too long": told("string too long", param="messages[1].tool_calls[0].id"),
    "a picture": told("The model is not multimodal. Please remove image inputs."),
    "no picture at all": told("At most 0 image(s) may be provided in one request."),
    "a part of another dialect": told("messages[0]: unknown variant `image_url`, expected `text` at line 1"),
    "a picture's size": told("messages.0.content.1.image.source.base64: exceeds 5 MB maximum"),
    "a modality": told('incorrect modal "audio"'),
    # limits
    "a ceiling": told("integer above maximum value, expected a value <= 32768, but got 128000 instead."),
    "output tokens": told("max_tokens: 128000 > 8192, which is the maximum allowed number of output tokens"),
    "the model's limit": told("The maximum tokens you requested exceeds the model limit of 8192."),
    "a text too long": told("Invalid 'messages[0].content': string too long", param="messages[0].content"),
}

EVERYWHERE = {
    "no messages": told("messages: at least one message is required"),
    "a field of a message": told("messages.0.content: Field required"),
    "a param of the conversation": told("Invalid value: expected a string.", param="messages.[0].content"),
    "the input": told("Input should be a valid string", param="input"),
    "the prompt": told("prompt must not be empty"),
    "the system prompt": told("system: text content blocks must be non-empty"),
    "contents": told("* GenerateContentRequest.contents: contents is not specified\n"),
    "a call without its result": told(
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01AB. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    ),
    "a result without its call": told(
        "messages.1.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_x."
    ),
    "an id that is not found": told(
        "'tool_call_id' of 'call_x' not found in 'tool_calls' of previous message.",
        param="messages.[3].tool_call_id",
    ),
    "calls without answers": told(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        "'tool_call_id'. The following tool_call_ids did not have response messages: call_1"
    ),
    "FastAPI": {"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "field required"}]},
    "a role": told("Please use a valid role: user, model."),
    "turns": told("Conversation roles must alternate user/assistant/user/assistant/..."),
    "no JSON": told("We could not parse the JSON body of your request."),
    "nothing named": told("Invalid request"),
    "nothing at all": {},
    "a page": "<html><head><title>400 Bad Request</title></head></html>",
}


@pytest.mark.parametrize("body", ONLY_HERE.values(), ids=ONLY_HERE)
@pytest.mark.parametrize("status", [400, 422])
def test_what_only_this_target_refuses_goes_on(body: object, status: int) -> None:
    """Whatever is named but the conversation itself: the next target is asked, and nothing is counted."""
    error = judged(body, status)
    assert type(error) is errors.UnsupportedRequestError, str(error)
    assert (error.falls_over, error.retryable, error.counts_against_provider) == (True, False, False)


@pytest.mark.parametrize("body", EVERYWHERE.values(), ids=EVERYWHERE)
@pytest.mark.parametrize("status", [400, 422])
def test_what_every_target_would_refuse_stays(body: object, status: int) -> None:
    """A conversation that is broken is broken everywhere, and what names nothing is taken for that."""
    error = judged(body, status)
    assert type(error) is errors.InvalidRequestError, str(error)
    assert not error.falls_over


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (told("x", param="max_tokens"), "max_tokens"),
        (told("`temperature` is deprecated for this model."), "temperature"),
        (told("tools.0.custom.name: String should match pattern"), "tools.0.custom.name"),
        (told("The value of maxOutputTokens must be at most 8192."), "maxOutputTokens"),
        ({"detail": [{"loc": ["body", "tools", 0], "msg": "no", "input": "a secret"}]}, "tools.0"),
        (told("x", param="None"), None),
        (told("x", param=""), None),
        (told("the word 'banana' is wrong"), None),
        (told("x", param="y" * 900), "y" * 80),
    ],
)
def test_the_field_that_is_named_is_a_fact(body: object, param: str | None) -> None:
    """As the provider spells it, where it names one; a mere word in quotes is no field."""
    assert judged(body).param == param


def test_a_list_of_errors_says_what_is_wrong() -> None:
    """Where and what, for each, and never what the request said there."""
    detail = [
        {
            "loc": ["body", "tools", 0],
            "msg": "Input should be an object",
            "type": "dict_type",
            "input": "mine",
        },
        {"loc": ["body", "stop"], "msg": "Input should be a list", "input": "mine"},
    ]
    error = judged({"detail": detail}, 422)
    assert "tools.0: Input should be an object: stop: Input should be a list" in str(error)
    assert "mine" not in str(error)
    assert "the first: the second" in str(judged({"errors": ["the first", {"message": "the second"}]}))


@pytest.mark.parametrize("none", ["None", "null", "NULL", "undefined"])
def test_a_code_that_says_none_is_none(none: str) -> None:
    """`str(None)` of a proxy in Python is no word of a provider."""
    assert judged({"error": {"message": "x", "code": none, "type": none, "param": none}}).code is None


# --- what exceeds a limit by itself --------------------------------------------------------------

TPM = "for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000"
ALONE = [
    (429, told(f"Request too large {TPM}, Requested 30601.", type="tokens", code="rate_limit_exceeded")),
    (429, told("Request too large for gpt-4.1 on tokens per min", code="rate_limit_exceeded")),
    (429, told(f"Rate limit reached {TPM}, Used 10, Requested 30,601.", code="rate_limit_exceeded")),
    (413, told(f"Request too large {TPM}, Requested 30601, please reduce", code="rate_limit_exceeded")),
    (413, told("Request body too large. Max size: 8000 tokens.", code="tokens_limit_reached")),
    (413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
    (402, told("This request requires more credits, or fewer max_tokens. You can only afford 12.", code=402)),
    (402, told("Prompt tokens limit exceeded: 12345 > 9999.", code=402)),
    (400, told("Request payload size exceeds the limit: 20971520 bytes.")),
    (200, told(f"Request too large {TPM}, Requested 30601.", code=429)),
]


@pytest.mark.parametrize(("status", "body"), ALONE)
def test_a_request_that_alone_exceeds_a_limit_is_too_long_for_this_target(status: int, body: object) -> None:
    """No wait helps, the key is well, and any other target may take it."""
    error = judged(body, status)
    assert type(error) is errors.ContextLengthError, str(error)
    assert (error.falls_over, error.retryable, error.counts_against_provider) == (True, False, False)


@pytest.mark.parametrize(
    "message",
    [
        f"Rate limit reached {TPM}, Used 29000, Requested 1500. Please try again in 1s.",
        f"Request too large {TPM}, Used 29000, Requested 1500. Please try again in 1s.",
        "Rate limit reached on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 1s.",
    ],
)
def test_a_limit_that_is_used_up_is_a_rate_limit(message: str) -> None:
    """What does not fit beside the requests of others fits later."""
    error = judged(told(message, type="tokens", code="rate_limit_exceeded"), 429)
    assert (type(error), error.retry_after) == (errors.RateLimitError, 1.0)


def test_a_window_that_is_too_small_goes_on_only_to_larger_ones() -> None:
    """That is the model's own limit, and `Fallback` knows the windows of the others."""
    for message in (
        "prompt is too long: 210000 tokens > 200000 maximum",
        "exceeded model token limit: 10 (requested: 12)",
    ):
        error = judged(told(message))
        assert (type(error), error.falls_over) == (errors.ContextLengthError, False)


# --- the state of an account, of a model, of an answer -------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 412, 429, 500])
@pytest.mark.parametrize(
    "message",
    [
        "Account acme is suspended, possibly due to failure to pay past invoices.",
        "Access denied, please make sure your account is in good standing.",
        "Your prepayment credits are depleted.",
        "Budget has been exceeded! Current cost: 26.075, Max budget: 0.25",
        "You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
        "insufficient balance (1008)",
        "您的账户已欠费",
        "Your subscription has expired, please renew it.",
        "You have exceeded your monthly included credits for Inference Providers.",
        "预扣费额度失败, 用户剩余额度: $0.00",
        "Your organization has reached its monthly budget",
        "Your free trial has ended. Please add a payment method.",
        "No active subscription",
        "You do not have enough credits to use this model",
        "You have no credits left",
        "Your wallet balance is negative",
        "credit limit reached",
        "Your account is not active, please check your billing details on our website.",
        "Your plan's included usage is used up",
    ],
)
def test_the_state_of_an_account_is_a_quota(status: int, message: str) -> None:
    """Whatever the status: nobody waits for it, nothing is counted, the next target is asked."""
    error = judged(told(message), status)
    assert type(error) is errors.QuotaExceededError
    assert (error.falls_over, error.retryable, error.counts_against_provider) == (True, False, False)
    assert type(judged(told(message, type="authentication_error"), status)) is errors.QuotaExceededError


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize(
    "message",
    [
        "invalid x-api-key",
        "API key is missing or invalid. Get a key at your account's credits page.",
        "Invalid API key: check it, and your plan and billing",
        "Your API key is invalid, expired, or your account was suspended.",
        "The API key you provided is invalid. See https://x.test/account for your balance.",
        "Key is blocked. Update via `/key/unblock` if you're an admin.",
        "Token expired. Please log in again to see your usage.",
    ],
)
def test_a_wrong_key_is_no_quota(status: int, message: str) -> None:
    """Whatever is said of the account beside it."""
    error = judged(told(message, type="authentication_error"), status)
    assert type(error) is errors.AuthenticationError


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (told("Invalid model name passed in model=x."), errors.ModelNotFoundError),
        (told("The model `x` has been decommissioned."), errors.ModelNotFoundError),
        (told("Not one of ours.", param="model"), errors.ModelNotFoundError),
        (told("There are no healthy deployments for this model"), errors.ModelNotFoundError),
        (told('Failed to load model "x". Error: insufficient memory'), errors.ServerError),
        ({"detail": "Function id 'x': DEGRADED function cannot be invoked"}, errors.ServerError),
        ({"error": "No models loaded. Please load a model."}, errors.ServerError),
        (told("Content Exists Risk"), errors.ContentFilterError),
        (told("Your prompt was flagged as violating our usage policy."), errors.ContentFilterError),
        (told("Your input image was rejected by our safety system."), errors.ContentFilterError),
        (
            told("missing thought_signature, which may lead to degraded model performance"),
            errors.UnsupportedRequestError,
        ),
        (told("`max_tokens` exceeds the thinking budget"), errors.UnsupportedRequestError),
    ],
)
def test_a_400_may_say_something_else(body: object, kind: type) -> None:
    """An unknown model, an outage, a policy: by what is said."""
    assert type(judged(body)) is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, told("This organization has been disabled."), errors.PermissionDeniedError),
        (
            401,
            {"error": {"type": "ModelError", "message": "Model x is not supported"}},
            errors.ModelNotFoundError,
        ),
        (401, told("ExceededTokenBudget: Current spend: 7.2; Max Budget: 2"), errors.QuotaExceededError),
        (400, told("Param Incorrect", param="Not supported model mimo-v2"), errors.ModelNotFoundError),
        (422, told("body.messages.0: required", param="validation_error"), errors.InvalidRequestError),
        (
            403,
            told("It is prohibited due to a violation of provider Terms Of Service."),
            errors.PermissionDeniedError,
        ),
        (403, told("Access blocked by your organization's data policy"), errors.PermissionDeniedError),
        (
            429,
            told("You have exceeded token rate limit. Please retry after 26 seconds."),
            errors.RateLimitError,
        ),
        (429, told("You exceeded your current quota: limit: 1000000"), errors.RateLimitError),
        (429, told("Quota exceeded for metric: free_tier_requests, limit: 0"), errors.QuotaExceededError),
        (
            500,
            told("image input is not supported - hint: provide the mmproj"),
            errors.UnsupportedRequestError,
        ),
        (400, told("Too many requests, please wait"), errors.RateLimitError),
        (404, told("Item with id 'rs_1' not found."), errors.UnsupportedRequestError),
    ],
)
def test_words_say_it_better_than_a_status(status: int, body: object, kind: type) -> None:
    """Whatever the status suggests: who is to be told, and whether the next target is asked."""
    assert type(judged(body, status)) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"object": "error", "message": "maximum context length is 4096", "code": 400}, "context_length"),
        ({"object": "error", "message": "boom"}, "server_error"),
        ({"code": 401, "msg": "token expired or incorrect"}, "auth"),
        ({"code": "401", "message": "bad key", "type": "x"}, "auth"),
        ({"success": False, "msg": "insufficient balance"}, "quota_exhausted"),
        ({"success": False, "errors": [{"code": 7, "message": "no"}]}, "server_error"),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "quota_exhausted"),
        ({"detail": "Too Many Requests", "status": 429}, "rate_limit"),
        ({"error": True, "message": "model x not found"}, "model_not_found"),
    ],
)
def test_a_bare_error_in_a_200_is_judged_by_its_words(body: dict[str, Any], kind: str) -> None:
    """It need not stand under `error`."""
    for form in (body, json.dumps(body)):
        assert judged(form, 200).kind == kind


# --- waits ---------------------------------------------------------------------------------------

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
NOON_AT = 1795348800.0


@pytest.mark.parametrize(
    ("headers", "body", "wait", "resets_at"),
    [
        ({"retry-after": str(int(NOON_AT) + 30), "date": NOON}, "", 30.0, NOON_AT + 30),
        ({"retry-after": str(int(NOON_AT + 30) * 1000), "date": NOON}, "", 30.0, NOON_AT + 30),
        ({"retry-after": "2026-11-22T12:00:30Z", "date": NOON}, "", 30.0, NOON_AT + 30),
        ({"retry-after": "2026-11-22T13:00:30+01:00", "date": NOON}, "", 30.0, NOON_AT + 30),
        ({"retry-after": str(int(NOON_AT) + 30)}, "", None, NOON_AT + 30),
        ({"retry-after": "86400"}, "", 86400.0, None),
        ({"retry-after": "86401"}, "", None, None),
        ({"retry-after": "172800", "date": NOON}, "", None, NOON_AT + 172800),
        ({"retry-after": "999999999", "date": NOON}, told("try again in 5s"), 5.0, NOON_AT + 5),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:00 GMT", "date": NOON}, "", None, NOON_AT + 172800),
        ({"retry-after": "1m30s"}, "", 90.0, None),
        ({"retry-after": "1e3"}, "", None, None),
        ({"date": NOON}, {"retry_after": NOON_AT + 7}, 7.0, NOON_AT + 7),
        ({"date": NOON}, {"error": {"message": "x", "resets_at": NOON_AT + 60}}, 60.0, NOON_AT + 60),
        ({}, {"error": {"message": "x", "resets_in_seconds": 3600}}, 3600.0, None),
        (
            {"date": NOON},
            told("limit reached, resets at 2026-11-22T15:00:00Z (2056)"),
            10800.0,
            NOON_AT + 10800,
        ),
        ({"date": NOON}, told("You regain access on 2026-12-01 at 00:00 UTC."), None, NOON_AT + 734400),
        ({"date": NOON}, told("will be reset at 2026-11-22 15:00:00."), None, None),  # in whose zone?
        ({"x-ratelimit-reset": str(int(NOON_AT) + 9), "date": NOON}, "", None, NOON_AT + 9),
        ({}, told("retry after: 5s"), 5.0, None),
        ({}, told("Try again in about 12 minutes."), 720.0, None),
        ({}, told("Please try again in 2 hours 5 minutes"), 7500.0, None),
        ({}, told("available again in 1 minute, 30 seconds"), 90.0, None),
        ({}, told("Your quota will reset after 1h2m3s."), 3723.0, None),
        ({}, told("try again in 3 days"), None, None),
    ],
)
def test_a_wait_is_seconds_that_can_be_waited(
    headers: dict[str, str], body: object, wait: float | None, resets_at: float | None
) -> None:
    """A moment counts from the response's own date; what is longer than a day is none, but a moment."""
    error = judged(body, 429, headers=headers)
    assert (error.retry_after, error.resets_at) == (wait, resets_at)
