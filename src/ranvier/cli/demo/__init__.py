"""`ranvier demo`: fifty simulated tenants in two outages."""

from __future__ import annotations

import argparse
from pathlib import Path

from ranvier import validation

DESCRIPTION = """\
Start three simulated providers on loopback and run fifty tenants through two acts. In the first act, one
provider is down, another rate limits requests, and one tenant has a bad key. In the second act, the first
provider accepts requests and stays silent; time limits are a twentieth of those of resilient(). Exit
status 1 if a tenant with a valid key was not served, or if the records of the calls differ from the log
of the providers.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ranvier demo`."""
    parser = subparsers.add_parser(
        "demo", help="run simulated tenants through two outages", description=DESCRIPTION
    )
    parser.add_argument("--plain", action="store_true", help="print lines instead of a screen")
    parser.add_argument("--tenants", type=int, default=50, help="number of tenants (50)")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of both acts (20)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (0)")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a report as a single HTML file"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; 1 if a tenant with a good key was not served, or records and log differ."""
    from ranvier.cli.demo.scenario import Scenario  # because: the extra `cli` may not be installed
    from ranvier.cli.demo.silent_provider import SilentProvider
    from ranvier.cli.demo.stage import play

    tenants, seed = validation.count("--tenants", arguments.tenants, least=1), arguments.seed
    seconds = validation.number("--seconds", arguments.seconds, least=0.1) / 2
    acts = Scenario(tenants, seconds, seed), SilentProvider(tenants, seconds, seed)
    return 0 if play(*acts, plain=arguments.plain, report=arguments.report).good else 1
