"""Gemini's error replies: an error object, often with details of Google's own types."""

from __future__ import annotations

from typing import Any

from ranvier.simulator.wires.wire import Reason

_TYPES = "type.googleapis.com/google.rpc"


def _error(status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = {"message": message, "status": status}
    return {**error, "details": list(details)} if details else error


def _invalid(message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return _error("INVALID_ARGUMENT", message, *details)


def _reason(word: str) -> dict[str, Any]:
    service = {"service": "generativelanguage.googleapis.com"}
    return {"@type": f"{_TYPES}.ErrorInfo", "reason": word, "domain": "googleapis.com", "metadata": service}


def _limit(quota: str, value: str) -> dict[str, Any]:
    metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
    where = {"model": "{model}", "location": "global"}
    violation = {"quotaMetric": metric, "quotaId": quota, "quotaDimensions": where, "quotaValue": value}
    return {"@type": f"{_TYPES}.QuotaFailure", "violations": [violation]}


_KEY = "API key not valid. Please pass a valid API key."
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on "
    "this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)

REFUSALS: dict[Reason, Any] = {
    (400, "invalid_request"): _invalid("* GenerateContentRequest.contents: contents is not specified\n"),
    (400, "context_length"): _invalid(
        "The input token count (1196266) exceeds the maximum number of tokens allowed (1048576)."
    ),
    (400, "unsupported_parameter"): _invalid("Thinking level is not supported for this model."),
    (400, "stream_refused"): _invalid("Streaming is not supported for this model."),
    (400, "content_filter"): _invalid("The prompt was blocked by the content policy."),
    (400, "auth"): _invalid(
        _KEY,
        _reason("API_KEY_INVALID"),
        {"@type": f"{_TYPES}.LocalizedMessage", "locale": "en-US", "message": _KEY},
    ),
    (400, "quota_exhausted"): _error(
        "FAILED_PRECONDITION",
        "Gemini API free tier is not available in your country. Please enable billing on your project in "
        "Google AI Studio.",
    ),
    (400, "permission"): _error(
        "FAILED_PRECONDITION", "User location is not supported for the API use without a billing account."
    ),
    (401, "auth"): _error(
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
        "other valid authentication credential.",
        _reason("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ),
    (402, "quota_exhausted"): _error("FAILED_PRECONDITION", "Please enable billing on your project."),
    (403, "permission"): _error("PERMISSION_DENIED", "The caller does not have permission"),
    (404, "model_not_found"): _error(
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call "
        "ListModels to see the list of available models and their supported methods.",
    ),
    (404, "not_found"): _error("NOT_FOUND", "Requested entity was not found."),
    (408, "timeout"): _error("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    (413, "too_large"): _invalid("Request payload size exceeds the limit: 20971520 bytes."),
    (429, "rate_limit"): _error(
        "RESOURCE_EXHAUSTED", _QUOTA, _limit("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10")
    ),
    (429, "quota_exhausted"): _error(
        "RESOURCE_EXHAUSTED", _QUOTA, _limit("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "50")
    ),
    (500, "server_error"): _error(
        "INTERNAL",
        "An internal error has occurred. Please retry or report in https://developers.generativeai"
        ".google/guide/troubleshooting",
    ),
    (502, "server_error"): _error("UNAVAILABLE", "The service is currently unavailable."),
    (503, "overloaded"): _error("UNAVAILABLE", "The model is overloaded. Please try again later."),
    (504, "timeout"): _error("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}
