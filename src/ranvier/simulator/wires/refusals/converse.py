"""The error replies of Bedrock: the class of each, which is sent in a header, and its message."""

from __future__ import annotations

from typing import Any, Final

_BY_MODEL: Final = "The model returned the following errors: "


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": kind, "message": message}


def _invalid(message: str) -> dict[str, Any]:
    return _error("ValidationException", message)


_UNKNOWN_KEY: Final = _error(
    "UnrecognizedClientException", "The security token included in the request is invalid."
)

REFUSALS: Final = {
    (400, "invalid_request"): _invalid("The provided request is not valid"),
    (400, "context_length"): _invalid(f"{_BY_MODEL}Input is too long for requested model."),
    (400, "unsupported_parameter"): _invalid(
        "This model doesn't support the temperature field. Remove temperature and try again."
    ),
    (400, "stream_refused"): _invalid("The model is unsupported for streaming: streaming is not supported"),
    (400, "content_filter"): _invalid(f"{_BY_MODEL}Output blocked by content filtering policy"),
    (400, "quota_exhausted"): _error(
        "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."
    ),
    (401, "auth"): _UNKNOWN_KEY,
    (403, "permission"): _error(
        "AccessDeniedException", "You don't have access to the model with the specified model ID."
    ),
    (403, "auth"): _UNKNOWN_KEY,
    (404, "model_not_found"): _error("ResourceNotFoundException", "Could not find the model {model}."),
    (404, "not_found"): _error("UnknownOperationException", "Unknown operation"),
    (408, "timeout"): _error("ModelTimeoutException", "Model has timed out in processing the request."),
    (413, "too_large"): _invalid("The request body is too large"),
    (424, "server_error"): _error(
        "ModelErrorException", "The model returned an error while it processed the request. Try again."
    ),
    (429, "rate_limit"): _error("ThrottlingException", "Too many requests, please wait before trying again."),
    (429, "quota_exhausted"): _error(
        "ThrottlingException", "Too many tokens per day, please wait before trying again."
    ),
    (429, "overloaded"): _error("ModelNotReadyException", "The model is not ready to serve requests."),
    (500, "server_error"): _error(
        "InternalServerException", "The system encountered an unexpected error during processing."
    ),
    (503, "overloaded"): _error("ServiceUnavailableException", "Bedrock is unable to process your request."),
    (504, "timeout"): _error("InternalServerException", "The request has timed out."),
}
