"""The keys of a dict: each is taken by its reader, or rejected in the end."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ranvier.errors.configuration import ConfigurationError

T = TypeVar("T")


class Keys:
    """One dict, of which every key that says something has to be taken.

    `None` and empty values say nothing: SDKs write them for whatever an answer does not have.

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
        """Add a key; False where it is there already and says something else."""
        return _is_empty(value) or bool(self._left.setdefault(key, value) == value)

    def take(self, key: str, default: Any = None) -> Any:
        """The value of `key`; `default` where it is missing or says nothing."""
        return self._left.pop(key, default)

    def first(self, *keys: str) -> Any:
        """The value of the first of several names of one thing; the others are left over, and so rejected."""
        return next((self._left.pop(key) for key in keys if key in self._left), None)

    def text(self, key: str) -> str:
        """The value of `key`, which has to be a text; empty where it is missing."""
        return self._typed(key, "", str, "a str")

    def flag(self, key: str) -> bool:
        """The value of `key`, which has to be True or False; False where it is missing."""
        return self._typed(key, False, bool, "True or False")

    def mapping(self, key: str) -> Mapping[str, Any]:
        """The value of `key`, which has to be a dict; empty where it is missing."""
        return self._typed(key, {}, Mapping, "a dict")

    def entries(self, key: str) -> Sequence[Any]:
        """The value of `key`, which has to be a list; empty where it is missing."""
        return self._typed(key, (), (list, tuple), "a list")

    def _typed(self, key: str, default: T, kind: Any, wanted: str) -> T:
        value: T = self._left.pop(key, default)
        if not isinstance(value, kind):
            raise ConfigurationError(f"{self.where}.{key} is a {type(value).__name__}: give {wanted}")
        return value

    def extra(self, *keys: str) -> dict[str, Any] | None:
        """Copies of fields that are passed on as they are; `None` where there are none."""
        return {key: copy.deepcopy(self._left.pop(key)) for key in keys if key in self._left} or None

    def end(self) -> None:
        """Reject what nobody took.

        Raises:
            ConfigurationError: a key is left; it is named, its value is not.
        """
        for key in self._left:
            raise ConfigurationError(
                f"{self.where}: the key {key!r:.60} is not understood here: remove it, or build the message "
                "from Message, Text and Tool, whose extra={...} passes fields on as they are"
            )


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)
