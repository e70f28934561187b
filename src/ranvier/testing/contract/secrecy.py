"""The key arrives where it should, and is never seen anywhere else."""

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
"""The code of this kit, whose own frames may know the key."""


class Secrecy(Given):
    """What may be told of a key: nothing."""

    @rule
    async def test_no_error_shows_the_key(self, scene: Scene) -> AsyncIterator[str]:
        """Neither its message nor what is behind it, though the server says the key back to us."""
        async for name, error in self._errors(scene, f"the key {self.key} is wrong"):
            for where in _shown(error, self.key):
                yield f"{name}: the key stands in {where}"
        if self.key in repr(scene.provider):
            yield f"the key stands in the repr of the provider: {scene.provider!r:.80}"

    @rule
    async def test_no_traceback_shows_the_key(self, scene: Scene) -> AsyncIterator[str]:
        """Error reports print the local variables of every frame that an error has passed."""
        async for name, error in self._errors(scene, "no"):
            for link in _chain(error):
                for where in _locals(link, self.key):
                    yield f"{name}: the key stands in {where}"

    @rule
    async def test_no_log_shows_the_key(self, scene: Scene) -> AsyncIterator[str]:
        """At no level."""
        with _logged() as lines:
            async for _ in self._errors(scene, f"the key {self.key} is wrong"):
                pass
            for way in scene.ways:
                await scene.outcome(way, self._good(way))
        for line in sorted({line for line in lines if self.key in line}):
            yield f"the key is logged: {line:.80}"

    async def _errors(self, scene: Scene, words: str) -> AsyncIterator[tuple[str, Exception]]:
        """The errors of calls to a server that says these words."""
        said = words.encode()
        scripts = {
            "a refusal": answering(self.refusal(401, words), 401),
            "a failure": answering(said, 500),
            "a page": answering(b"<html><title>%b</title></html>" % said, content_type="text/html"),
            "half an answer": answering(b'{"text": "%b' % said),
            "a broken connection": Visit.reset,
        }
        for way in scene.ways:
            for name, script in scripts.items():
                outcome = await scene.outcome(way, script)
                if isinstance(outcome, Exception):
                    yield f"{name}, {way}", outcome


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that is shown behind it."""
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
        told = {"str": str(link), "repr": repr(link)} | {
            attribute: repr(value) for attribute, value in vars(link).items()
        }
        yield from (f"{where} of {name}" for where, words in told.items() if key in words)


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
    """Every line that is logged meanwhile, at any level."""
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
