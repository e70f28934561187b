"""The stack that we recommend, in one call."""

from __future__ import annotations

from collections.abc import Iterable

from ranvier import checks
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.layers.fallback import Target
from ranvier.pipeline.credentials import Credentials
from ranvier.pipeline.events import Listener
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.pipeline.resolver import Resolver
from ranvier.providers._models import first_token_allowance
from ranvier.remedies import OF_RESILIENT, suggests


@suggests(**OF_RESILIENT)
def resilient(
    *targets: Target,
    credentials: Credentials | Resolver | None = None,
    listeners: tuple[Listener, ...] = (),
    require_tenant: bool = False,
    layers: Iterable[Layer] = (),
) -> Pipeline:
    """A pipeline that keeps calls going: `resilient("anthropic/claude-sonnet-5", "openai/gpt-5.2")`.

    180 seconds for a call, two retries, no request with a key that the provider has just limited (calls
    wait up to 10 seconds for it) or refused, a circuit per tenant and provider that opens after five
    failures for 10 seconds, doubling up to 60, and at most 15 seconds of silence within an answer.
    The first content may take 20 seconds; 120 from models that think silently, and from Ollama,
    which may have to load the model first.

    Args:
        targets: Who is asked, best first: deployments, providers, or `"provider/model"`.
        credentials: As for `Pipeline`, as are the others.
        listeners: See there.
        require_tenant: See there.
        layers: Further ones around the whole: `[OpenTelemetry()]`.
    """
    route = Fallback(*targets)
    allowances = {
        each.target: first_token_allowance(
            getattr(each.provider, "family", each.provider.name), each.facts_of or each.model
        )
        for each in route.deployments()
    }
    usual = min(allowances.values())
    return Pipeline(
        *checks.listed("layers", layers),
        Deadline(seconds=180),
        route,
        Retry(max_retries=2),
        Throttle(),
        Breaker(failure_threshold=5, success_threshold=2, cooldown=10, max_cooldown=60),
        Timeout(
            first_token=usual,
            idle=15,
            overrides={
                target: Timeout(first_token=allowance, idle=15)
                for target, allowance in allowances.items()
                if allowance != usual
            },
        ),
        credentials=credentials,
        listeners=listeners,
        require_tenant=require_tenant,
    )
