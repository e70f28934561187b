"""What a pipeline does with a file: it is made from one, and reloaded."""

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
"""Imported by its name, and when it is needed: it knows all layers, and they know this part."""


class Configured(Runtime):
    """The part of `Pipeline` that reads files.

    Attributes:
        stack: The layers and settings in use.
        origin: The file that it was made from, or was reloaded from last; `None` for code.
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
            imports: Whether it may name objects of your code, as `{ import = "package.module:name" }`.
            watch: Reload when the file has changed. It is looked at every 2 seconds while the pipeline is
                open, and read when it has stayed the same from one look to the next.
            sighup: Reload at a SIGHUP, which only the event loop of the main thread can hear.

        Raises:
            ConfigurationError: something is wrong; the message names file, line and key.
        """
        made = import_module(CONFIG).pipeline_from
        pipeline: Self = made(cls, source, imports=imports, watch=watch, sighup=sighup)
        return pipeline

    async def reload(self, source: Source | None = None) -> None:
        """Replace layers and settings by those of `source`, while calls are in flight.

        Circuits, gates, places, budgets and learned numbers are kept by their names. Calls in flight end as
        they began. Providers that are described as before keep their connections.

        Args:
            source: A file or a dict, as for `from_config`; `None` is the last one.

        Raises:
            ConfigurationError: something is wrong, and the pipeline goes on as it was.
        """
        if self.origin is None:
            self.origin = import_module(CONFIG).Origin(None, imports=False)
        await self.origin.reload(self, source)
