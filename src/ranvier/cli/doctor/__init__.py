"""`ranvier doctor`: what a pipeline can do, what it lacks, and how long one call of it may take.

    ranvier doctor app.py:pipeline
    ranvier doctor package.module:make_pipeline --json

Nothing is asked of any model. Status 1 is a warning, status 2 a pipeline that cannot be loaded.
"""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "doctor",
        help="look a pipeline over: keys, reachability, bounds, and what is wrong with it",
        description="Look a pipeline over, without asking any model. Status 1 if there are warnings.",
    )
    parser.add_argument(
        "pipeline", help="app.py:pipeline or package.module:pipeline; also a function that makes one"
    )
    parser.add_argument("--offline", action="store_true", help="do not connect to the base URLs")
    parser.add_argument("--json", action="store_true", help="print JSON, for CI")
    parser.add_argument("--traceback", action="store_true", help="show where the user's file fails")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, and tell: 0 where all is well, 1 where something is to be said."""
    from ranvier.cli.doctor import checks_of_stack, checks_of_targets  # noqa: F401  # because: they join CHECKS
    from ranvier.cli.doctor.checking import CHECKS
    from ranvier.cli.doctor.inspection import look_at
    from ranvier.cli.doctor.loading import load
    from ranvier.cli.doctor.telling import lines

    pipeline = load(args.pipeline, traceback=args.traceback)
    found = look_at(pipeline, offline=args.offline)
    found.warnings = [finding for check in CHECKS for finding in check(found)]
    if args.json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        print("\n".join(lines(found)))
    return 1 if found.warnings else 0
