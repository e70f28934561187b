"""Secrecy: the key never appears in errors, tracebacks or logs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from ranvier.testing.contract.given import Given, answering, rule
from ranvier.testing.contract.scene import Scene
from ranvier.testing.loopback import Visit

OURS = str(Path(__file__).parents[1])
"""The folder of this kit, whose own frames may hold the key."""


class Secrecy(Given):
    """Rules about where the key must not appear."""

    @rule
    async def test_no_error_shows_the_key(self, scene: Scene) -> AsyncIterator[str]:
        """Neither its message, its attributes nor its chained errors, even if the server repeats the key."""
        async for name, error in self._errors(scene, f"the key {self.key} is wrong"):
            for where in _shown(error, self.key):
                yield f"{name}: the key is in {where}"
        if self.key in repr(scene.provider):
            yield f"the key is in the repr of the provider: {scene.provider!r:.80}"

    @rule
    async def test_no_traceback_shows_the_key(self, scene: Scene) -> AsyncIterator[str]:
        """Error reports print the local variables of every frame in a traceback."""
        async for name, error in self._errors(scene, "no"):
            for link in _chain(error):
                for where in _locals(link, self.key):
                    yield f"{name}: the key is in {where}"

    @rule
    async def test_no_log_shows_the_key(self, scene: Scene) -> AsyncIterator[str]:
        """At any level."""
        with _logged() as lines:
            async for _ in self._errors(scene, f"the key {self.key} is wrong"):
                pass
            for way in scene.ways:
                await scene.outcome(way, self._good(way))
        for line in sorted({line for line in lines if self.key in line}):
            yield f"the key is logged: {line:.80}"

    async def _errors(self, scene: Scene, words: str) -> AsyncIterator[tuple[str, Exception]]:
        """The errors of calls to a server that repeats `words` in every reply."""
        content = words.encode()
        scripts = {
            "a 401": answering(self.refusal(401, words), 401),
            "a 500": answering(content, 500),
            "a page": answering(b"<html><title>%b</title></html>" % content, content_type="text/html"),
            "half an answer": answering(b'{"text": "%b' % content),
            "a broken connection": Visit.reset,
        }
        for way in scene.ways:
            for name, script in scripts.items():
                outcome = await scene.outcome(way, script)
                if isinstance(outcome, Exception):
                    yield f"{name}, {way}", outcome


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all errors that a traceback shows with it."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            behind = link.__cause__ if link.__suppress_context__ else link.__context__
            pending += [behind, *getattr(link, "exceptions", ())]


def _shown(error: BaseException, key: str) -> Iterator[str]:
    for link in _chain(error):
        name = type(link).__name__
        texts = {"str": str(link), "repr": repr(link)} | {
            attribute: repr(value) for attribute, value in vars(link).items()
        }
        yield from (f"{where} of {name}" for where, text in texts.items() if key in text)


def _locals(error: BaseException, key: str) -> Iterator[str]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if not code.co_filename.startswith(OURS):
            place = f"{code.co_qualname} ({Path(code.co_filename).name}:{line})"
            for name, value in frame.f_locals.items():
                if key in _printed(value):
                    yield f"the local variable {name} of {place}"


def _printed(value: object) -> str:
    try:
        return repr(value)
    except Exception:
        return ""


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect every line that is logged during the block, at any level."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))  # with the traceback, where one is logged

    root, handler = logging.getLogger(), Kept()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
