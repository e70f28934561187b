"""The targets of a fallback, and how their names are resolved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.deployment import Deployment, Provider
from ranvier.pipeline.registry import provider_named

Target = Deployment | Provider | str
"""A deployment; a provider, for its default model; or `"provider/model"`."""


T = TypeVar("T")


class TargetNames:
    """Resolves targets: a string names a provider passed in the same call, or else a registered one."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._providers: dict[str, Provider] = {}
        for target in targets:
            if isinstance(target, (list, tuple, set)):
                raise ConfigurationError(
                    f"a {type(target).__name__} is not a target: pass the targets one by one, as in "
                    "resilient(first, second), or unpack them: resilient(*targets)"
                )
            if not isinstance(target, str):
                provider = target.provider if isinstance(target, Deployment) else target
                self._providers.setdefault(getattr(provider, "name", ""), provider)

    def deployment(self, target: Target, among: Iterable[Deployment] = ()) -> Deployment:
        """The deployment that `target` names: one of `among` if the name matches, or else a new one."""
        if isinstance(target, Deployment):
            return target
        if not isinstance(target, str):
            return Deployment(target)
        for deployment in among:
            if target in (deployment.target, deployment.provider.name):
                return deployment
        name, _, model = target.partition("/")
        if name not in self._providers:
            self._providers[name] = provider_named(name)
        return Deployment(self._providers[name], model or None)


def listed(primary: str, chain: Sequence[T]) -> Sequence[T]:
    """`chain`, the targets after `primary`.

    Raises:
        ConfigurationError: it is a string.
    """
    if isinstance(chain, str):
        raise ConfigurationError(f"chains={{{primary!r}: {chain!r}}}: pass a list of targets")
    return chain
