"""`ranvier demo`: an outage, and what becomes of fifty tenants' calls."""

from __future__ import annotations

import argparse
from pathlib import Path

DESCRIPTION = """\
Starts three simulated providers on loopback and drives fifty tenants through an outage of the first,
a rate limit of the second, and one tenant's bad key. Ends with status 1 if a tenant with a good key
was not served, or if the records of the calls and the log of the providers do not agree.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ranvier demo`."""
    parser = subparsers.add_parser("demo", help="show what becomes of an outage", description=DESCRIPTION)
    parser.add_argument("--plain", action="store_true", help="print lines instead of drawing")
    parser.add_argument("--tenants", type=int, default=50, help="how many customers there are (50)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they ask (20)")
    parser.add_argument("--seed", type=int, default=0, help="of their pauses and the answers (0)")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="draw all of it into a page that needs no other file"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play it; 1 where somebody with a good key was not served, or the books do not balance."""
    from ranvier.cli.demo.scenario import Scenario  # because: the extra `cli` may not be installed
    from ranvier.cli.demo.stage import play

    scenario = Scenario(tenants=arguments.tenants, seconds=arguments.seconds, seed=arguments.seed)
    return 0 if play(scenario, plain=arguments.plain, report=arguments.report).good else 1
