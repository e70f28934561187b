"""Names the circuits of the targets of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Iterable, Mapping

    from ranvier.pipeline.runtime import Runtime


def names_of(pipeline: Runtime, overrides: Container[str], several: Container[str]) -> dict[str, str]:
    """The name of each target's circuits, by target: `provider/model`, or the provider."""
    names = {}
    for layer in pipeline.layers:
        for each in layer.deployments():
            own = each.target in overrides or each.provider.name in several
            names[each.target] = each.target if own else each.provider.name
    return names


def several_models(pipeline: Runtime) -> dict[str, tuple[str, ...]]:
    """The targets of each provider with several models in the stack, or of which any model may be used."""
    targets: dict[str, dict[str, None]] = {}
    several = set()
    for layer in pipeline.layers:
        for each in layer.deployments():
            models = targets.setdefault(each.provider.name, {})
            models[each.target] = None
            if len(models) > 1 or layer.takes_any_model:
                several.add(each.provider.name)
    return {provider: tuple(models) for provider, models in targets.items() if provider in several}


def providers_of(pipeline: Runtime) -> set[str]:
    """The names of the providers in a stack."""
    return {each.provider.name for layer in pipeline.layers for each in layer.deployments()}


def check_named(key: Hashable, providers: Iterable[str]) -> None:
    """Check that a circuit that an operator names may get calls; `providers` is empty for custom keys.

    Raises:
        ConfigurationError: `key` is not a tenant with one of the providers, or a target or endpoint of one.
    """
    name = str(key[1]) if isinstance(key, tuple) and len(key) == 2 else ""
    if providers and not any(name == each or name.startswith((f"{each}/", f"{each}@")) for each in providers):
        known = ", ".join(sorted(providers))
        raise ConfigurationError(f"circuit {key!r:.100}: name a tenant and one of these providers: {known}")


NO_PART: Hashable = object()
"""The default of a key part that the caller did not pass, for keys that are not (tenant, provider)."""


def named(
    known: Container[Hashable], models: Mapping[str, tuple[str, ...]], *parts: Hashable
) -> tuple[Hashable, ...]:
    """The keys that `parts` name: several if each model of the provider has its own circuit."""
    key: Hashable = tuple(part for part in parts if part is not NO_PART)
    if isinstance(key, tuple) and len(key) == 1 and key not in known:
        key = key[0]
    targets = models.get(key[1], ()) if isinstance(key, tuple) and len(key) == 2 else ()
    keys = tuple((key[0], target) for target in targets)  # type: ignore[index]  # because: then a tuple
    return keys if keys and key not in known else (key, *keys)
