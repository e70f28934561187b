"""What the finish reasons of providers mean, on every wire: gateways pass on those of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ranvier.errors.provider import ContentFilterError
from ranvier.messages.response import FinishReason
from ranvier.providers._reading.reading import NoAnswerError, text

MEANINGS: Final[Mapping[str, FinishReason]] = {
    **dict.fromkeys(
        (
            *("stop", "end_turn", "stop_sequence", "completed", "complete"),
            "eos",  # some gateways
        ),
        FinishReason.STOP,
    ),
    **dict.fromkeys(
        (
            *("length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"),
            "model_length",  # Mistral
        ),
        FinishReason.LENGTH,
    ),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), FinishReason.TOOL_CALLS),
    **dict.fromkeys(
        (
            *("content_filter", "refusal", "guardrail_intervened", "content_filtered"),
            *("safety", "recitation", "blocklist", "prohibited_content", "spii", "model_armor"),
            *("image_safety", "image_prohibited_content", "image_recitation"),
            "sensitive",  # GLM
        ),
        FinishReason.CONTENT_FILTER,
    ),
}
"""The meaning of each finish reason, in lower case; any other is `OTHER`."""

NO_REASON: Final = frozenset(("null", "none", "undefined", "finish_reason_unspecified"))
"""What gateways, and Google, send for no finish reason."""

BROKEN_OFF: Final = frozenset((
    *("network_error", "error", "server_error", "internal_error", "upstream_error", "provider_error"),
    *("timeout", "abort", "aborted", "cancelled", "failed", "insufficient_system_resource"),
))  # fmt: skip
"""Finish reasons that mean an error: the answer was cut off on the provider's side.

From GLM, OpenRouter, vLLM, DeepSeek, and gateways that translate another wire.
"""

MALFORMED: Final = frozenset((
    *("malformed_function_call", "malformed_response"),  # Gemini
    *("malformed_tool_use", "malformed_model_output"),  # Bedrock
))  # fmt: skip
"""The provider could not read what the model wrote, so that a part of the answer is missing."""

OF_CALLS: Final = frozenset(("unexpected_tool_call", "too_many_tool_calls"))
"""Gemini: what is wrong with the calls of an answer, which may hold them all the same."""


def stop_word(value: object, what: str) -> str:
    """The provider's finish reason; empty while there is none, however the provider writes that."""
    word = text(value or None, what)
    return "" if word.lower() in NO_REASON else word


def finish_reason(raw: str, *, answered: bool, calls_tools: bool, refusal: str = "") -> FinishReason:
    """The `FinishReason` for the provider's; with tool calls, some send `stop`, or nothing.

    Args:
        raw: The provider's finish reason; empty without one.
        answered: The answer has content.
        calls_tools: It has a tool call.
        refusal: What the model or its provider says instead of an answer, or of the rest of it.

    Raises:
        NoAnswerError: it was cut off, is broken or lacks its tool call, or a content filter left nothing.
    """
    word = raw.lower().partition(":")[0].strip()  # Google adds its own: `content_filter: SAFETY`
    if word in BROKEN_OFF:
        raise NoAnswerError(f"the provider cut the answer off: {raw}")
    if word in MALFORMED:
        raise NoAnswerError(f"the model's answer is broken: {raw}")
    reason = MEANINGS.get(word, FinishReason.OTHER)
    if refusal or reason is FinishReason.CONTENT_FILTER:
        if not answered:
            raise NoAnswerError(f"stopped by the content filter: {refusal[:300] or raw}", ContentFilterError)
        return FinishReason.CONTENT_FILTER
    if calls_tools:
        return FinishReason.TOOL_CALLS if reason is FinishReason.STOP or not raw else reason
    if reason is FinishReason.TOOL_CALLS or word in OF_CALLS:
        raise NoAnswerError(f"a tool call is missing: the finish reason is {raw}, and there is none")
    return reason
