"""The keys of a dict: each is taken by its reader, or rejected in the end."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ranvier.errors import ConfigurationError


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

    def add(self, more: Mapping[str, Any]) -> None:
        """Further keys of the same dict; those that are there already stay."""
        self._left = {key: value for key, value in more.items() if not _is_empty(value)} | self._left

    def take(self, key: str, default: Any = None) -> Any:
        """The value of `key`; `default` where it is missing or says nothing."""
        return self._left.pop(key, default)

    def first(self, *keys: str) -> Any:
        """The value of the first of several names of one thing; the others are left over, and so rejected."""
        return next((self._left.pop(key) for key in keys if key in self._left), None)

    def text(self, *keys: str) -> str:
        """The same where it has to be a text; empty where it is missing."""
        value = self.first(*keys)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ConfigurationError(f"{self.where}.{keys[0]} is a {type(value).__name__}: give a str")
        return value

    def mapping(self, *keys: str) -> Mapping[str, Any]:
        """The same where it has to be a dict."""
        value = self.first(*keys)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"{self.where}.{keys[0]} is a {type(value).__name__}: give a dict")
        return value

    def entries(self, key: str) -> list[Any] | tuple[Any, ...]:
        """The same where it has to be a list."""
        value = self._left.pop(key, ())
        if not isinstance(value, (list, tuple)):
            raise ConfigurationError(f"{self.where}.{key} is a {type(value).__name__}: give a list")
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
