"""The fixes for requests that only the Responses API rejects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Change, Fix

ENCRYPTED: Final = "reasoning.encrypted_content"
"""Includes what is needed to send reasoning back without state on the server."""

UNENCRYPTED: Final = re.compile(r"encrypted[_ ]content\b.{0,40}\bnot (?:supported|available|allowed)")
"""The model does not reason."""


@dataclass(frozen=True)
class LeaveOutEncrypted:
    """Does not ask for encrypted reasoning."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Remove it from `include`."""
        if ENCRYPTED not in fields.get("include", ()):
            return []
        fields["include"] = [each for each in fields["include"] if each != ENCRYPTED]
        return [Change("include", "left out")]


def response_fix(complaint: Complaint, fields: Json) -> Fix | None:
    """The fix for a complaint about a request of this API, or `None` if none is known."""
    asks_for_it = ENCRYPTED in fields.get("include", ())
    if asks_for_it and (UNENCRYPTED.search(complaint.text) or "include" in complaint.names):
        return LeaveOutEncrypted()
    return None
