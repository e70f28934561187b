"""`ranvier doctor`: check a pipeline for keys, reachability, the longest call, and mistakes.

    ranvier doctor app.py:pipeline
    ranvier doctor package.module:make_pipeline --json
    ranvier doctor ranvier.toml

It sends no request to a model. Status 1 means warnings, status 2 a pipeline that cannot be loaded.
"""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "doctor",
        help="check a pipeline: keys, reachability, the longest call, and mistakes",
        description="Check a pipeline without sending a request to a model. Exit status 1 means warnings.",
    )
    parser.add_argument(
        "pipeline",
        help="app.py:pipeline or package.module:pipeline (a pipeline, or a function that returns one), or a "
        ".toml file",
    )
    parser.add_argument(
        "--imports", action="store_true", help="import the objects of your code that a .toml file names"
    )
    parser.add_argument("--offline", action="store_true", help="do not connect to the base URLs")
    parser.add_argument("--json", action="store_true", help="print JSON, for CI")
    parser.add_argument("--traceback", action="store_true", help="show the traceback if your file fails")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the pipeline and print the result: 0 without warnings, 1 with warnings."""
    from ranvier.cli.doctor import checks_of_stack, checks_of_targets  # noqa: F401  # because: they fill CHECKS
    from ranvier.cli.doctor.checking import CHECKS
    from ranvier.cli.doctor.inspection import inspect_pipeline
    from ranvier.cli.doctor.loading import load
    from ranvier.cli.doctor.text_report import lines

    pipeline = load(args.pipeline, traceback=args.traceback, imports=args.imports)
    found = inspect_pipeline(pipeline, offline=args.offline)
    found.warnings = [finding for check in CHECKS for finding in check(found)]
    if args.json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        print("\n".join(lines(found)))
    return 1 if found.warnings else 0
