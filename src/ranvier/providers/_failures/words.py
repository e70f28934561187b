"""The codes, statuses and phrases of providers' errors, and their meanings, as data.

`classify` reads these tables, from the most specific to the least.
"""

from __future__ import annotations

import re

from ranvier import errors

Kind = type[errors.ProviderError] | type[errors.AttemptTimeoutError]


def _by_word(*groups: tuple[Kind, str]) -> dict[str, Kind]:
    return {word: kind for kind, words in groups for word in words.split()}


# Codes with one meaning, whatever the status. Sources: the vendors' pages on errors, their SDKs, and
# recorded bodies.
DECISIVE = _by_word(
    # OpenAI, and its plans
    (errors.QuotaExceededError, """insufficient_quota credit_balance_exhausted billing_hard_limit_reached
        organization_spend_limit_exceeded project_spend_limit_exceeded organization_usage_limit_exceeded
        billing_not_active usage_limit_reached usage_limit_exceeded usage_not_included"""),
    # Anthropic: the type, and `details.error_code` of a 429
    (errors.QuotaExceededError, """billing_error organization_on_hold enforced_spend_limit_reached
        contract_spend_limit_reached linked_organization_spend_limit_reached
        linked_organization_billing_unavailable"""),
    # Kimi, OpenRouter; GLM: arrears, the daily limit, the limits of a plan, fair use
    (errors.QuotaExceededError, """exceeded_current_quota_error payment_required 1113 1304
        1308 1309 1310 1311 1313 1314 1315 1316 1317 1318 1319 1320 1321"""),
    # litellm; DashScope, Volcengine; one-api and its forks
    (errors.QuotaExceededError, """budget_exceeded arrearage allocationquota.freetieronly
        accountoverdueerror insufficient_user_quota insufficient_balance insufficient_funds
        insufficient_credits spend_limit_exceeded credits_exhausted creditserror"""),
    # Anthropic, OpenAI, Kimi, Gemini (the reason in `details`, and the status), GLM
    (errors.AuthenticationError, """authentication_error invalid_api_key incorrect_api_key_error
        invalid_authentication_error api_key_invalid unauthenticated 1000 1001 1002 1003 1004"""),
    # GLM: accounts that are locked or not active; no access to the model; OpenAI, Groq, litellm
    (errors.PermissionDeniedError, """1110 1111 1112 1114 1115 1116 1117 1118 1119 1120 1121 1220
        unsupported_country_region_territory organization_restricted model_terms_required
        key_model_access_denied team_model_access_denied"""),
    # OpenAI, Kimi, Azure, GLM; Groq, Copilot, opencode
    (errors.ModelNotFoundError, """model_not_found resource_not_found_error deploymentnotfound 1211
        model_decommissioned model_not_supported model_not_available invalid_model unknown_model
        modelerror"""),
    # OpenAI and OpenRouter, Anthropic and GLM as a reason, llama.cpp, GLM, litellm
    (errors.ContextLengthError, """context_length_exceeded token_limit_exceeded
        model_context_window_exceeded exceed_context_size_error 1261 contextwindowexceedederror"""),
    # OpenAI, Azure, OpenRouter, GLM; DashScope; litellm; OpenAI's Responses API
    (errors.ContentFilterError, """content_policy_violation content_filter responsibleaipolicyviolation
        bio_policy misalignment_policy_violation image_content_policy_violation
        refusal 1301 data_inspection_failed datainspectionfailed moderation_blocked
        contentpolicyviolationerror cyber_policy_violation cyber_policy guardrail_violation
        sensitivecontentdetected sensitivecontentdetected.severeviolation
        inputtextsensitivecontentdetected outputtextsensitivecontentdetected
        inputimagesensitivecontentdetected"""),  # Volcengine
    # Bedrock; some of these have a status that says less
    (errors.AuthenticationError, """expiredtokenexception unrecognizedclientexception
        invalidsignatureexception incompletesignatureexception missingauthenticationtokenexception
        invalidclienttokenid signaturedoesnotmatch"""),
    (errors.QuotaExceededError, "servicequotaexceededexception"),
    (errors.ServerError, "modelerrorexception modelstreamerrorexception"),
    (errors.OverloadedError, "modelnotreadyexception serviceunavailableexception"),
    (errors.AttemptTimeoutError, "modeltimeoutexception requesttimeoutexception"),
    # Another model may be able to do this: OpenAI; Groq, for an invalid tool call or invalid JSON
    (errors.UnsupportedRequestError, """unsupported_parameter unsupported_value unknown_parameter
        invalid_encrypted_content previous_response_not_found tool_use_failed json_validate_failed"""),
    # OpenAI's Responses API, inside a 200: where the data is, and pictures that another one may take
    (errors.UnsupportedRequestError, """data_residency_mismatch unsupported_image_media_type
        image_too_large image_too_small image_file_too_large image_file_not_found
        failed_to_download_image"""),
    # Anthropic, Kimi, OpenAI, OpenRouter
    (errors.OverloadedError, """overloaded_error engine_overloaded_error server_is_overloaded
        provider_overloaded"""),
)  # fmt: skip

