"""What the conventions want to know of whoever is asked, worked out once for each target."""

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
"""What an attribute may be, of all that OpenTelemetry allows."""

Attributes = dict[str, Value]

PORTS = {"http": 80, "https": 443}


class Target:
    """One target, in the words of the conventions.

    Attributes:
        name: Of a span about it.
        provider: Its provider's name in this pipeline.
        family: The vendor whose dialect it speaks, in our word.
        attributes: What tells it from others; on spans and on the conventions' metrics.
        server: Of these, its address and port, where it has them.
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
        """That of a deployment."""
        provider = deployment.provider
        return cls(
            deployment.target, getattr(provider, "family", None), getattr(provider, "base_url", None) or None
        )


def _server(base_url: str | None) -> Mapping[str, Value]:
    try:
        parts = urlsplit(base_url or "")
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return {}
    return {names.ADDRESS: host, names.PORT: port} if host and port else {}


NOWHERE = Target("")
"""Of a call that was not sent, in a pipeline whose route does not say where it would have been."""


class Targets:
    """The targets of one pipeline.

    Attributes:
        providers: The names of all providers.
    """

    def __init__(self, pipeline: Runtime) -> None:
        deployments = [each for layer in pipeline.layers for each in layer.deployments()]
        self._known = {each.target: Target.of(each) for each in deployments}
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
        """Who is asked first."""
        return self._starts.get(call.start) or NOWHERE

    def named(self, target: str) -> Target:
        """The target of an attempt; a route of the user's may know others than it has said."""
        return self._known.get(target) or Target(target)
