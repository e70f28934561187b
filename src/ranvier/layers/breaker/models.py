"""Which circuits the targets of a stack have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime


def several_models(pipeline: Runtime) -> dict[str, tuple[str, ...]]:
    """The targets of each provider of which the stack has several models, or takes any model."""
    targets: dict[str, dict[str, None]] = {}
    several = set()
    for layer in pipeline.layers:
        for each in layer.deployments():
            models = targets.setdefault(each.provider.name, {})
            models[each.target] = None
            if len(models) > 1 or layer.takes_any_model:
                several.add(each.provider.name)
    return {provider: tuple(models) for provider, models in targets.items() if provider in several}
