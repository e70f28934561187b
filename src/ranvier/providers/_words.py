"""The words in which providers say what went wrong, as data: codes, statuses, phrases, and what they mean.

`_classify` reads these tables, from the most telling to the least.
"""

from __future__ import annotations

from ranvier import errors

Kind = type[errors.ProviderError] | type[errors.AttemptTimeoutError]


def _by_word(*groups: tuple[Kind, str]) -> dict[str, Kind]:
    return {word: kind for kind, words in groups for word in words.split()}


# Codes that mean one thing, whatever the status. Sources: the vendors' pages on errors, their SDKs, and
# bodies that were recorded.
DECISIVE = _by_word(
    # OpenAI
    (errors.QuotaExceededError, """insufficient_quota credit_balance_exhausted billing_hard_limit_reached
        organization_spend_limit_exceeded project_spend_limit_exceeded organization_usage_limit_exceeded"""),
    # Anthropic: the type, and `details.error_code` of a 429
    (errors.QuotaExceededError, """billing_error organization_on_hold enforced_spend_limit_reached
        contract_spend_limit_reached linked_organization_spend_limit_reached
        linked_organization_billing_unavailable"""),
    # Kimi, OpenRouter; GLM: arrears, the daily limit, the limits of a plan, fair use
    (errors.QuotaExceededError, """exceeded_current_quota_error payment_required 1113 1304
        1308 1309 1310 1311 1313 1314 1315 1316 1317 1318 1319 1320 1321"""),
    # Anthropic, OpenAI, Kimi, Gemini (the reason in `details`, and the status), GLM
    (errors.AuthenticationError, """authentication_error invalid_api_key incorrect_api_key_error
        invalid_authentication_error api_key_invalid unauthenticated 1000 1001 1002 1003 1004"""),
    # GLM: accounts that are locked or not active; no right to the model
    (errors.PermissionDeniedError, "1110 1111 1112 1114 1115 1116 1117 1118 1119 1120 1121 1220"),
    # OpenAI, Kimi, Azure, GLM
    (errors.ModelNotFoundError, "model_not_found resource_not_found_error deploymentnotfound 1211"),
    # OpenAI and OpenRouter, Anthropic and GLM as a reason, llama.cpp, GLM
    (errors.ContextLengthError, """context_length_exceeded token_limit_exceeded
        model_context_window_exceeded exceed_context_size_error 1261"""),
    # OpenAI, Azure, OpenRouter, GLM
    (errors.ContentFilterError, """content_policy_violation content_filter responsibleaipolicyviolation
        refusal 1301"""),
    # What this model cannot do, another may: OpenAI; Groq, whose model wrote a tool call that is none
    (errors.UnsupportedRequestError, "unsupported_parameter unsupported_value tool_use_failed"),
    # Anthropic, Kimi, OpenAI, OpenRouter
    (errors.OverloadedError, """overloaded_error engine_overloaded_error server_is_overloaded
        provider_overloaded"""),
)  # fmt: skip

# Codes that a status says better; they speak where there is none, as in a stream.
# Sources: Anthropic, OpenAI (code, then type), Kimi, Gemini, GLM, xAI, OpenRouter, llama.cpp.
GENERAL = _by_word(
    (errors.RateLimitError, """rate_limit_error ramp_limit_exceeded rate_limit_exceeded slow_down tokens
        requests rate_limit_reached_error resource_exhausted too_many_requests 1302 1303 1305 1312"""),
    (errors.ServerError, """api_error timeout_error conflict_error server_error internal_server_error
        internal deadline_exceeded provider_unavailable server 1234"""),
    (errors.OverloadedError, "unavailable unavailable_error"),
    (errors.InvalidRequestError, """invalid_request_error invalid_argument invalid-argument
        failed_precondition"""),
    (errors.PermissionDeniedError, "permission_error permission_denied"),
    (errors.ModelNotFoundError, "not_found_error not_found"),
    (errors.ContextLengthError, "request_too_large"),
    (errors.AttemptTimeoutError, "timeout"),
)  # fmt: skip

