"""The errors for using a closed pipeline, or a pipeline or stream on the wrong event loop."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

from ranvier.errors.configuration import ConfigurationError

loops_of_portals: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
"""The event loops of `pipeline.sync`, each in a thread of its own."""


def closed_error() -> ConfigurationError:
    """The error for a closed pipeline."""
    return ConfigurationError(
        "this pipeline is closed: build another, or reopen it with `async with`, or `with pipeline.sync`"
    )


def wrong_loop_error(loop: asyncio.AbstractEventLoop) -> ConfigurationError:
    """The error for a pipeline that belongs to another loop, which is not closed."""
    if loop in loops_of_portals:
        remedy = ", that of pipeline.sync: close it with pipeline.sync.close()"
    elif loop.is_running():
        remedy = (
            ": close it there with asyncio.run_coroutine_threadsafe(pipeline.aclose(), pipeline.loop), "
            "then open it here with `async with`"
        )
    else:
        remedy = ", which has stopped: close that loop with pipeline.loop.close(), then use the pipeline here"
    return ConfigurationError(
        f"this pipeline belongs to another event loop{remedy}; or build one pipeline per loop"
    )


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Raise a `ConfigurationError` if the running loop is not `loop`, the stream's."""
    if asyncio.get_running_loop() is not loop:
        raise ConfigurationError("this stream belongs to another event loop: read and close it there")
