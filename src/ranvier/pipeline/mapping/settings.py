"""The settings of a run over many prompts."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from os import PathLike
from typing import Literal

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.mapping.answers import check_kind
from ranvier.pipeline.mapping.bars import Show

Errors = Literal["return", "raise"]
"""How a failed prompt is reported: as a result with its error, or as the end of the run."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of `Pipeline.map` that are not about the prompts.

    Attributes:
        concurrency: The maximum number of calls in flight.
        in_order: True returns results in the order of the prompts.
        errors: How a failed prompt is reported.
        file: The file to which answers are written.
        progress: True shows a bar; a function is called with the progress.
    """

    concurrency: int
    in_order: bool
    errors: Errors
    file: str | PathLike[str] | None
    progress: bool | Show

    def __post_init__(self) -> None:
        validation.count("concurrency", self.concurrency, least=1)
        validation.flag("in_order", self.in_order)
        validation.choice("errors", self.errors, ("return", "raise"))
        if not isinstance(self.file, (str, PathLike, type(None))):
            raise ConfigurationError(f"file is a {type(self.file).__name__}: give the path of a file")
        if self.file is not None:
            check_kind(self.file)
        if not isinstance(self.progress, bool):
            check_function("progress", self.progress, "progress", "True, or a plain function of the progress")


def check_function(name: str, function: object, argument: str, remedy: str) -> None:
    """Raise a `ConfigurationError` unless `function` is a plain function of one `argument`."""
    if not callable(function):
        raise ConfigurationError(f"{name} is a {type(function).__name__}: give {remedy}")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        raise ConfigurationError(f"{name} is async: give {remedy}")
    validation.check_takes(name, function, argument)
