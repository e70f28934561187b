"""What the targets of a fallback are, and how they are named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ranvier.errors import ConfigurationError
from ranvier.pipeline.deployment import Deployment, Provider, provider_named

Target = Deployment | Provider | str
"""A deployment; a provider, for its default model; or `"provider/model"`."""


class TargetNames:
    """What targets mean: a string is a model of a provider given beside it, else of a registered one."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._providers: dict[str, Provider] = {}
        for target in targets:
            if isinstance(target, (list, tuple, set)):
                raise ConfigurationError(
                    f"a {type(target).__name__} is no target: give the targets one by one, as in "
                    "resilient(first, second), or unpack them: resilient(*targets)"
                )
            if not isinstance(target, str):
                provider = target.provider if isinstance(target, Deployment) else target
                self._providers.setdefault(getattr(provider, "name", ""), provider)

    def deployment(self, target: Target, among: Iterable[Deployment] = ()) -> Deployment:
        """The deployment that `target` means, one of `among` where that has its name."""
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


def listed(primary: str, chain: Sequence[Target]) -> Sequence[Target]:
    """`chain`, the targets after `primary`.

    Raises:
        ConfigurationError: it is a text.
    """
    if isinstance(chain, str):
        raise ConfigurationError(f"chains={{{primary!r}: {chain!r}}}: give a list of targets")
    return chain
