"""Error replies for causes that concern only this target, so another target may succeed.

The reasons are the same for all wires. A row here replaces fields of `(400, "invalid_request")`, with any
status that a fault requests. The messages come from reported bodies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

OWN_REASONS: Final = (
    "output_limit",
    "foreign_history",
    "no_pictures",
    "over_limit",
    "suspended",
    "not_loaded",
)
"""Too much output requested, a part written by another provider, no image input, a request larger than
a limit of the key, a suspended account, and a model that could not be loaded."""


def _field(message: str, param: str | None = None, **more: Any) -> dict[str, Any]:
    return {"message": message, "param": param, "code": None, **more}


_NO_PICTURES = "This model does not support image inputs"
_SUSPENDED = "Your account is suspended due to insufficient balance, please recharge your account"
_NOT_LOADED = "Failed to load model {model}"
_OVER_LIMIT = (
    "Request too large for {model} on tokens per min (TPM): Limit 30000, Requested 30601. The input or "
    "output tokens must be reduced in order to run successfully."
)

_ANYWHERE: Mapping[str, Mapping[str, Any]] = {
    "over_limit": {"message": _OVER_LIMIT},
    "not_loaded": {"message": _NOT_LOADED},
}

_OWN: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "anthropic": {
        "output_limit": {
            "message": "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for "
            "{model}"
        },
        "foreign_history": {"message": "messages.1.content.0: Invalid `signature` in `thinking` block"},
        "no_pictures": {
            "message": "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: 6000000 bytes "
            "> 5242880 bytes"
        },
        "suspended": {"message": "You're out of extra usage. Add more at claude.ai/settings/usage."},
    },
    "openai": {
        "output_limit": _field(
            "max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas "
            "you provided 64000.",
            "max_tokens",
            code="invalid_value",
        ),
        "foreign_history": _field(
            "The encrypted content gAAA... could not be verified.", code="invalid_encrypted_content"
        ),
        "no_pictures": _field(
            "Invalid content type. image_url is only supported by certain models.", "messages.[0].content"
        ),
        "over_limit": _field(_OVER_LIMIT, type="tokens", code="rate_limit_exceeded"),
        "suspended": _field("Your account is not active.", code="billing_not_active"),
        "not_loaded": _field(_NOT_LOADED),
    },
    "gemini": {
        "output_limit": {
            "message": "Unable to submit request because it has a maxOutputTokens value of 100000 but the "
            "supported range is from 1 (inclusive) to 65537 (exclusive)."
        },
        "foreign_history": {
            "message": "Function call is missing a thought_signature in functionCall parts. This is required "
            "for tools to work correctly."
        },
        "no_pictures": {"message": "Image input modality is not enabled for models/{model}"},
        "suspended": {"message": "Your prepayment credits are depleted."},
    },
    "kimi": {
        "output_limit": {"message": "Invalid request: max_tokens must be less than or equal to 32768"},
        "foreign_history": {
            "message": "thinking is enabled but reasoning_content is missing in assistant tool call message "
            "at index 1"
        },
        "no_pictures": {"message": _NO_PICTURES},
        "suspended": {"message": _SUSPENDED},
    },
    "glm": {
        "output_limit": {"code": "1210", "message": "max_tokens 参数非法。取值范围为 [1, 98304]"},
        "foreign_history": {"code": "1214", "message": "reasoning_content 参数非法。请检查文档。"},
        "no_pictures": {"code": "1210", "message": "unknown variant `image_url`, expected `text`"},
        "suspended": {"code": "1113", "message": "您的账户已欠费。请充值后重试。"},
    },
    "openrouter": {
        "output_limit": {"message": "max_tokens: 128000 exceeds the maximum of 32768 for {model}"},
        "foreign_history": {"message": "Corrupted thought signature."},
        "no_pictures": {"message": "No endpoints found that support image input"},
        "over_limit": {
            "message": "This request requires more credits, or fewer max_tokens. You requested up to 32000 "
            "tokens, but can only afford 1234."
        },
        "suspended": {"message": "Key limit exceeded (total limit)."},
    },
    "ollama": {
        "output_limit": {"message": "num_predict must be less than or equal to 8192"},
        "foreign_history": {"message": "invalid message: thinking blocks are not supported by {model}"},
        "no_pictures": {"message": "this model is missing data required for image input"},
        "suspended": {"message": "you have reached your session usage limit, upgrade for higher limits"},
        "not_loaded": {"message": "model failed to load, this may be due to resource limitations"},
    },
}

OWN_REFUSALS: Final = {wire: {**_ANYWHERE, **own} for wire, own in _OWN.items()}
OWN_REFUSALS["vertex"] = OWN_REFUSALS["gemini"]
OWN_REFUSALS["azure"] = OWN_REFUSALS["openai"]
"""The fields that replace those of the usual body, by wire and reason."""
