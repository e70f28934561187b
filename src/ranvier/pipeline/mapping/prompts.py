"""Reads prompts one by one, and computes their keys."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sized,
)
from dataclasses import dataclass
from typing import Any

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.build import Prompt, build_request
from ranvier.messages.characters import whole_characters
from ranvier.messages.saved.dumping import dump
from ranvier.pipeline.asking.users_function import ask
from ranvier.pipeline.mapping.answers import Answers
from ranvier.pipeline.mapping.settings import check_function

logger = logging.getLogger("ranvier.map")

MAX_KEY = 1024
"""The maximum length of a key, in characters."""

BREATH = 500
"""The number of prompts that are read without yielding to the event loop."""


@dataclass(frozen=True, slots=True)
class PendingPrompt:
    """A prompt that is to be sent.

    Attributes:
        turn: Its position among the prompts that are sent.
        index: Its position among all prompts.
    """

    turn: int
    index: int
    key: str
    item: Any


class Prompts:
    """The prompts of a run, read when there is room for the next one.

    Attributes:
        total: The number of prompts, if they have a length or once all are read.
        skipped: The number of prompts whose answers are in the file already.
    """

    def __init__(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        key: Callable[[Any], str | int] | None,
        prompt: Callable[[Any], Prompt] | None,
        total: int | None,
    ) -> None:
        for name, function in (("key", key), ("prompt", prompt)):
            if function is not None:
                check_function(name, function, "item", "a plain function of a prompt")
        if total is not None:
            validation.count("total", total, least=0)
        self.total = len(items) if total is None and isinstance(items, Sized) else total
        self.skipped = 0
        self.known: Answers | None = None
        self._key, self._prompt = key, prompt
        self._items = _iterator(items)
        self._turn = self._index = 0
        self._in_flight: set[str] = set()  # the keys of calls in flight

    async def next(self) -> PendingPrompt | None:
        """The next prompt to send; `None` after the last one."""
        while True:
            if self._index % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            try:
                item = (
                    await anext(self._items) if isinstance(self._items, AsyncIterator) else next(self._items)
                )
            except (StopIteration, StopAsyncIteration):
                self.total = self._index
                return None
            index, self._index = self._index, self._index + 1
            key = self._key_of(item, index)
            if self._is_new(key):
                turn, self._turn = self._turn, self._turn + 1
                return PendingPrompt(turn, index, key, item)
            self.skipped += 1

    async def aclose(self) -> None:
        """Close the iterable if it is a generator; call it in the task that has read it."""
        try:
            if isinstance(self._items, AsyncGenerator):
                await self._items.aclose()
            elif isinstance(self._items, Generator):
                self._items.close()
        except Exception:
            logger.exception("the generator of prompts raised an error as it was closed")

    def ended(self, pending: PendingPrompt) -> None:
        """Note that the call for `pending` has ended."""
        self._in_flight.discard(pending.key)

    def _is_new(self, key: str) -> bool:
        if self.known is None:
            return True
        if key in self._in_flight or key in self.known:
            return False
        self._in_flight.add(key)
        return True

    def prompt_of(self, pending: PendingPrompt) -> Prompt:
        """The prompt to send."""
        if self._prompt is None:
            return pending.item  # type: ignore[no-any-return]  # because: `complete` checks it
        prompt: Prompt = ask("prompt", self._prompt, pending.item)
        return prompt

    def _key_of(self, item: Any, index: int) -> str:
        if self._key is not None:
            return _checked(ask("key", self._key, item), index)
        if self.known is None:
            return str(index)
        return f"{index}-{hashlib.blake2b(_content(item, index), digest_size=8).hexdigest()}"


def _iterator(items: Any) -> Iterator[Any] | AsyncIterator[Any]:
    if isinstance(items, Mapping):
        raise ConfigurationError(
            "prompts is a mapping: give prompts.items(), with key=lambda item: item[0] and "
            "prompt=lambda item: item[1]"
        )
    if isinstance(items, (str, bytes)) or not isinstance(items, (Iterable, AsyncIterable)):
        raise ConfigurationError(
            f"prompts is a {type(items).__name__}: give a list, or another iterable, of prompts"
        )
    return aiter(items) if isinstance(items, AsyncIterable) else iter(items)


def _checked(key: object, index: int) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or whole_characters(key) != key:
        raise ConfigurationError(
            f"key=... returned a {type(key).__name__} for prompt {index}: return a number, or a str of 1 to "
            f"{MAX_KEY} characters, none of which is half of a surrogate pair"
        )
    return key


def _content(item: Any, index: int) -> bytes:
    """The bytes of a prompt for the digest in its default key."""
    if isinstance(item, str):
        return item.encode(errors="surrogatepass")
    try:
        return dump(build_request(item, {}).messages).encode(errors="surrogatepass")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"prompt {index} has no key: give key=..., a function of a prompt ({error})"
        ) from None
