"""Loads a pipeline by its name, such as `app.py:pipeline` or `package.module:pipeline`."""

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

RANVIER = Path(__file__).parents[2]
"""The folder of ranvier: its own lines are omitted from the user's tracebacks."""

MAX_LENGTH = 200
"""The maximum number of characters to show of a user's error."""

MIN_SECRET = 6
"""The minimum length of a secret, in characters: shorter values are flags, and may be parts of words."""

SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""Environment variables with such a word in their name are masked in all output."""


def load(spec: str, *, traceback: bool = False, imports: bool = False) -> Pipeline:
    """The pipeline that `spec` names: an object or a factory function in code, or a file.

    Raises:
        ConfigurationError: the pipeline cannot be loaded; the message says why.
    """
    if spec.endswith(".toml"):
        if imports:
            import_from_here()
        return Pipeline.from_config(spec, imports=imports)
    where, found, name = spec.rpartition(":")
    if not found or not where or not name:
        raise ConfigurationError(
            f"{spec!r}: name the pipeline, as in app.py:pipeline or package.module:pipeline, or a .toml file"
        )
    module = _guarded(f"cannot import {where}", lambda: _module(where), traceback)
    thing: Any = module
    for part in name.split("."):
        if not hasattr(thing, part):
            raise ConfigurationError(f"{where} has no {name!r}: it has {_pipelines(module)}")
        thing = getattr(thing, part)
    if not isinstance(thing, Pipeline) and callable(thing):
        thing = _guarded(f"{spec} failed", thing, traceback)
    if inspect.iscoroutine(thing):
        thing.close()
        raise ConfigurationError(f"{spec} is async: name a plain function that returns the pipeline")
    if not isinstance(thing, Pipeline):
        raise ConfigurationError(
            f"{spec} is a {type(thing).__name__}: name a Pipeline, or a function that returns one"
        )
    return thing


def import_from_here() -> None:
    """Let modules of the working folder be imported, as `python -m` does."""
    sys.path.insert(0, str(Path.cwd()))


def _module(where: str) -> ModuleType:
    """Import the module, with its folder in `sys.path`, as `python app.py` and `python -m` do."""
    if not where.endswith(".py"):
        import_from_here()
        return importlib.import_module(where)
    path = Path(where).resolve()
    if not path.is_file():
        raise FileNotFoundError("no such file")
    sys.path.insert(0, str(path.parent))
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


def _guarded(what: str, make: Callable[[], T], traceback: bool) -> T:
    """Run the user's code. Its output goes to standard error; its errors become a `ConfigurationError`."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return make()
    except (Exception, SystemExit) as error:
        if traceback:
            print(_masked(tracebacks.format_exc()), file=sys.stderr)
        raise ConfigurationError(f"{what}: {_describe(error)}") from None


def _describe(error: BaseException) -> str:
    """The class of an error, its message without secrets, and the last line of the user's own code."""
    own = [
        frame
        for frame in tracebacks.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and RANVIER not in Path(frame.filename).parents
    ]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {shown(_masked(str(error)), MAX_LENGTH, None)}{where}"


def _masked(text: str) -> str:
    """The text with the secrets of the environment masked."""
    for name, value in os.environ.items():
        if len(value) >= MIN_SECRET and any(word in name.upper() for word in SECRET):
            text = masked(text, value)
    return text


def _pipelines(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Pipeline)]
    return ", ".join(names) or "no pipeline"
