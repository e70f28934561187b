"""The layers of a pipeline with their settings; a reload replaces them together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ranvier import validation
from ranvier.facts.price import Prices
from ranvier.pipeline.asking.allow import Allow, AllowRule, after_route
from ranvier.pipeline.asking.attempt import attempt
from ranvier.pipeline.asking.prices import checked_prices
from ranvier.pipeline.compose import compose
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.pipeline.credentials.resolver import Resolver
from ranvier.pipeline.deployment import distinct_providers
from ranvier.pipeline.layer import Handler, Layer
from ranvier.pipeline.order import check_stack
from ranvier.pipeline.registry import names_of
from ranvier.pipeline.running.lifecycle import Lifecycle
from ranvier.pipeline.runtime import Runtime, Work

if TYPE_CHECKING:
    from ranvier.pipeline.reporting.complaints import Complaints
    from ranvier.pipeline.reporting.emitter import Events


class Stack(Runtime):
    """The layers of a pipeline, composed once. A call stays on the stack on which it started.

    Args:
        layers, credentials, require_tenant, allow, prices, check_order: As for `Pipeline`.
        lifecycle, events, complaints: The pipeline's own, which outlive its stack.

    Attributes:
        providers: The providers of its targets.
        requires_tenant: True if calls without a tenant are rejected.
        circuit_at_first: The initial `circuit` of a call.
        handle: Sends a call through the layers.
    """

    layers: tuple[Layer, ...]
    allow: AllowRule | None
    credentials: Credentials
    lifecycle: Lifecycle

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        lifecycle: Lifecycle,
        events: Events,
        complaints: Complaints,
        credentials: Credentials | Resolver | None = None,
        require_tenant: bool = False,
        allow: Allow | None = None,
        prices: Prices | None = None,
        check_order: bool = True,
    ) -> None:
        check_stack(layers, order=validation.flag("check_order", check_order))
        self.layers = tuple(layers)
        self.lifecycle, self.events, self.complaints = lifecycle, events, complaints
        self.credentials = credentials if isinstance(credentials, Credentials) else Credentials(credentials)
        self.providers = distinct_providers([each for layer in layers for each in layer.deployments()])
        self.provider_names = names_of(self.providers)
        self.requires_tenant = validation.flag("require_tenant", require_tenant)
        self.circuit_at_first = "closed" if any(layer.circuits is not None for layer in layers) else None
        self.allow = rule = None if allow is None else AllowRule(allow)
        self.prices = checked_prices("prices", prices)
        for layer in layers:  # after everything that may fail, because another stack may use these layers
            layer.join(self)
        done: object = self.timed_by  # the pipeline does all that this layer would do
        handled = after_route(self.layers, rule)
        self.handle: Handler[Any] = compose([layer for layer in handled if layer is not done], attempt)

    def in_background(
        self, work: Work, context: Context | None = None, name: str = "work", *, cut_off: bool = False
    ) -> asyncio.Task[None]:
        """Run `work` in a background task: see `Runtime.in_background`."""
        return self.lifecycle.in_background(work, context, name, cut_off=cut_off)


def shown_by(pipeline: type[Any]) -> None:
    """Give a pipeline every attribute of its current stack, as `Runtime` describes them.

    Properties written in Python would add a function call to each access, on the path of every call.
    """
    for name in (*Runtime.__annotations__, "requires_tenant"):
        words = f"That of the stack in use: see `Runtime.{name}`."
        setattr(pipeline, name, property(attrgetter(f"stack.{name}"), _setter(name), doc=words))


def _setter(name: str) -> Any:
    def put(pipeline: Any, value: Any) -> None:
        setattr(pipeline.stack, name, value)

    return put
