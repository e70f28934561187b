"""The keys of a dict: each is read, or rejected at the end."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ranvier.errors.configuration import ConfigurationError

T = TypeVar("T")


class Keys:
    """A dict whose keys must all be read, except those with `None` or an empty value.

    SDKs write `None` and empty values for every field that an answer does not have.

    Args:
        given: The dict.
        where: Its position, for errors: `messages[3].content[1]`.
    """

    __slots__ = ("_left", "where")

    def __init__(self, given: Mapping[Any, Any], where: str) -> None:
        self._left = {key: value for key, value in given.items() if not _is_empty(value)}
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def put(self, key: str, value: Any) -> bool:
        """Add a key; False if it already exists with a different value."""
        return _is_empty(value) or bool(self._left.setdefault(key, value) == value)

    def take(self, key: str, default: Any = None) -> Any:
        """The value of `key`; `default` if it is missing or empty."""
        return self._left.pop(key, default)

    def first(self, *keys: str) -> Any:
        """The value of the first of several names of one field; the others stay unread, so rejected."""
        return next((self._left.pop(key) for key in keys if key in self._left), None)

    def text(self, key: str) -> str:
        """The value of `key`, which must be a str; empty if it is missing."""
        return self._typed(key, "", str, "a str")

    def flag(self, key: str) -> bool:
        """The value of `key`, which must be True or False; False if it is missing."""
        return self._typed(key, False, bool, "True or False")

    def mapping(self, key: str) -> Mapping[str, Any]:
        """The value of `key`, which must be a dict; empty if it is missing."""
        return self._typed(key, {}, Mapping, "a dict")

    def entries(self, key: str) -> Sequence[Any]:
        """The value of `key`, which must be a list; empty if it is missing."""
        return self._typed(key, (), (list, tuple), "a list")

    def _typed(self, key: str, default: T, kind: Any, wanted: str) -> T:
        value: T = self._left.pop(key, default)
        if not isinstance(value, kind):
            raise ConfigurationError(f"{self.where}.{key} is a {type(value).__name__}: give {wanted}")
        return value

    def extra(self, *keys: str) -> dict[str, Any] | None:
        """Copies of fields that are passed on unchanged; `None` if there are none."""
        return {key: copy.deepcopy(self._left.pop(key)) for key in keys if key in self._left} or None

    def end(self) -> None:
        """Reject unread keys.

        Raises:
            ConfigurationError: a key was not read; the error names it without its value.
        """
        for key in self._left:
            raise ConfigurationError(
                f"{self.where}: the key {key!r:.60} is not understood here: remove it, or build the message "
                "from Message, Text and Tool, whose extra={...} passes fields on unchanged"
            )


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)
