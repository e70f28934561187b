"""Finds the pipeline that `app.py:pipeline` or `package.module:pipeline` means."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback as tracebacks
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ranvier.errors import ConfigurationError
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers._shown import shown

T = TypeVar("T")

LONGEST = 200
"""Characters of a foreign error that are shown."""

SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""Variables of the environment with such a word in their name are shown nowhere, whoever quotes them."""


def load(said: str, *, traceback: bool = False) -> Pipeline:
    """The pipeline that is meant, made if a function makes it.

    Raises:
        ConfigurationError: there is none; it says why.
    """
    place, found, name = said.rpartition(":")
    if not found or not place or not name:
        raise ConfigurationError(
            f"{said!r}: say where the pipeline is, as in app.py:pipeline or package.module:pipeline"
        )
    module = _guarded(f"cannot import {place}", lambda: _module(place), traceback)
    thing: Any = module
    for part in name.split("."):
        if not hasattr(thing, part):
            raise ConfigurationError(f"{place} has no {name!r}: it has {_pipelines(module)}")
        thing = getattr(thing, part)
    if not isinstance(thing, Pipeline) and callable(thing):
        thing = _guarded(f"{said} failed", thing, traceback)
    if inspect.iscoroutine(thing):
        thing.close()
        raise ConfigurationError(f"{said} is async: give a plain function that returns the pipeline")
    if not isinstance(thing, Pipeline):
        raise ConfigurationError(f"{said} is a {type(thing).__name__}: give a Pipeline, or what makes one")
    return thing


def _module(place: str) -> ModuleType:
    """The module, with its folder in the path, as `python app.py` and `python -m` have it."""
    if not place.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(place)
    path = Path(place).resolve()
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _guarded(what: str, make: Callable[[], T], traceback: bool) -> T:
    """The result of the user's code; what it prints goes to standard error, what it raises is told."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return make()
    except (Exception, SystemExit) as error:
        if traceback:
            tracebacks.print_exc()
        raise ConfigurationError(f"{what}: {_told(error)}") from None


def _told(error: BaseException) -> str:
    """Its kind, its words without secrets, and the last line of the user's own code that it passed."""
    words = str(error)
    for name, value in os.environ.items():
        if any(word in name.upper() for word in SECRET):
            words = shown(words, len(words), value) if value else words
    own = [
        frame
        for frame in tracebacks.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and Path(__file__).parent not in Path(frame.filename).parents
    ]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {shown(words, LONGEST, None)}{where}"


def _pipelines(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Pipeline)]
    return ", ".join(names) or "no pipeline at all"
