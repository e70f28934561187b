"""What a pipeline and its streams answer once they are closed, or on an event loop that is not their own."""

from __future__ import annotations

import asyncio

from ranvier.errors.configuration import ConfigurationError


def closed() -> ConfigurationError:
    """What a closed pipeline answers."""
    return ConfigurationError("this pipeline is closed: build another, or enter it anew with `async with`")


def elsewhere(loop: asyncio.AbstractEventLoop) -> ConfigurationError:
    """What a pipeline answers on a loop that is not its own, while that one lives."""
    if loop.is_running():
        remedy = (
            ": aclose() it there, by asyncio.run_coroutine_threadsafe(pipeline.aclose(), pipeline.loop), "
            "then enter it here with `async with`"
        )
    else:
        remedy = ", which has stopped: close that with pipeline.loop.close(), and this one takes over"
    return ConfigurationError(
        f"this pipeline belongs to another event loop{remedy}; or build one pipeline per loop"
    )


def refuse_elsewhere(loop: asyncio.AbstractEventLoop) -> None:
    """Raise a `ConfigurationError` on any loop but that of the stream."""
    if asyncio.get_running_loop() is not loop:
        raise ConfigurationError("this stream belongs to another event loop: read and close it there")
