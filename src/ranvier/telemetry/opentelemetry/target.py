"""The attributes that the conventions require of a target, computed once per target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ranvier.pipeline.place import Place
from ranvier.telemetry.opentelemetry import names

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime

Value = str | bool | int | float | tuple[str, ...]
"""The types of attribute values that are used here."""

Attributes = dict[str, Value]

PORTS = {"http": 80, "https": 443}


class Target:
    """One target, in the terms of the conventions.

    Attributes:
        name: The name of a span about it.
        provider: Its provider's name in this pipeline.
        family: The vendor whose API it has, by ranvier's name.
        attributes: The attributes that identify it, on spans and on the conventions' metrics.
        server: The address and port among these attributes, if known.
    """

    __slots__ = ("__weakref__", "attributes", "family", "name", "provider", "server")

    def __init__(self, target: str, family: str | None = None, base_url: str | None = None) -> None:
        self.provider, _, model = target.partition("/")
        self.family = self.provider if family is None else family
        operation = names.OPERATIONS.get(self.family, "chat")
        self.name = f"{operation} {model}" if model else operation
        self.server = _server(base_url)
        self.attributes: Attributes = {
            names.OPERATION: operation,
            names.PROVIDER: names.PROVIDERS.get(self.family, self.family) or names.UNKNOWN,
            **({names.MODEL: model} if model else {}),
            **self.server,
        }

    @classmethod
    def of(cls, deployment: Deployment) -> Target:
        """The target of a deployment."""
        return cls(deployment.target, deployment.traits.family, deployment.traits.base_url)


def _server(base_url: str | None) -> Mapping[str, Value]:
    try:
        parts = urlsplit(base_url or "")
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return {}
    return {names.ADDRESS: host, names.PORT: port} if host and port else {}


MAX_UNLISTED = 100
"""Unlisted targets that have a series of their own; further ones share one for each provider."""

NOWHERE = Target("")
"""The target of a call that was not sent, if the route does not name a first target."""


class Targets:
    """The targets of one pipeline.

    Attributes:
        providers: The names of all providers.
    """

    def __init__(self, pipeline: Runtime) -> None:
        deployments = [each for layer in pipeline.layers for chain in layer.chains() for each in chain]
        self._known = {each.target: Target.of(each) for each in deployments}
        self._like = {each.provider.name: each.traits for each in deployments}
        self._room = MAX_UNLISTED
        self._starts: dict[str | None, Target] = {}
        for layer in pipeline.layers:
            if layer.place is Place.ROUTE:
                for chain in layer.chains():
                    self._add_start(chain)
        self.providers = tuple(dict.fromkeys(each.provider for each in self._known.values()))

    def _add_start(self, chain: tuple[Deployment, ...]) -> None:
        if chain:
            first = self._known.get(chain[0].target) or Target.of(chain[0])
            for name in (None, chain[0].target, chain[0].provider.name):
                self._starts.setdefault(name, first)

    def start(self, call: Call) -> Target:
        """The target where `call` starts."""
        start = self._starts.get(call.start)
        if start is None and call.start is not None and "/" in call.start:
            start = self.named(call.start)
        return start or NOWHERE

    def named(self, target: str) -> Target:
        """The target of an attempt; a route may use targets that it does not list."""
        return self._known.get(target) or self._unlisted(target)

    def _unlisted(self, target: str) -> Target:
        """A target that is not listed: callers may name any number, and each would be a series of its own."""
        if self._room > 0:
            self._room -= 1
        else:
            target = target.partition("/")[0]
        known = self._known.get(target)
        if known is None:
            like = self._like.get(target.partition("/")[0])
            known = Target(target) if like is None else Target(target, like.family, like.base_url)
            self._known[target] = known
        return known
