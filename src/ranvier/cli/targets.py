"""The targets of `ranvier ask` and `ranvier map`, from their options and the environment."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment, Provider
    from ranvier.pipeline.pipeline import Pipeline


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the option `--to`."""
    parser.add_argument(
        "--to",
        action="append",
        required=True,
        metavar="PROVIDER[/MODEL]",
        help="a target, such as anthropic/claude-sonnet-5; repeat it for fallbacks",
    )


def add_base_url(parser: argparse.ArgumentParser) -> None:
    """Add the option `--base-url`."""
    parser.add_argument(
        "--base-url",
        action="append",
        default=[],
        metavar="PROVIDER=URL",
        help="base URL of a provider, such as a proxy or `ranvier simulate`; repeatable",
    )


def pipeline_of(targets: Sequence[str], base_urls: Sequence[str]) -> Pipeline:
    """The stack of `resilient` with these targets, without logging."""
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.registry import names_in
    from ranvier.presets import resilient

    urls = {}
    for name, url in map(_base_url, base_urls):
        if name in urls:
            raise ConfigurationError(f"--base-url {name}=...: given twice")
        urls[name] = url
    providers: dict[str, Provider] = {}
    deployments = []
    for target in targets:
        name, model = names_in(target)
        if name not in providers:
            providers[name] = _provider(name, urls.pop(name, None))
        deployments.append(Deployment(providers[name], model))
    for name in urls:
        raise ConfigurationError(f"--base-url {name}=...: no --to names {name}")
    return resilient(*deployments, listeners=())  # the command itself prints the results


def _base_url(option: str) -> tuple[str, str]:
    name, found, url = option.partition("=")
    if not found or not url:
        raise ConfigurationError(
            f"--base-url {option}: name the provider too, as in anthropic=http://localhost:8700"
        )
    return name, url


def _provider(name: str, url: str | None) -> Provider:
    from ranvier.pipeline.registry import provider_named
    from ranvier.providers import ADAPTERS, adapter

    if url is None:
        return provider_named(name)
    if name not in ADAPTERS:
        raise ConfigurationError(f"--base-url {name}=...: {provider_named(name)!r} has no address")
    parameter = "endpoint" if name == "azure" else "base_url"
    provider: Provider = adapter(name)(**{parameter: url})
    return provider


def missing_keys(pipeline: Pipeline) -> Iterator[str]:
    """A sentence for each provider without a key, with the variables that set it."""
    keyless = [deployment for deployment in _deployments(pipeline) if _lacks_key(deployment)]
    for deployment in {each.provider.name: each for each in keyless}.values():
        variables = " or ".join(deployment.traits.environment)
        yield f"no key for {deployment.provider.name}: set {variables}"


def all_lack_keys(pipeline: Pipeline) -> bool:
    """True if no target has its key."""
    return all(map(_lacks_key, _deployments(pipeline)))


def _deployments(pipeline: Pipeline) -> list[Deployment]:
    return [deployment for layer in pipeline.layers for deployment in layer.deployments()]


def _lacks_key(deployment: Deployment) -> bool:
    from ranvier.pipeline.asking.optional_members import credential_of

    return deployment.traits.needs_credential and credential_of(deployment.provider) is None
