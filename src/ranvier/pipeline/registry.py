"""Providers by name, so that `"openai/gpt-5.2"` can be used as a target."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ranvier.errors.configuration import ConfigurationError, UnknownProviderError
from ranvier.pipeline.asking.optional_members import family_of

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Provider

_factories: dict[str, Callable[[], Provider]] = {}


def register(name: str, factory: Callable[[], Provider]) -> None:
    """Make `"name/model"` a target at the provider that `factory` creates."""
    _factories[name] = factory


def names_of(providers: Iterable[Provider]) -> frozenset[str]:
    """Every name of a provider: the registered ones, and those of `providers`."""
    own = {name for each in providers for name in (each.name, family_of(each))}
    return frozenset(_factories) | own


def names_in(target: str) -> tuple[str, str | None]:
    """The provider and the model that a target names; `None` for the provider's default model.

    Raises:
        ConfigurationError: it ends after the slash, or is more than one name.
    """
    if "," in target or target != target.strip():
        raise ConfigurationError(
            f"target {target!r:.80}: give one name each, without commas and spaces around it"
        )
    name, slash, model = target.partition("/")
    if slash and not model:
        raise ConfigurationError(
            f"target {target!r:.80} ends after the slash: name a model, or write {name!r:.80}"
        )
    return name, model or None


def provider_named(name: str) -> Provider:
    """A new provider by its registered name.

    Raises:
        UnknownProviderError: no provider is registered under that name.
    """
    factory = _factories.get(name)
    if factory is None:
        from difflib import get_close_matches  # because only a mistake needs it

        close = get_close_matches(name, _factories, 1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        known = ", ".join(sorted(_factories)) or "none"
        raise UnknownProviderError(
            f"provider {name!r:.80} is unknown{meant}: write a target as 'provider/model', "
            f"with one of these providers: {known}"
        )
    return factory()
