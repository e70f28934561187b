"""Opaque data of answers, which only its issuer accepts again: signatures and encrypted reasoning.

Who issued it, and to whom, stands in the data itself: a simulator accepts it after a restart, too.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final

from ranvier.simulator.dialogue import Answer

DOCUMENTED: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""What Gemini accepts as the signature of a call that another model made."""


def account_of(provider: str, key: str | None) -> str:
    """A name for the account that `key` belongs to, without the key."""
    return f"{zlib.crc32(f'{provider} {key}'.encode()):08x}"


def signature_of(answer: Answer) -> str:
    """Anthropic's signature of the thoughts of `answer`, at OpenRouter, too."""
    return f"sig-{answer.id}-{_checksum(''.join(answer.reasoning))}"


def signs(signature: str, thoughts: str) -> bool:
    """True if Anthropic issued `signature` for these thoughts, unchanged; any account may return them."""
    return signature.startswith("sig-") and signature.endswith(f"-{_checksum(thoughts)}")


def thought_signature_of(answer: Answer) -> str:
    """Gemini's signature, in base64."""
    return base64.b64encode(f"sig-{answer.id}".encode()).decode()


def is_thought_signature(signature: str) -> bool:
    """True if Gemini issued it, or documents it."""
    try:
        decoded = base64.b64decode(signature, validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = signature
    return decoded in DOCUMENTED or (decoded != signature and decoded.startswith("sig-"))


def encrypted_for(answer: Answer) -> str:
    """The encrypted reasoning of `answer`, as OpenAI gives it to the account that asked."""
    return f"gAAA{answer.id}-{answer.account}"


def is_encrypted_for(account: str, encrypted: str) -> bool:
    """True if OpenAI gave it to this account."""
    return encrypted.startswith("gAAA") and encrypted.endswith(f"-{account}")


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode('utf-8', 'replace')):08x}"
