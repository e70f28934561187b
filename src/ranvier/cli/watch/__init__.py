"""`ranvier watch`: the status page of a running application, in a terminal."""

from __future__ import annotations

import argparse
import os

from ranvier import checks
from ranvier.errors import ConfigurationError

DESCRIPTION = """\
Asks the status page of an application (ranvier.asgi.status_app) again and again, and shows what it says:
http://localhost:8000/ranvier. Ctrl-C ends it. With --once it shows it once and ends with status 0, with 1
where there is trouble that is not over, and with 3 where nobody answers.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ranvier watch`."""
    parser = subparsers.add_parser("watch", help="show how a pipeline does", description=DESCRIPTION)
    parser.add_argument("url", help="where the status page is mounted")
    parser.add_argument(
        "--token", help="sent as a bearer's; better in RANVIER_STATUS_TOKEN, which nobody sees"
    )
    parser.add_argument(
        "--search", default="", help="only circuits of tenants or providers with this in them"
    )
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two looks (2)")
    parser.add_argument("--once", action="store_true", help="look once")
    parser.add_argument("--plain", action="store_true", help="print lines instead of drawing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Watch until Ctrl-C; or once, and tell by the status what was seen."""
    if not arguments.url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"url={arguments.url!r:.200}: give an address, such as http://localhost:8000/ranvier"
        )
    checks.seconds("interval", arguments.interval)
    from ranvier.cli.watch.watching import watch  # because: the extra `cli` may not be installed

    return watch(
        arguments.url,
        token=arguments.token or os.environ.get("RANVIER_STATUS_TOKEN"),
        search=arguments.search,
        interval=max(arguments.interval, 0.1),
        once=arguments.once,
        plain=arguments.plain,
    )
