"""What the adapters make of refusals: the words of each vendor, and the error that they become."""

from collections import defaultdict
from typing import Any

import httpx

from ranvier.errors import RanvierError
from ranvier.providers._http.port import REQUEST_IDS
from support.providers.asking import opened
from support.providers.features_sent import Table, quoted
from support.providers.seven import APIS

ORDER = (
    *("RateLimitError", "QuotaExceededError", "OverloadedError", "ServerError", "AuthenticationError"),
    *("PermissionDeniedError", "ModelNotFoundError", "ContextLengthError", "ContentFilterError"),
    *("UnsupportedRequestError", "InvalidRequestError", "AttemptTimeoutError"),
)
"""The rows of the table."""

SAID: dict[str, str] = {
    "anthropic": """
        429 rate_limit_error
        429 rate_limit_error/enforced_spend_limit_reached
        402 billing_error
        400 invalid_request_error Your credit balance is too low
        529 overloaded_error
        500 api_error
        504 timeout_error
        401 authentication_error
        403 permission_error
        404 not_found_error
        400 invalid_request_error prompt is too long
        413 request_too_large
        400 invalid_request_error
    """,
    "openai": """
        429 rate_limit_exceeded
        429 insufficient_quota
        503 server_is_overloaded
        503 slow_down
        500 server_error
        401 invalid_api_key
        403 -
        404 model_not_found
        400 model_not_found
        400 context_length_exceeded
        400 content_policy_violation
        400 unsupported_parameter
        400 - 'max_tokens' is too large
        429 - Request too large for gpt-5.2
        412 - Account is suspended
        400 invalid_value
    """,
    "gemini": """
        429 RESOURCE_EXHAUSTED
        429 RESOURCE_EXHAUSTED/PerDay
        400 FAILED_PRECONDITION enable billing
        503 UNAVAILABLE
        500 INTERNAL
        504 DEADLINE_EXCEEDED
        400 INVALID_ARGUMENT/API_KEY_INVALID
        401 UNAUTHENTICATED
        403 PERMISSION_DENIED
        404 NOT_FOUND
        400 INVALID_ARGUMENT input token count
        400 INVALID_ARGUMENT
    """,
    "kimi": """
        429 rate_limit_reached_error
        429 exceeded_current_quota_error
        403 exceeded_current_quota_error
        429 engine_overloaded_error
        401 incorrect_api_key_error
        404 resource_not_found_error
        400 invalid_request_error exceeded model token limit
        400 content_filter considered high risk
        400 invalid_request_error
        500 server_error
    """,
    "glm": """
        429 1302
        429 1303
        429 1305
        429 1113
        429 1304
        429 1308
        429 1302 访问量过大
        500 1234
        401 1000
        403 1110
        403 1220
        400 1211
        400 1261
        400 1301
        400 1210
    """,
    "openrouter": """
        429 rate_limit_exceeded
        429 - free-models-per-day
        402 payment_required
        503 provider_overloaded
        502 provider_unavailable
        401 -
        403 -
        403 - input was flagged
        404 - no endpoints found that support tool use
        400 - not a valid model
        400 context_length_exceeded
        400 content_policy_violation
        400 -
        408 -
    """,
    "ollama": """
        429 -
        402 -
        503 - server busy
        503 - maximum pending requests exceeded
        500 - llama runner died
        401 -
        404 - model 'x' not found
        400 - prompt too long
        400 - does not support tools
        400 -
    """,
    "converse": """
        429 ThrottlingException
        429 ThrottlingException Too many tokens per day
        400 ServiceQuotaExceededException
        429 ModelNotReadyException
        503 ServiceUnavailableException
        500 InternalServerException
        424 ModelErrorException
        408 ModelTimeoutException
        403 UnrecognizedClientException
        403 ExpiredTokenException
        403 AccessDeniedException
        404 ResourceNotFoundException
        400 ValidationException Input is too long
        400 ValidationException This model doesn't support
        400 ValidationException
    """,
}
"""A status, the provider's code, and its message where that says more. OpenAI's APIs have the same.

Sources: the vendors' pages on errors, their SDKs, recorded bodies; phrases are parts of messages.
"""


def refusal(name: str, status: int, code: str, message: str) -> Any:
    """The body in which that provider says so."""
    kind, _, detail = code.partition("/")
    if name == "anthropic":
        details = {"details": {"error_code": detail}} if detail else {}
        return {"type": "error", "error": {"type": kind, "message": message, **details}}
    if name == "gemini":
        error: dict[str, Any] = {"code": status, "message": message, "status": kind}
        if detail == "PerDay":
            error["details"] = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}]
        elif detail:
            error["details"] = [{"reason": detail}]
        return {"error": error}
    if name == "kimi":
        return {"error": {"message": message, "type": code}}
    if name == "openrouter":
        metadata = {} if code == "-" else {"metadata": {"error_type": code}}
        return {"error": {"code": status, "message": message, **metadata}}
    if name == "ollama":
        return {"error": message}
    if name == "converse":  # where the code comes in a header, or so
        return {"__type": code, "message": message}
    return {"error": {"message": message, "code": None if code == "-" else code}}