# Codes that are less specific than a status; they are used if there is none, as in a stream. Those of a
# limit or of overload also count where the status only says that the request is invalid.
# Sources: Anthropic, OpenAI (code, then type), Kimi, Gemini, GLM, xAI, OpenRouter, llama.cpp, vLLM, litellm.
GENERAL = _by_word(
    (errors.RateLimitError, """rate_limit_error ramp_limit_exceeded rate_limit_exceeded slow_down tokens
        requests rate_limit_reached_error resource_exhausted too_many_requests 1302 1303 1305 1312
        toomanyrequestserror ratelimiterror throttlingexception too_many_tokens_error
        toomanyrequestsexception throttledexception requestthrottledexception requestlimitexceeded
        provisionedthroughputexceededexception slowdown throttling throttling.ratequota throttling.burstrate
        throttling.allocationquota throttling.user"""),
    (errors.ServerError, """api_error timeout_error conflict_error server_error internal_server_error
        internal deadline_exceeded provider_unavailable server 1234 internalservererror internal_error
        internalserverexception internalfailure"""),
    (errors.OverloadedError, """unavailable unavailable_error service_unavailable serviceunavailableerror
        serviceunavailable"""),
    (errors.InvalidRequestError, """invalid_request_error invalid_argument invalid-argument
        failed_precondition badrequesterror bad_request invalid_request validation_error
        invalid_prompt invalid_image invalid_image_format invalid_image_mode invalid_image_url
        invalid_base64_image empty_image_file image_parse_error
        validationexception"""),
    (errors.AuthenticationError, "unauthorized token_expired authenticationerror"),
    (errors.PermissionDeniedError, """permission_error permission_denied forbidden permissiondeniederror
        accessdeniedexception"""),
    (errors.ModelNotFoundError, "not_found_error not_found notfounderror resourcenotfoundexception"),
    (errors.ContextLengthError, "request_too_large"),
    (errors.AttemptTimeoutError, "timeout"),
)  # fmt: skip

# Every other 4xx is an invalid request, every other 5xx a server error. 409 and 425 are temporary locks:
# the SDKs of OpenAI and Anthropic retry a 409. 424 is Bedrock's for a model that failed, 498 Groq's lack of
# capacity, 499 Google's "cancelled".
STATUSES: dict[int, Kind] = {
    **dict.fromkeys((401,), errors.AuthenticationError),
    **dict.fromkeys((402,), errors.QuotaExceededError),
    **dict.fromkeys((403, 407, 451), errors.PermissionDeniedError),
    **dict.fromkeys((404, 410), errors.ModelNotFoundError),
    **dict.fromkeys((408, 524), errors.AttemptTimeoutError),
    **dict.fromkeys((413,), errors.ContextLengthError),
    **dict.fromkeys((429,), errors.RateLimitError),
    **dict.fromkeys((409, 424, 425, 499), errors.ServerError),
    **dict.fromkeys((498, 503, 529), errors.OverloadedError),
}

