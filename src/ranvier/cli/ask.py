"""`ranvier ask`: a real answer from real providers, streamed to the terminal.

    ranvier ask "Why do nodes of Ranvier exist?" --to anthropic/claude-sonnet-5 --to openai/gpt-5.2

The answer goes to standard output; everything else, such as why a target was skipped, to standard
error. Keys come from the environment. Status 1 is no answer, or one that broke off.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ranvier.errors import AllDeploymentsFailedError, ConfigurationError, RanvierError
from ranvier.messages import FinishReason

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment, Provider
    from ranvier.pipeline.pipeline import Pipeline
    from ranvier.pipeline.stream import ResponseStream

INTERRUPTED = 130
"""As shells have it: 128 and the number of SIGINT."""


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "ask",
        help="ask real providers, with fallbacks and retries",
        description="Ask the first target, and the next where that fails. Keys come from the environment.",
    )
    parser.add_argument("prompt", help="what to ask; - reads it from standard input")
    parser.add_argument(
        "--to",
        action="append",
        required=True,
        metavar="PROVIDER[/MODEL]",
        help="whom to ask, such as anthropic/claude-sonnet-5; again for who is asked next",
    )
    parser.add_argument("--system", help="instructions that stand before the prompt")
    parser.add_argument(
        "--max-tokens", type=int, metavar="N", help="the most tokens that the answer may have"
    )
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="for all of it, at most 180 (180)")
    parser.add_argument(
        "--base-url",
        action="append",
        default=[],
        metavar="PROVIDER=URL",
        help="where that provider is, such as a proxy or `ranvier simulate`; once for each",
    )
    parser.add_argument("--explain", action="store_true", help="tell what was tried, and where the time went")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, and print the answer as it comes."""
    pipeline = _pipeline(args.to, args.base_url)
    if not _told_of_keys(pipeline):
        return 1
    prompt = sys.stdin.read() if args.prompt == "-" else args.prompt
    options = {"system": args.system, "max_tokens": args.max_tokens, "deadline": args.deadline}
    try:
        return asyncio.run(_ask(pipeline, prompt, options, explain=args.explain))
    except KeyboardInterrupt:
        return INTERRUPTED


# --- whom to ask ---------------------------------------------------------------------------------


def _pipeline(targets: Sequence[str], places: Sequence[str]) -> Pipeline:
    from ranvier import Deployment, resilient

    urls = dict(map(_place, places))
    providers: dict[str, Provider] = {}
    deployments = []
    for target in targets:
        name, _, model = target.partition("/")
        if name not in providers:
            providers[name] = _provider(name, urls.pop(name, None))
        deployments.append(Deployment(providers[name], model or None))
    for name in urls:
        raise ConfigurationError(f"--base-url {name}=...: no --to names {name}")
    return resilient(*deployments)


def _place(said: str) -> tuple[str, str]:
    name, found, url = said.partition("=")
    if not found or not url:
        raise ConfigurationError(
            f"--base-url {said}: give the provider too, as in anthropic=http://localhost:8700"
        )
    return name, url


def _provider(name: str, url: str | None) -> Provider:
    from ranvier.pipeline.deployment import provider_named
    from ranvier.providers import ADAPTERS, adapter

    if url is None or name not in ADAPTERS:
        return provider_named(name)
    provider: Provider = adapter(name)(base_url=url)
    return provider


def _told_of_keys(pipeline: Pipeline) -> bool:
    """Tell which keys are missing, and by which variable they are given; False where none is there."""
    deployments = [deployment for layer in pipeline.layers for deployment in layer.deployments()]
    keyless = [deployment for deployment in deployments if _lacks_key(deployment)]
    for provider in dict.fromkeys(deployment.provider for deployment in keyless):
        variables = " or ".join(getattr(provider, "environment", ()))
        _tell(f"there is no key for {provider.name}: set {variables}")
    return len(keyless) < len(deployments)


def _lacks_key(deployment: Deployment) -> bool:
    provider: Any = deployment.provider
    return bool(getattr(provider, "needs_credential", False)) and provider.credential() is None


# --- asking --------------------------------------------------------------------------------------


async def _ask(pipeline: Pipeline, prompt: str, options: dict[str, Any], *, explain: bool) -> int:
    told: ResponseStream | RanvierError | None = None
    try:
        async with pipeline, pipeline.stream(prompt, **options) as answer:
            told = answer
            await _print(answer)
        _tell_how_it_ended(answer)
        return 0
    except ConfigurationError:
        raise
    except RanvierError as error:
        told = error
        _tell(*_complaints(error))
        return 1
    finally:
        if explain and told is not None:
            _tell(told.explain(), prefix="")


async def _print(answer: ResponseStream) -> None:
    """Each word as it comes, and the end of the line, however the answer ends."""
    last = ""
    try:
        async for event in answer:
            if event.text:
                last = event.text
                print(event.text, end="", flush=True)
    finally:
        if last and not last.endswith("\n"):
            print(flush=True)


def _tell_how_it_ended(answer: ResponseStream) -> None:
    response = answer.response
    if response is not None and response.finish_reason is not FinishReason.STOP:
        why = response.raw_finish_reason or response.finish_reason
        _tell(f"{response.provider} has ended the answer early: {why}")


def _complaints(error: RanvierError) -> Iterator[str]:
    if isinstance(error, AllDeploymentsFailedError):
        yield from map(str, error.exceptions)
    else:
        yield str(error)


# --- telling -------------------------------------------------------------------------------------


def _tell(*lines: str, prefix: str = "ranvier ask: ") -> None:
    for line in lines:
        print(f"{prefix}{line}", file=sys.stderr, flush=True)
