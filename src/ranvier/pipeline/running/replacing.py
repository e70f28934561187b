"""Replaces the stack of a pipeline while calls are in flight: a reload.

All steps that can fail come first, and leave the old stack unchanged. Then the new layers take over the state
of those that they replace, and new calls go through the new stack. Calls in flight finish on the old stack.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ranvier.caller import PLAIN_FAILURES
from ranvier.pipeline.asking.optional_members import open_of
from ranvier.pipeline.running.elsewhere import closed_error
from ranvier.pipeline.running.loops import renew_slots
from ranvier.pipeline.running.retiring import without
from ranvier.pipeline.running.shutdown import close_again

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Provider
    from ranvier.pipeline.layer import Layer
    from ranvier.pipeline.running.stack import Stack

logger = logging.getLogger("ranvier.reload")


def replace(before: Stack, stack: Stack) -> None:
    """Replace `before` by `stack`: new calls of the pipeline go through it.

    Raises:
        ConfigurationError: the pipeline is closing, or belongs to another event loop.
        Exception: a provider could not be opened, or a custom layer failed; nothing has changed then.
    """
    lifecycle = before.lifecycle
    lifecycle.check_loop()
    if lifecycle.state == "closing":
        raise closed_error()
    in_use = lifecycle.state == "open" and not lifecycle.loop.is_closed()
    opened: list[Provider] = []
    try:
        if in_use:
            stack.loop, stack.clock, stack.timers = before.loop, before.clock, before.timers
            stack.fleet = before.fleet
            open_now = (*before.providers, *lifecycle.retiring.providers)
            _open(without(stack.providers, open_now), stack, opened)
        _take_over(stack, before, in_use)
    except BaseException:
        if opened:
            lifecycle.in_background(close_again(opened, lifecycle.loop), None, "closing a provider")
        raise
    lifecycle.providers = list(stack.providers)
    if in_use:
        lifecycle.joining.serve(stack)
        lifecycle.retiring.spare(stack.providers)
        lifecycle.retiring.add(without(before.providers, stack.providers))
    for layer in without(before.layers, stack.layers):
        _let_go(layer, before)


def _open(providers: Iterable[Provider], stack: Stack, opened: list[Provider]) -> None:
    for provider in providers:
        renew_slots(provider, asyncio.get_running_loop())
        if (open_provider := open_of(provider)) is not None:
            open_provider(stack)
        opened.append(provider)


def _take_over(stack: Stack, before: Stack, in_use: bool) -> None:
    """Let new layers take over state. Custom layers come first, because they may fail."""
    gone, fresh = without(before.layers, stack.layers), without(stack.layers, before.layers)
    replaced = dict(zip(_numbered(gone), gone, strict=True))
    others = {id(layer): replaced.get(number) for number, layer in zip(_numbered(fresh), fresh, strict=True)}
    for layer in sorted(stack.layers, key=lambda layer: type(layer).__module__.startswith("ranvier.")):
        if (other := others.get(id(layer))) is not None:
            layer.take_over(other)
        if in_use:
            layer.opened(stack)
    stack.credentials.take_over(before.credentials)
    if in_use:
        stack.credentials.opened(stack)


def _numbered(layers: Iterable[Layer]) -> list[tuple[type[Layer], int]]:
    """The identities of layers: class and number. The first of a class takes over from the first, etc."""
    seen: Counter[type[Layer]] = Counter()
    numbers = []
    for layer in layers:
        seen[type(layer)] += 1
        numbers.append((type(layer), seen[type(layer)]))
    return numbers


def _let_go(layer: Layer, before: Stack) -> None:
    try:
        layer.leave(before)
    except PLAIN_FAILURES:
        logger.exception("layer %r failed to leave the stack; it goes on without it", layer)