async def raised(name: str, reply: httpx.Response) -> RanvierError:
    """What is raised for a reply."""
    async with opened(APIS[name], reply) as server:
        try:
            await server.complete(model="m")
        except RanvierError as error:
            return error
    raise AssertionError(f"{name} took a refusal for an answer")


# --- tables --------------------------------------------------------------------------------------


async def errors() -> Table:
    """Which words become which error."""
    became: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, lines in SAID.items():
        for line in filter(None, map(str.strip, lines.splitlines())):
            status, code, message = (*line.split(" ", 2), "")[:3]
            body = refusal(name, int(status), code, message or "no")
            error = await raised(name, httpx.Response(int(status), json=body))
            shown = " ".join(filter(None, (status, code.strip("-"), f'"{message}"' if message else "")))
            became[type(error).__name__][name].append(shown)
    assert set(became) <= set(ORDER), set(became) - set(ORDER)
    rows = [[f"`{kind}`", *("<br>".join(became[kind][name]) for name in SAID)] for kind in ORDER]
    return [["error", *SAID], *rows]


WAITS: dict[str, tuple[dict[str, str], Any]] = {
    "header `retry-after-ms: 1500`": ({"retry-after-ms": "1500", "retry-after": "9"}, {}),
    "header `retry-after: 1.5`": ({"retry-after": "1.5"}, {}),
    "header `retry-after: PT30S`": ({"retry-after": "PT30S"}, {}),
    "header `retry-after`, a date, with a header `date`": (
        {"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"},
        {},
    ),
    "`error.details[].retryDelay: 48s`": ({}, {"details": [{"retryDelay": "48s"}]}),
    "`retry_after: 5`, in `error` or next to it": ({}, {"retry_after": 5}),
    "`error.metadata.headers.retry-after: 7`": ({}, {"metadata": {"headers": {"Retry-After": "7"}}}),
    "in the message: `try again in 1m2.5s`": ({}, {"message": "Please try again in 1m2.5s."}),
    "in the message: `try again after 1 seconds`": ({}, {"message": "please try again after 1 seconds"}),
    "header `retry-after`, seconds since the epoch, with a header `date`": (
        {"retry-after": "1795348830", "date": "Sun, 22 Nov 2026 12:00:00 GMT"},
        {},
    ),
    "in the message: `try again in about 12 minutes`": ({}, {"message": "Try again in about 12 minutes."}),
    "in the message: `resets at 2026-11-22T13:00:00Z`, with a header `date`": (
        {"date": "Sun, 22 Nov 2026 12:00:00 GMT"},
        {"message": "Your limit resets at 2026-11-22T13:00:00Z."},
    ),
    "header `x-ratelimit-reset-after: 8`, if none remain": ({"x-ratelimit-reset-after": "8"}, {}),
    "header `retry-after: 172800`, more than a day": ({"retry-after": "172800"}, {}),
    "header `x-ratelimit-reset-requests: 12ms`": ({"x-ratelimit-reset-requests": "12ms"}, {}),
}
"""Where a provider may say how long to wait, the most telling first."""


async def waits() -> Table:
    """What `retry_after` is, whoever says it."""
    table = [["response", "`retry_after`"]]
    for said, (headers, error) in WAITS.items():
        replies = [
            httpx.Response(429, headers=headers, json={"error": {"message": "no", **error}}) for _ in APIS
        ]
        read = {getattr(await raised(*each), "retry_after", None) for each in zip(APIS, replies, strict=True)}
        (seconds,) = read  # the same for all
        table.append([said, "none" if seconds is None else f"{seconds:g} s"])
    return table


async def request_ids() -> Table:
    """Which header gives an error its `request_id`."""
    table = [["response", "`request_id`"]]
    said: dict[str, tuple[dict[str, str], Any]] = {
        f"header `{header}`": ({header: "mark"}, {}) for header in REQUEST_IDS
    }
    for where, (headers, more) in (said | {"`request_id` in the body": ({}, {"request_id": "mark"})}).items():
        read = {
            getattr(
                await raised(name, httpx.Response(500, headers=headers, json={"error": "no", **more})),
                "request_id",
                None,
            )
            for name in APIS
        }
        table.append([where, quoted("the id" if each == "mark" else "none" for each in read).strip("`")])
    return table
