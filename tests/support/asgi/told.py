"""What a pipeline tells of attempts and calls, made by hand."""

from __future__ import annotations

from ranvier.pipeline.call_events import AttemptEnded, CallEnded
from ranvier.pipeline.record import Attempt
from ranvier.pipeline.story import Story


def attempt(provider: str, outcome: str = "succeeded", seconds: float = 0.5, began: float = 0.0) -> Attempt:
    """One that has ended."""
    made = Attempt(f"{provider}/model", 1, 0.0, None, None, began)
    made.outcome, made.seconds = outcome, seconds
    return made


def ended(made: Attempt, tenant: str = "acme") -> AttemptEnded:
    """The event of its end."""
    return AttemptEnded(tenant=tenant, provider=made.provider, model=made.model, attempt=made)


def call(
    *attempts: Attempt, outcome: str = "succeeded", seconds: float = 1.0, tenant: str = "acme"
) -> CallEnded:
    """The event of a call's end."""
    provider = attempts[-1].provider if attempts else ""
    return CallEnded(
        tenant=tenant,
        provider=provider,
        outcome=outcome,
        seconds=seconds,
        streaming=False,
        story=Story(0.0, seconds, outcome, attempts, (), ()),
    )
