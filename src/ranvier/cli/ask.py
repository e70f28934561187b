"""`ranvier ask`: stream an answer from real providers to the terminal.

    ranvier ask "Why do nodes of Ranvier exist?" --to anthropic/claude-sonnet-5 --to openai/gpt-5.2

The answer goes to standard output; everything else, such as why a target was skipped, to standard
error. Keys come from the environment. Status 1 means that the call failed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ranvier.cli import targets
from ranvier.cli.streams import for_terminal
from ranvier.errors.all_failed import AllDeploymentsFailedError
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.root import RanvierError
from ranvier.messages.response import FinishReason

if TYPE_CHECKING:
    from ranvier.pipeline.pipeline import Pipeline
    from ranvier.pipeline.streaming.stream import ResponseStream


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "ask",
        help="send a prompt to real providers, with fallbacks and retries",
        description="Send a prompt to the first target, and fall back to the next. "
        "Keys come from the environment.",
    )
    parser.add_argument("prompt", help="the prompt; - reads standard input")
    targets.add_to(parser)
    parser.add_argument("--system", help="system prompt")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="maximum length of the answer")
    parser.add_argument(
        "--deadline", type=float, metavar="SECONDS", help="deadline for the call; default and maximum 180"
    )
    targets.add_base_url(parser)
    parser.add_argument("--explain", action="store_true", help="print the attempts, and where the time went")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send the prompt, and print the answer as it arrives."""
    pipeline = targets.pipeline_of(args.to, args.base_url)
    _print_to_stderr(*targets.missing_keys(pipeline))
    if targets.all_lack_keys(pipeline):
        return 1
    prompt = _from_stdin() if args.prompt == "-" else args.prompt
    options = {"system": args.system, "max_tokens": args.max_tokens, "deadline": args.deadline}
    return asyncio.run(_stream(pipeline, prompt, options, explain=args.explain))


def _from_stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"standard input is no {error.encoding} text") from None


# --- the call ------------------------------------------------------------------------------------


async def _stream(pipeline: Pipeline, prompt: str, options: dict[str, Any], *, explain: bool) -> int:
    result: ResponseStream | RanvierError | None = None
    try:
        async with pipeline, pipeline.stream(prompt, **options) as answer:
            result = answer
            await _print_answer(answer)
        _report_early_end(answer)
        return 0
    except ConfigurationError:
        raise
    except RanvierError as error:
        result = error
        _print_to_stderr(*_messages(error))
        return 1
    finally:
        if explain and result is not None:
            _print_to_stderr(result.explain(), prefix="")


async def _print_answer(answer: ResponseStream) -> None:
    """Print the text as it arrives, and a newline at the end, also if the stream fails."""
    last = ""
    try:
        async for event in answer:
            if event.text:
                last = event.text
                print(for_terminal(event.text), end="", flush=True)
    finally:
        if last and not last.endswith("\n"):
            print(flush=True)


def _report_early_end(answer: ResponseStream) -> None:
    response = answer.response
    if response is not None and response.finish_reason is not FinishReason.STOP:
        why = response.raw_finish_reason or response.finish_reason
        _print_to_stderr(f"{response.provider} ended the answer early: {why}")


def _messages(error: RanvierError) -> Iterator[str]:
    if isinstance(error, AllDeploymentsFailedError):
        yield from map(str, error.exceptions)
    else:
        yield str(error)


# --- output --------------------------------------------------------------------------------------


def _print_to_stderr(*lines: str, prefix: str = "ranvier ask: ") -> None:
    for line in lines:
        print(f"{prefix}{line}", file=sys.stderr, flush=True)
