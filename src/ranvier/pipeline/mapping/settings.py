"""How a run over many prompts goes on."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Literal

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
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
        if not isinstance(self.progress, bool) and not callable(self.progress):
            raise ConfigurationError(f"progress is a {type(self.progress).__name__}: give True or a function")
