"""`ranvier map`: send many prompts from a file to real providers, and write the answers to another file.

    ranvier map prompts.jsonl --to anthropic/claude-sonnet-5 --to openai/gpt-5.2 --out answers.jsonl

Each line of the prompts is a JSON string, or an object with `prompt` or `messages`, and optionally `key` (or
`id`), `system` and `max_tokens`. Answers are written as they arrive, in the format of
`Pipeline.map(file=...)`. Answered prompts are not sent again, so the same command continues an interrupted
run. Status 1 means that some prompts have no answer; each is named on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from ranvier.cli import prompt_lines, targets
from ranvier.cli.streams import INTERRUPTED
from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from ranvier.pipeline.mapping.progress import Progress
    from ranvier.pipeline.pipeline import Pipeline


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "map",
        help="send many prompts from a file, and write the answers to another",
        description="Send each line of a file as a prompt, with fallbacks and retries, and write the answers "
        "to another file. Run the same command again to resume. Keys come from the environment.",
    )
    parser.add_argument(
        "prompts", help="a JSONL file: texts, or objects with prompt or messages; - reads stdin"
    )
    targets.add_to(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="output file: .jsonl, or .db for SQLite")
    parser.add_argument(
        "--concurrency",
        type=int,
        default=50,
        metavar="N",
        help="maximum calls in flight (default: %(default)s)",
    )
    parser.add_argument("--system", help="system prompt, for lines without one")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="maximum length of each answer")
    parser.add_argument(
        "--deadline", type=float, metavar="SECONDS", help="deadline for each prompt; default and maximum 180"
    )
    targets.add_base_url(parser)
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send the prompts that have no answer yet."""
    pipeline = targets.pipeline_of(args.to, args.base_url)
    _print_to_stderr(*targets.missing_keys(pipeline))
    if targets.all_lack_keys(pipeline):
        return 1
    try:
        progress = asyncio.run(_map(pipeline, args, prompt_lines.count(args.prompts)))
    except KeyboardInterrupt:
        _print_to_stderr("interrupted: run the same command again to resume")
        return INTERRUPTED
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{args.prompts} is no UTF-8 text: {error.reason}") from error
    except OSError as error:
        what = f"{error.filename or args.out}: {error.strerror or error}"
        raise ConfigurationError(what) from error
    _print_to_stderr(
        f"{progress.answered} answered, {progress.failed} failed, {progress.skipped} answered before"
    )
    return 1 if progress.failed else 0


async def _map(pipeline: Pipeline, args: argparse.Namespace, total: int | None) -> Progress:
    options = {"system": args.system, "max_tokens": args.max_tokens}
    prompt_lines.request_of({"prompt": "?"}, options)  # what no prompt can have is an error at once
    async with pipeline:
        run = pipeline.map(
            prompt_lines.read(args.prompts),
            concurrency=args.concurrency,
            in_order=False,
            file=args.out,
            key=lambda item: item["key"],
            prompt=lambda item: prompt_lines.request_of(item, options),
            progress=not args.quiet and sys.stderr.isatty(),
            total=total,
            deadline=args.deadline,
        )
        async for result in run:
            if result.error is not None:
                _print_to_stderr(f"prompt {result.key}: {result.error}")
        return run.progress


def _print_to_stderr(*lines: str) -> None:
    for line in lines:
        print(f"ranvier map: {line}", file=sys.stderr, flush=True)
