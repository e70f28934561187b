"""The targets of a fallback, and how their names are resolved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.layers.fallback.pace import Pace
from ranvier.pipeline.deployment import Deployment, Provider
from ranvier.pipeline.registry import names_in, provider_named

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
        name, model = names_in(target)
        if name not in self._providers:
            self._providers[name] = provider_named(name)
        return Deployment(self._providers[name], model)


def checked_chains(chains: Mapping[str, Iterable[T]] | None) -> dict[str, tuple[T, ...]]:
    """The targets after each primary.

    Raises:
        ConfigurationError: they are no dict of lists.
    """
    chains = validation.mapping("Fallback(chains)", chains, "lists of targets by the first target")
    for primary, chain in chains.items():
        if isinstance(chain, str) or not isinstance(chain, Iterable):
            raise ConfigurationError(f"chains={{{primary!r:.80}: {chain!r:.80}}}: pass a list of targets")
    return {primary: tuple(chain) for primary, chain in chains.items()}


# --- targets that are not listed -----------------------------------------------------------------

MAX_UNLISTED: Final = 1_000
"""Unlisted targets that are remembered; the least recently used one is forgotten first."""


class UnlistedTarget(Deployment):
    """A model that a call names although the route does not list it: `to="openai/gpt-5.4-mini"`.

    Attributes:
        pace: Its usual times to the first content. It is kept here, so that calls in flight have it even if
            the route has dropped the target.
    """

    __slots__ = ("pace",)

    def __init__(self, provider: Provider, model: str, share: float) -> None:
        super().__init__(provider, model)
        self.pace = Pace(share)


class UnlistedTargets:
    """The most recently used unlisted targets; bounded, because callers may name any number of models.

    Args:
        listed: The targets of the route: their providers are the ones whose models may be named.
        share: As for `Pace`.
    """

    def __init__(self, listed: Iterable[Deployment], share: float) -> None:
        self._listed = {target.target: target for target in listed}
        self.providers: dict[str, Provider] = {}
        for target in self._listed.values():
            self.providers.setdefault(target.provider.name, target.provider)
        self._share = share
        self._known: OrderedDict[str, UnlistedTarget] = OrderedDict()

    def __iter__(self) -> Iterator[UnlistedTarget]:
        return iter(tuple(self._known.values()))

    def named(self, start: str) -> Deployment | None:
        """The target `start`; `None` if no provider of the route has that name, or it names no model.

        Raises:
            ConfigurationError: the name of the model is too long, or has control characters.
        """
        if start in self._listed:  # only in the chain of another target
            return self._listed[start]
        target = self._known.get(start)
        if target is None:
            name, _, model = start.partition("/")
            if not model or name not in self.providers:
                return None
            target = self._known[start] = UnlistedTarget(self.providers[name], model, self._share)
            if len(self._known) > MAX_UNLISTED:
                self._known.popitem(last=False)
        self._known.move_to_end(start)
        return target

    def take_over(self, before: UnlistedTargets) -> None:
        """Take over the targets of `before` at the same providers, if `share` is the same."""
        if before._share == self._share:
            for name, target in before._known.items():
                if self.providers.get(target.provider.name) is target.provider and name not in self._listed:
                    self._known[name] = target

    def forget(self) -> None:
        """Forget all of them."""
        self._known.clear()
