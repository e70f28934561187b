"""Remembers which provider has stored a response, because later requests may refer to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

MAX_OWNERS: Final = 10_000
"""Maximum number of responses with a known provider; beyond that, the oldest is dropped."""


class Owners:
    """The providers of stored responses, by the id of the response."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def keep(self, response: str | None, provider: str) -> None:
        """Remember that `provider` has stored this response."""
        if response:
            self._known[response] = provider
            if len(self._known) > MAX_OWNERS:
                self._known.popitem(last=False)

    def of(self, fields: Mapping[str, Any]) -> str | None:
        """The provider that has the response to which a request refers, as far as known."""
        earlier = fields.get("previous_response_id")
        return self._known.get(earlier) if isinstance(earlier, str) else None
