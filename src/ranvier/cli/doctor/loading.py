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

from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers._failures.shown import masked, shown

T = TypeVar("T")

OURS = Path(__file__).parents[2]
"""Where ranvier is: a line of it says nothing of what the user wrote."""

MAX_LENGTH = 200
"""Characters of a foreign error that are shown."""

SHORTEST = 6
"""Characters of a secret: what is shorter is a switch, and also part of other words."""

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
            print(_masked(tracebacks.format_exc()), file=sys.stderr)
        raise ConfigurationError(f"{what}: {_told(error)}") from None


def _told(error: BaseException) -> str:
    """Its kind, its words without secrets, and the last line of the user's own code that it passed."""
    own = [
        frame
        for frame in tracebacks.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and OURS not in Path(frame.filename).parents
    ]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {shown(_masked(str(error)), MAX_LENGTH, None)}{where}"


def _masked(text: str) -> str:
    """The same without what the environment says to be secret."""
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and any(word in name.upper() for word in SECRET):
            text = masked(text, value)
    return text


def _pipelines(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Pipeline)]
    return ", ".join(names) or "no pipeline at all"