# Every other 4xx is an invalid request, every other 5xx a server's error. 409 and 425 are locks that pass:
# both large SDKs retry a 409. 498 is Groq's lack of capacity, 499 Google's "cancelled".
STATUSES: dict[int, Kind] = {
    **dict.fromkeys((401,), errors.AuthenticationError),
    **dict.fromkeys((402,), errors.QuotaExceededError),
    **dict.fromkeys((403, 407, 451), errors.PermissionDeniedError),
    **dict.fromkeys((404, 410), errors.ModelNotFoundError),
    **dict.fromkeys((408, 524), errors.AttemptTimeoutError),
    **dict.fromkeys((413,), errors.ContextLengthError),
    **dict.fromkeys((429,), errors.RateLimitError),
    **dict.fromkeys((409, 425, 499), errors.ServerError),
    **dict.fromkeys((498, 503, 529), errors.OverloadedError),
}

# What a message adds: the meaning, the kinds that it may refine, the phrases. The first match wins.
REFUSED = (errors.InvalidRequestError, errors.PermissionDeniedError, errors.ModelNotFoundError)
PHRASES: tuple[tuple[Kind, tuple[Kind, ...], tuple[str, ...]], ...] = (
    # Anthropic, OpenRouter, xAI, GLM, Ollama Cloud, Gemini; OpenAI and Groq for a request above the limit
    # of a minute, which never passes
    (errors.QuotaExceededError, (*REFUSED, errors.RateLimitError, errors.ContextLengthError), (
        "credit balance is too low", "insufficient balance", "insufficient credits", "have any credits",
        "please recharge", "余额不足", "usage limit", "spend limit", "free-models-per-day", "enable billing",
        "request too large for")),
    # Anthropic, Ollama, OpenAI and vLLM, Kimi, Gemini, llama.cpp; some servers say it with a 500
    (errors.ContextLengthError, (errors.InvalidRequestError, errors.ServerError), (
        "prompt is too long", "prompt too long", "context length", "context window", "context size",
        "exceed context limit", "exceeds the context", "exceeded model token limit", "max length exceeded",
        "input token count", "number of tokens allowed", "input token length too long", "input is too long",
        "token limit reached", "reduce the length of the messages")),
    # Gemini and xAI, which say it with a 400
    (errors.AuthenticationError, (errors.InvalidRequestError,), (
        "api key not valid", "api key expired", "incorrect api key", "invalid api key")),
    # Azure, Anthropic, OpenAI, OpenRouter (403), Kimi
    (errors.ContentFilterError, REFUSED, (
        "content management policy", "content filtering policy", "content policy", "input was flagged",
        "prompt was flagged", "considered high risk")),
    # Gemini
    (errors.PermissionDeniedError, (errors.InvalidRequestError,), ("user location is not supported",)),
    # OpenRouter, servers that speak the dialect, DeepSeek, GLM
    (errors.ModelNotFoundError, (errors.InvalidRequestError,), (
        "not a valid model", "model not found", "unknown model", "model not exist", "模型不存在")),
    # Ollama, OpenAI, Anthropic, Kimi; OpenRouter says it with a 404
    (errors.UnsupportedRequestError, REFUSED, (
        "does not support", "doesn't support", "not supported with this", "not supported by this",
        "for this model", "no endpoints found that support")),
    # Kimi, GLM, OpenAI, Gemini; Ollama, in a stream too
    (errors.OverloadedError, (errors.RateLimitError, errors.ServerError), (
        "overloaded", "high demand", "访问量过大", "server busy", "maximum pending requests")),
)  # fmt: skip

# OpenAI without a verified organisation, and servers of the dialect
NO_STREAMS = (
    "to stream this model", "not support stream", "n't support stream", "streaming is not supported",
    "stream is not supported", "streaming not supported",
)  # fmt: skip
