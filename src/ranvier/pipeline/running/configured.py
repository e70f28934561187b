"""Creates a pipeline from a file, and reloads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Self

from ranvier.pipeline.running.stack import Stack
from ranvier.pipeline.runtime import Runtime

Source = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a TOML file, or its content as a dict."""

CONFIG = "ranvier.config.origin"
"""Imported by name at first use: it imports all layers, and they import this module."""


class Configured(Runtime):
    """The part of `Pipeline` that reads files.

    Attributes:
        stack: The layers and settings in use.
        origin: The file from which it was created or last reloaded; `None` if it was built in code.
    """

    stack: Stack
    origin: Any = None

    @classmethod
    def from_config(
        cls, source: Source, *, imports: bool = False, watch: bool = False, sighup: bool = False
    ) -> Self:
        """The pipeline that a TOML file or a dict describes: `Pipeline.from_config("ranvier.toml")`.

        Args:
            source: The path of the file, or its content as a dict.
            imports: True if it may name objects of your code, as `{ import = "package.module:name" }`.
            watch: Reload when the file has changed. While the pipeline is open, the file is checked every 2
                seconds, and read once it is unchanged between two checks.
            sighup: Reload at a SIGHUP; only the event loop of the main thread receives signals.

        Raises:
            ConfigurationError: the content is invalid; the message names file, line and key.
        """
        made = import_module(CONFIG).pipeline_from
        pipeline: Self = made(cls, source, imports=imports, watch=watch, sighup=sighup)
        return pipeline

    async def reload(self, source: Source | None = None) -> None:
        """Replace layers and settings by those of `source`, while calls are in flight.

        Circuits, gates, places, budgets and learned numbers are kept, matched by their names. Calls in flight
        finish on the old stack. Providers with unchanged settings keep their connections.

        Args:
            source: A file or a dict, as for `from_config`; `None` is the last one.

        Raises:
            ConfigurationError: the content is invalid; the pipeline is unchanged.
        """
        if self.origin is None:
            self.origin = import_module(CONFIG).Origin(None, imports=False)
        await self.origin.reload(self, source)
