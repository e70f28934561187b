"""What a server refuses of the history, by its words, and the fix for it.

Opaque parts may be refused by their own issuer: a key was rotated, a model was replaced behind its name, a
gateway chose another account. Then the request goes without them. Sources: the bodies in reports, such as
hermes-agent #24401 and claude-code #11978 (Anthropic), vercel/ai #15664 (Vertex), litellm #16895 (Gemini),
openhuman #3094 (DeepSeek).
"""

from __future__ import annotations

import re
from typing import Final

from ranvier.providers._complaints import REFUSED, Complaint
from ranvier.providers._fixes import Fix, LeaveOut
from ranvier.providers._history_changes import (
    FillReasoning,
    LeaveOutIds,
    LeaveOutReasoning,
    ShortenIds,
    SignCalls,
)
from ranvier.providers._opaque import LeaveOutOpaque, opaque_parts
from ranvier.providers._reading import Json
from ranvier.providers._reasoning import REASONING

UNSIGNED: Final = re.compile(r"missing (?:a |the )?[`'\"]?thought[_ ]?signature")
"""Gemini, and whoever stands before it: a call in the history bears no signature."""

UNTHOUGHT: Final = re.compile(r"expected [`'\"]?thinking.{0,60}found [`'\"]?(?:tool_use|text)")
"""Anthropic: a model that thinks by a budget wants a thought of its own before a call, which is not there."""

OPAQUE: Final = re.compile(
    r"signature[`'\"]* in [`'\"]*thinking|thinking\.signature|redacted_thinking"
    r"|(?:invalid|corrupted|malformed|expired) [`'\"]*thought[_ ]?signature"
    r"|thought[_ ]?signature[`'\"]* (?:is|was|are|could|cannot|can't)\b"
    r"|encrypted[_ ](?:content|reasoning|thinking)|\brs_\w+[`'\"]* (?:was )?not found"
)
"""A signature, or encrypted reasoning, is not taken."""

DEMANDED: Final = re.compile(
    rf"{REASONING}.{{0,60}}(?:must|missing|required)|(?:missing|required|must).{{0,40}}{REASONING}"
)
"""A turn of the model lacks its reasoning."""

IDS_OF_CALLS: Final = re.compile(
    r"tool[_ ]call[_ ]id.{0,80}(?:must be a-z|too long|length|pattern)"
    r"|tool_calls\W*\d+\W*id\b.{0,60}(?:too long|length|pattern)"
    r"|tool_?use(?:_|\.)?id\b.{0,80}(?:pattern|constraint|too long|length)"
)
"""The form of an id."""

UNKNOWN_IDS: Final = re.compile(r"unknown name .{0,4}\bid\b.{0,4} at .{0,40}function_?(?:call|response)")
"""Vertex, and gateways before it: calls have no ids."""


def history_fix(complaint: Complaint, fields: Json, *, signs: bool) -> Fix | None:
    """The fix for a complaint about the history of a request; `None` where none is known.

    With `signs`, a model of Gemini refuses calls that bear no signature.
    """
    text = complaint.text
    if UNSIGNED.search(text):
        return SignCalls()
    if UNTHOUGHT.search(text):
        return LeaveOut(("thinking",), lasting=False)
    if OPAQUE.search(text):
        return LeaveOutOpaque(opaque_parts(fields), signs)
    if REASONING in text or REASONING in complaint.names:
        return _fix_of_reasoning(text)
    if UNKNOWN_IDS.search(text):
        return LeaveOutIds()
    return ShortenIds() if IDS_OF_CALLS.search(text) else None


def _fix_of_reasoning(text: str) -> Fix | None:
    if DEMANDED.search(text) and not REFUSED.search(text):
        return FillReasoning()
    return LeaveOutReasoning() if REFUSED.search(text) else None
