"""How a run over many prompts goes on."""

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
"""What becomes of a prompt that fails: a result with its error, or the end of the run."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of `Pipeline.map` that are not about the prompts.

    Attributes:
        concurrency: The most calls in flight.
        in_order: True returns results in the order of the prompts.
        errors: What becomes of a prompt that fails.
        file: Where answers are written.
        progress: Whether, or by which function, the progress is shown.
    """

    concurrency: int
    in_order: bool
    errors: Errors
    file: str | PathLike[str] | None
    progress: bool | Show

    def __post_init__(self) -> None:
        validation.count("concurrency", self.concurrency, least=1)
        validation.choice("errors", self.errors, ("return", "raise"))
        if not isinstance(self.file, (str, PathLike, type(None))):
            raise ConfigurationError(f"file is a {type(self.file).__name__}: give the path of a file")
        if self.file is not None:
            check_kind(self.file)
        if not isinstance(self.progress, bool):
            check_function("progress", self.progress, "True, or a plain function of the progress")


def check_function(name: str, function: object, remedy: str) -> None:
    """Raise a `ConfigurationError` if `function` is none, or an async one."""
    if not callable(function):
        raise ConfigurationError(f"{name} is a {type(function).__name__}: give {remedy}")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        raise ConfigurationError(f"{name} is async: give {remedy}")
