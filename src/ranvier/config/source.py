"""The source of a configuration: a TOML file, or a dict."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from ranvier.config.lines import Path, line_of, lines_of
from ranvier.errors.configuration import ConfigurationError

MAX_BYTES = 1_000_000
"""The maximum size of a file, in bytes."""

MAX_KEY = 100
"""The maximum length of a key in an error, in characters."""

PathOrDict = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a TOML file, or its content as a dict."""


class Source:
    """A configuration as it was read.

    Attributes:
        name: The name of the file, for errors; `"the configuration"` for a dict.
        data: Its content.
    """

    def __init__(self, config: PathOrDict) -> None:
        self._lines: Mapping[Path, int] = {}
        if isinstance(config, Mapping):
            self.name, self.data = "the configuration", dict(config)
            return
        self.name = path_of(config)
        text = _text(self.name)
        try:
            self.data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigurationError(f"{self.name} is no valid TOML: {error}") from None
        self._lines = lines_of(text)

    @property
    def table_of_layers(self) -> str:
        """The name of the table with the layers."""
        return "resilient" if "resilient" in self.data and "layers" not in self.data else "layers"

    def where(self, path: Sequence[str | int]) -> str:
        """File, line and key of `path`, for an error."""
        line = line_of(tuple(path), self._lines)
        place = self.name if line is None else f"{self.name}, line {line}"
        key = "".join(map(_shown, path)).removeprefix(".")
        return f"{place}: {key}" if key else place

    def error(self, path: Sequence[str | int], what: str) -> ConfigurationError:
        """The error for the mistake `what` at `path`."""
        return ConfigurationError(f"{self.where(path)}: {what}")


def _shown(step: str | int) -> str:
    """One step of a path; a key may be any text."""
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step if step.isprintable() else ascii(step):.{MAX_KEY}}"


def path_of(config: object) -> str:
    """The path of a file.

    Raises:
        ConfigurationError: `config` is no path.
    """
    path = os.fspath(config) if isinstance(config, os.PathLike) else config
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigurationError(f"{path!r:.80}: name a TOML file, or give its content as a dict")
    return path


def _text(name: str) -> str:
    try:
        with FilePath(name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror or type(error).__name__}") from None
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{name} has more than {MAX_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")  # editors on Windows write a byte order mark
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name} is no UTF-8 text: byte {error.start + 1} is wrong") from None
