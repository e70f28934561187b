"""The recommended stack, built by one function."""

from __future__ import annotations

from collections.abc import Iterable

from ranvier import validation
from ranvier.events import Listener
from ranvier.facts.price import Prices
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.layers.deadline import Deadline
from ranvier.layers.fallback.balance.settings import Balance
from ranvier.layers.fallback.layer import Fallback
from ranvier.layers.fallback.targets import Target
from ranvier.layers.retry.layer import Retry
from ranvier.layers.throttle.layer import Throttle
from ranvier.layers.timeout import Timeout
from ranvier.pipeline.asking.allow import Allow
from ranvier.pipeline.asking.optional_members import public_id_of
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.pipeline.credentials.resolver import Resolver
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.order import position
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers._models.models import first_token_allowance
from ranvier.remedies import OF_RESILIENT, suggests
from ranvier.store.protocol import Store

UNLISTED = 120.0
"""Seconds to the first content of a model that is not listed, which may think silently."""


@suggests(**OF_RESILIENT)
def resilient(
    *targets: Target | Balance,
    credentials: Credentials | Resolver | None = None,
    listeners: Iterable[Listener] | None = None,
    require_tenant: bool = False,
    allow: Allow | None = None,
    prices: Prices | None = None,
    layers: Iterable[Layer] = (),
    open: bool = False,
    store: Store | None = None,
) -> Pipeline:
    """A pipeline that keeps calls going: `resilient("anthropic/claude-sonnet-5", "openai/gpt-5.2")`.

    - A call takes at most 180 seconds: two minutes of silent reasoning, and an answer.
    - The next target is asked as well when one has had no content for longer than the p99 of its recent
      calls, which costs a healthy target one request more in a hundred calls; after at least 2 seconds,
      since users hardly notice less. While its times are unknown: after a third of `first_token`, which
      leaves time for two more targets, and 12 seconds at most.
    - Until its first content, an attempt leaves each later target 20 seconds before the deadline: what a
      model needs that does not think silently.
    - A call is retried twice per target: most problems are over within a second. In an outage retries add at
      most 20 % to the load of a provider, plus one per second, so that rare calls keep theirs.
    - A key that the provider has just rate limited or rejected is not used. If no other target would take
      the call now, it waits up to 2 seconds for a limited one; after that an error is better.
    - A circuit per tenant and provider opens after five failures for 10 seconds, doubling up to 20, so that
      a target that works again is in use within half a minute.
    - A circuit that all tenants share opens when five tenants fail at a model or endpoint, and at least half
      of the active ones: fewer may all be wrong, and where most succeed nothing is down.
    - The first content may take 20 seconds; 120 for models that think silently, and for Ollama, which may
      have to load the model first. After that, silence may last 15 seconds. There is no limit for a whole
      attempt: a steady answer may take until the deadline.

    Args:
        targets: Deployments, providers, or `"provider/model"`; the first is preferred.
        credentials: As for `Pipeline`.
        listeners: As for `Pipeline`: by default it logs trouble, and nothing else.
        require_tenant: As for `Pipeline`.
        allow: As for `Pipeline`.
        prices: As for `Pipeline`.
        layers: Further layers, such as `[OpenTelemetry(), Bulkhead(20)]`: each goes to its place, outside the
            others there.
        open: As for `Fallback`: calls may name any model of the providers. The first content of a model that
            is not listed may take 120 seconds, because it may think silently.
        store: As for `Pipeline`: shares circuits and gates with the other workers of the service.
    """
    return Pipeline(
        *recommended_layers(*targets, layers=validation.listed("layers", layers), open=open),
        credentials=credentials,
        listeners=listeners,
        require_tenant=require_tenant,
        allow=allow,
        prices=prices,
        store=store,
    )


def recommended_layers(
    *targets: Target | Balance, layers: Iterable[Layer] = (), open: bool = False
) -> list[Layer]:
    """The layers of `resilient(*targets)`, with further ones at their places.

    Args:
        targets: As for `resilient`.
        layers: As for `resilient`.
        open: As for `resilient`.
    """
    route = Fallback(*targets, hedge_after="p99", reserve=20, open=open)
    allowances = {each.target: first_token_allowance_at(each) for each in route.deployments()}
    usual = min(allowances.values())
    unlisted = {each.provider.name: UNLISTED for each in route.deployments()} if open else {}
    own = (
        Deadline(seconds=180),
        route,
        Retry(max_retries=2),
        Throttle(max_wait=2),
        Breaker(
            failure_threshold=5, success_threshold=2, cooldown=10, max_cooldown=20, shared=SharedCircuits()
        ),
        Timeout(
            None,
            first_token=usual,
            idle=15,
            overrides={
                target: Timeout(None, first_token=allowance, idle=15)
                for target, allowance in {**unlisted, **allowances}.items()
                if open or allowance != usual
            },
        ),
    )
    return _placed(layers, own)


def _placed(further: Iterable[Layer], own: Iterable[Layer]) -> list[Layer]:
    """The layers by their place; what is no layer stays the first, so that the pipeline rejects it."""
    return sorted((*further, *own), key=lambda each: position(each) if isinstance(each, Layer) else (0, 0))


def first_token_allowance_at(target: Deployment) -> float:
    """Seconds to wait for the first content of a target, by its id or the public id of its model."""
    ids = (target.facts_of or target.model, public_id_of(target.provider, target))
    return max(first_token_allowance(target.traits.family, each) for each in ids)