# Phrases in messages: the meaning, the kinds that it may refine, the patterns. The first match wins.
# The patterns are for text in lower case.
REJECTIONS = (errors.InvalidRequestError, errors.PermissionDeniedError, errors.ModelNotFoundError)
_ACCOUNT = (*REJECTIONS, errors.AuthenticationError, errors.ServerError)
_PHRASES: tuple[tuple[Kind, tuple[Kind, ...], tuple[str, ...]], ...] = (
    # A wrong key, even if the message also mentions the account
    (errors.AuthenticationError, (errors.AuthenticationError,), (
        "(?:incorrect|invalid) api[ _-]?key",
        "api[ _-]?key (?:provided |you provided )?is (?:not va|inva)lid")),
    # Anthropic, OpenRouter, xAI, GLM, MiniMax, Ollama Cloud, Gemini, litellm, Fireworks, DashScope
    (errors.QuotaExceededError, (*_ACCOUNT, errors.RateLimitError, errors.ContextLengthError), (
        r"\bbalance (?:is )?(?:too low|insufficient|negative|not enough)", "negative balance", "余额不足",
        r"insufficient (?:account |prepaid |user )?(?:balance|credits?|funds|quota)", "欠费", "充值",
        r"(?:have any|enough) (?:credits|balance|funds)", r"\bno credits (?:left|remaining|available)",
        r"\b(?:out of|no (?:more|remaining)|run out of|used up (?:all )?your) "
        r"(?:available |remaining |your |prepaid |free |extra )*(?:credits?|balance|usage|funds)",
        r"(?:credits?|balance|funds|budget|usage)\b.{0,30}\b(?:depleted|exhausted|used up|ran out)",
        "please (?:recharge|top up)", "(?:usage|credit) limit", "spend(?:ing)? (?:limit|cap)",
        "enable billing", "check your billing", "add (?:more |some )?(?:credits|funds|a payment method)",
        "free-models-per-day", "too many tokens per day", "used all available credits", "today's quota",
        "out of call volume quota",  # Azure's API Management
        "(?:daily|weekly|monthly) quota (?:has been |is |was )?(?:exceeded|reached|exhausted)",
        "daily request limit", "budget (?:has been |was |is |limit )*exceeded",
        r"(?:exceed|reach)\w*\b.{0,30}(?<!thinking )\b(?:budget|credits)\b",
        "exceeded(?:token)?budget", "calls / month", "over (?:its |your |the )?budget",
        "extra usage", r"\bkey limit exceeded",
        r"\blimit: 0\b", "in arrears", "arrearage", "overdue", "in good standing",
        "(?:unpaid|past) invoices?",
        r"\b(?:account|organi[sz]ation|project|team|user|workspace)\b.{0,60}\bsuspended",
        "(?:monthly|weekly|daily) (?:usage |token |request )?limit (?:has been )?(?:reached|exceeded)",
        "free tier .{0,60}exhausted", "预扣费",
        r"\b(?:subscription|trial) (?:has |is |period |has been )*"
        "(?:expired|ended|over|cancell?ed|inactive|not active)", "no active subscription",
        "prepa(?:id|yment) .{0,40}(?:gone|spent|required)")),
    # Not with a 429, where Gemini uses the same phrases for a limit per minute
    (errors.QuotaExceededError, _ACCOUNT, (
        "exceeded (?:your |the |its )?(?:current |token |monthly )?quota",
        "quota (?:has been )?(?:exceeded|exhausted)", "额度不足", "check your plan and billing",
        "payment (?:is )?required", "purchase (?:more )?credits")),
    # Anthropic, Ollama, OpenAI and vLLM, Kimi, Gemini, llama.cpp, xAI, DashScope, TGI; some with a 500
    (errors.ContextLengthError, (errors.InvalidRequestError, errors.ServerError), (
        "prompt is too long", "prompt too long", "context length", "context window", "context size",
        "exceed context limit", "exceeds the context", "exceeded model token limit", "max length exceeded",
        "input token count", "number of tokens allowed", "input token length too long", "input is too long",
        "token limit reached", "reduce the length of the messages", "maximum prompt length",
        "range of input length", "input length .{0,40}exceeds", "exceeds max length",
        "number of input tokens exceeds", "maximum sequence length", "must have less than .{1,20} tokens",
        r"input.{0,40} tokens? limit", "too many (?:input |prompt )?tokens(?!, please wait)",
        r"tokens \+ .{0,4}max_(?:new_)?tokens", "contextwindowexceeded", "上下文长度")),
    # Bedrock, which sends it with a 403
    (errors.AuthenticationError, (errors.PermissionDeniedError,), (
        "make sure your api key is valid", "security token included in the request is (?:invalid|expired)",
        r"\b(?:bearer )?token has expired", "signature expired", "signature we calculated does not match")),
    # Gemini and xAI, which send it with a 400
    (errors.AuthenticationError, (errors.InvalidRequestError,), (
        "api[ _]key not valid", "api[ _]key (?:has )?expired", "(?:incorrect|invalid) api[ _]key")),
    # Azure, Anthropic, OpenAI, OpenRouter (403), Kimi, DeepSeek, DashScope, xAI, GLM
    (errors.ContentFilterError, REJECTIONS, (
        "content management policy", "content filter", "content ?_?policy",
        r"\b(?:was|were|been|is|are) flagged", "new_sensitive",
        "considered high risk", "content exists risk",
        "(?:inappropriate|sensitive|prohibited|harmful|unsafe) content",
        r"violat\w* .{0,40}\b(?:usage|content|our|safety|use)\b.{0,20}\b(?:polic(?:y|ies)|guidelines)",
        r"\bsafety (?:system|filter|polic|check|guideline)",
        "blocked by .{0,12}(?:content|safety|moderation|usage)", "敏感内容",
        "sensitive (?:information|words?)", "(?:triggered|failed) (?:the )?moderation",  # Volcengine, Baidu
        # gateways, Bedrock, Vertex
        r"\bguardrails?\b.{0,30}\b(?:block|violat|interven|trigger)",
        r"\b(?:block|violat|reject|interven|trigger)\w*.{0,30}\b(?:guardrail|model armor)")),
    (errors.ContentFilterError, (errors.ServerError,), ("new_sensitive",)),  # MiniMax
    # Gemini; Anthropic and Groq, about an account
    (errors.PermissionDeniedError, (errors.InvalidRequestError,), (
        "user location is not supported", "only authorized for use with", "requires terms acceptance",
        r"\b(?:account|organi[sz]ation|project|team|workspace)\b.{0,40}"
        r"\b(?:disabled|deactivated|restricted|blocked|banned|terminated|locked|not active)")),
    # NVIDIA, LM Studio, Ollama, llama.cpp: an outage with the status of a caller's mistake
    (errors.ServerError, (errors.InvalidRequestError, errors.ModelNotFoundError), (
        r"\bdegraded function", r"\b(?:model|function|deployment|engine)\b.{0,60}\b(?:is|are) degraded",
        "(?:failed|unable|error|could not|cannot|can't)(?: to)? load(?:ing)?(?: the| this)? model",
        r"\bmodel\b.{0,60}\b(?:failed to load|is (?:still |currently )*loading|could not be loaded"
        "|not (?:been )?loaded|unloaded|crashed)",
        "no models? (?:is |are )?loaded", "model loading failed",
        "upstream (?:request failed|error|connect)", "temporarily un(?:available|able to)",
        "bad response status code 5", "(?:try again|retry) (?:later|in a few)")),
    # OpenRouter, servers compatible with OpenAI, DeepSeek, GLM, litellm, NVIDIA, Groq
    (errors.ModelNotFoundError, (errors.InvalidRequestError,), (
        "not a valid model", "models? (?:name )?(?:does )?not (?:be )?(?:found|exist)", "模型不存在",
        "(?:unknown|no such|invalid|unsupported|unrecognized|nonexistent) (?:model|deployment)"
        "(?! (?:param|sett|opt|output))",
        r"\b(?:model|deployment)\b.{1,100}?(?:does(?: not|n't) exist|(?:was |is |could )?not (?:be )?found"
        "|has been (?:decommissioned|deprecated|retired|removed|shut ?down)"
        "|is (?:not|no longer) (?:available|supported|served|deployed|valid|active|accessible|enabled)"
        "(?! with| for th)|is (?:unavailable|unknown|disabled|retired|inactive))",
        "no (?:healthy |available )?(?:deployments?|endpoints?|providers?|channels?) "
        "(?:were |was )?(?:available|found|for)(?! that support)",
        "not found for account", "llm provider not provided", "not supported model",
        "model identifier is invalid", "on-demand throughput is", "marked by provider as legacy")),
    # Ollama, OpenAI, Anthropic, Kimi; OpenRouter sends it with a 404
    (errors.UnsupportedRequestError, REJECTIONS, (
        "does not support", "doesn't support", "not supported with this", "not supported by this",
        "for this model", "no endpoints found that support")),
    (errors.UnsupportedRequestError, (errors.ServerError,), (  # llama.cpp
        "(?:image|audio) input is not supported", "requires? --jinja", "not (?:a )?multimodal",
        "unsupported content", "does not support (?:tool|image|vision|audio|thinking|function)")),
    # Kimi, GLM, OpenAI, Gemini; Ollama, in a stream too; gateways with a 400
    (errors.OverloadedError, (errors.RateLimitError, errors.ServerError, errors.InvalidRequestError), (
        "overloaded", "high demand", "访问量过大", "server busy", "maximum pending requests", "at capacity")),
    # MiniMax, Bedrock, Baidu: without a matching status or code
    (errors.RateLimitError, (errors.InvalidRequestError,), (
        "too many requests", r"\brate limit(?:ed|ing)?\b", "throttl", r"\bqps .{0,20}limit",
        "wait before trying again", "bad response status code 429")),
)  # fmt: skip
PHRASES = tuple([(meaning, refines, re.compile("|".join(texts))) for meaning, refines, texts in _PHRASES])

WINDOW = next(phrases for meaning, _, phrases in PHRASES if meaning is errors.ContextLengthError)
"""Phrases for a prompt that is longer than the model's context window."""

# OpenAI without a verified organisation, and compatible servers
NO_STREAMS = (
    "to stream this model", "not support stream", "n't support stream", "streaming is not supported",
    "stream is not supported", "streaming not supported",
)  # fmt: skip
