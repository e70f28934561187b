"""Finds the fix for a history that a server rejected, by the message of its error.

Opaque parts may be rejected by their own issuer: a key was rotated, a model was replaced behind its name, a
gateway chose another account. They are then omitted from the request. Sources: the bodies in reports, such as
hermes-agent #24401 and claude-code #11978 (Anthropic), vercel/ai #15664 (Vertex), litellm #16895 (Gemini),
openhuman #3094 (DeepSeek).
"""

from __future__ import annotations

import re
from typing import Final

from ranvier.providers._history.opaque import LeaveOutOpaque, opaque_parts
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import REJECTED, Complaint
from ranvier.providers._repairs.fixes import Fix, LeaveOut
from ranvier.providers._repairs.history_changes import (
    FillReasoning,
    LeaveOutIds,
    LeaveOutReasoning,
    ShortenIds,
    SignCalls,
)
from ranvier.providers.chat_completions.reasoning import REASONING

UNSIGNED: Final = re.compile(r"missing (?:a |the )?[`'\"]?thought[_ ]?signature")
"""Gemini, and gateways before it: a call in the history has no signature."""

UNTHOUGHT: Final = re.compile(r"expected [`'\"]?thinking.{0,60}found [`'\"]?(?:tool_use|text)")
"""Anthropic: a model with a thinking budget requires its own thinking before a call, and there is none."""

OPAQUE: Final = re.compile(
    r"signature[`'\"]* in [`'\"]*thinking|thinking\.signature|redacted_thinking"
    r"|(?:invalid|corrupted|malformed|expired) [`'\"]*thought[_ ]?signature"
    r"|thought[_ ]?signature[`'\"]* (?:is|was|are|could|cannot|can't)\b"
    r"|encrypted[_ ](?:content|reasoning|thinking)|\brs_\w+[`'\"]* (?:was )?not found"
)
"""A signature or encrypted reasoning is rejected."""

REQUIRED: Final = re.compile(
    rf"{REASONING}.{{0,60}}(?:must|missing|required)|(?:missing|required|must).{{0,40}}{REASONING}"
)
"""A turn of the model lacks its reasoning, which is required."""

IDS_OF_CALLS: Final = re.compile(
    r"tool[_ ]call[_ ]id.{0,80}(?:must be a-z|too long|length|pattern)"
    r"|tool_calls\W*\d+\W*id\b.{0,60}(?:too long|length|pattern)"
    r"|tool_?use(?:_|\.)?id\b.{0,80}(?:pattern|constraint|too long|length)"
)
"""The format of an id is rejected."""

UNKNOWN_IDS: Final = re.compile(r"unknown name .{0,4}\bid\b.{0,4} at .{0,40}function_?(?:call|response)")
"""Vertex, and gateways before it: calls may not have ids."""


def history_fix(complaint: Complaint, fields: Json, *, signs: bool) -> Fix | None:
    """The fix for a complaint about the history of a request, or `None` if none is known.

    `signs` is true for a Gemini model that rejects calls without a signature.
    """
    text = complaint.text
    if UNSIGNED.search(text):
        return SignCalls()
    if UNTHOUGHT.search(text):
        return LeaveOut(("thinking",), lasting=False)
    if OPAQUE.search(text):
        return LeaveOutOpaque(opaque_parts(fields), signs)
    if REASONING in text or REASONING in complaint.names:
        return _reasoning_fix(text)
    if UNKNOWN_IDS.search(text):
        return LeaveOutIds()
    return ShortenIds() if IDS_OF_CALLS.search(text) else None


def _reasoning_fix(text: str) -> Fix | None:
    if REQUIRED.search(text) and not REJECTED.search(text):
        return FillReasoning()
    return LeaveOutReasoning() if REJECTED.search(text) else None
