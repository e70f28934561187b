"""`ranvier map`: send many prompts from a file to real providers, and write the answers to another.

    ranvier map prompts.jsonl --to anthropic/claude-sonnet-5 --to openai/gpt-5.2 --out answers.jsonl

A line of the prompts is a JSON string, or an object with `prompt` or `messages`, and, if you like, `key` (or
`id`), `system` and `max_tokens`. Answers are written as they come, in the format of `Pipeline.map(file=...)`;
prompts that have one there are not sent again, so that a run that was ended goes on with the same command.
Status 1 means that some prompts have no answer; each is named on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranvier.cli import targets
from ranvier.cli.ask import INTERRUPTED
from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.build import build_request
from ranvier.messages.request import Request

if TYPE_CHECKING:
    from ranvier.pipeline.mapping.progress import Progress
    from ranvier.pipeline.pipeline import Pipeline

FIELDS = ("prompt", "messages", "key", "id", "system", "max_tokens")
"""Fields of a line."""


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "map",
        help="send many prompts from a file, and write the answers to another",
        description="Send each line of a file as a prompt, with fallbacks and retries, and write the answers "
        "to another file. A run that was ended goes on where it was. Keys come from the environment.",
    )
    parser.add_argument(
        "prompts", help="a JSONL file: texts, or objects with prompt or messages; - reads stdin"
    )
    targets.add_to(parser)
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="where answers go: .jsonl, or .db for SQLite"
    )
    parser.add_argument(
        "--concurrency", type=int, default=50, metavar="N", help="calls in flight (default: %(default)s)"
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
        progress = asyncio.run(_map(pipeline, _read(args.prompts), args, _count(args.prompts)))
    except KeyboardInterrupt:
        _print_to_stderr("interrupted: the same command goes on where it was")
        return INTERRUPTED
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(error)) from error
    _print_to_stderr(
        f"{progress.answered} answered, {progress.failed} failed, {progress.skipped} answered before"
    )
    return 1 if progress.failed else 0


async def _map(
    pipeline: Pipeline, items: Iterator[Any], args: argparse.Namespace, total: int | None
) -> Progress:
    options = {"system": args.system, "max_tokens": args.max_tokens}
    async with pipeline:
        run = pipeline.map(
            items,
            concurrency=args.concurrency,
            in_order=False,
            file=args.out,
            key=lambda item: item["key"],
            prompt=lambda item: _request(item, options),
            progress=not args.quiet and sys.stderr.isatty(),
            total=total,
            deadline=args.deadline,
        )
        async for result in run:
            if result.error is not None:
                _print_to_stderr(f"prompt {result.key}: {result.error}")
        return run.progress


# --- prompts -------------------------------------------------------------------------------------


def _count(path: str) -> int | None:
    """The number of prompts, which are all checked; `None` for a pipe, which can be read only once."""
    if path == "-" or (Path(path).exists() and not Path(path).is_file()):
        return None
    return sum(1 for _ in _read(path))


def _read(path: str) -> Iterator[dict[str, Any]]:
    """The prompts of a file, each with its key."""
    with contextlib.nullcontext(sys.stdin) if path == "-" else Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _item(line, f"{path}, line {number}", number)


def _item(line: str, where: str, number: int) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except ValueError as error:
        raise ConfigurationError(f"{where}: this is not JSON: {error}") from None
    if isinstance(item, str):
        item = {"prompt": item}
    if not isinstance(item, dict) or ("prompt" in item) == ("messages" in item):
        raise ConfigurationError(f"{where}: give a text, or an object with prompt or messages")
    unknown = [name for name in item if name not in FIELDS]
    if unknown:
        raise ConfigurationError(
            f"{where}: {unknown[0]!r:.60} is unknown: the fields are {', '.join(FIELDS)}"
        )
    key = item.get("key", item.get("id"))
    return {**item, "key": _digest(line, number) if key is None else key}


def _digest(line: str, number: int) -> str:
    """The key of a line without one: a line that is changed is sent again."""
    return (
        f"{number}-{hashlib.blake2b(line.strip().encode(errors='surrogatepass'), digest_size=8).hexdigest()}"
    )


def _request(item: dict[str, Any], options: dict[str, Any]) -> Request:
    given = {name: item[name] for name in ("system", "max_tokens") if item.get(name) is not None}
    prompt = item["prompt"] if "prompt" in item else item["messages"]
    return build_request(prompt, {**options, **given})  # type: ignore[typeddict-item]  # because: it checks them


def _print_to_stderr(*lines: str) -> None:
    for line in lines:
        print(f"ranvier map: {line}", file=sys.stderr, flush=True)
