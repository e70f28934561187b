"""The fixes for requests that only the Responses API rejects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Change, Fix, LeaveOut

UNENCRYPTED: Final = re.compile(r"encrypted[_ ]content\W+(?:is |are )?not (?:supported|available|allowed)")
"""The model does not reason."""

SUMMARY: Final = re.compile(r"reasoning[_. ]summar(?:y|ies)|summary\b")
"""Summaries of reasoning are rejected, for example to an organization that is not verified."""


@dataclass(frozen=True)
class NotEncrypted:
    """Does not ask for encrypted reasoning."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Remove it from `include`."""
        include = fields.get("include")
        kept = [each for each in include if "encrypted" not in str(each)] if isinstance(include, list) else []
        if not isinstance(include, list) or len(kept) == len(include):
            return []
        del fields["include"]
        fields |= {"include": kept} if kept else {}
        return [Change("include", "left out")]


def response_fix(complaint: Complaint, fields: Json) -> Fix | None:
    """The fix for a complaint about a request of this API, or `None` if none is known."""
    if UNENCRYPTED.search(complaint.text) or "include" in complaint.names:
        return NotEncrypted()
    if "summary" in complaint.names or SUMMARY.search(complaint.text):
        return LeaveOut(("reasoning_summary",))
    return None
