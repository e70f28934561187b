"""Remembers which provider has stored a response, because later requests may refer to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ranvier.messages.response import Response

MAX_OWNERS: Final = 30_000
"""Maximum number of ids with a known provider; beyond that, the oldest is dropped."""


class Owners:
    """The providers of stored responses, by the ids of the responses, of their items and conversations."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def keep(self, response: Response) -> None:
        """Remember that the provider of this response has stored it."""
        body = response.raw if isinstance(response.raw, Mapping) else {}
        stored = (response.id, _id_of(body.get("conversation")), *_ids_of(body.get("output")))
        for each in filter(None, stored):
            self._known[each] = response.provider
            self._known.move_to_end(each)
        while len(self._known) > MAX_OWNERS:
            self._known.popitem(last=False)

    def of(self, fields: Mapping[str, Any]) -> str | None:
        """The provider that has what a request refers to, as far as known."""
        earlier = (fields.get("previous_response_id"), _id_of(fields.get("conversation")))
        referred = (*earlier, *_ids_of(fields.get("input")))
        owners = (self._known.get(each) for each in referred if isinstance(each, str))
        return next(filter(None, owners), None)


def _id_of(value: object) -> str | None:
    """The id of an object, which may stand for it."""
    found = value.get("id") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else None


def _ids_of(items: object) -> Iterator[str | None]:
    """The ids of items, the latest first."""
    if isinstance(items, list):
        yield from (_id_of(each) for each in reversed(items) if isinstance(each, Mapping))
