"""`ranvier watch`: the status page of a running application, in a terminal."""

from __future__ import annotations

import argparse
import os
import re

from ranvier import validation
from ranvier.errors import ConfigurationError

DESCRIPTION = """\
Show the status page of a running application (ranvier.asgi.status_app), such as
http://localhost:8000/ranvier, and update it until Ctrl-C. With --once, print it once; the exit status is
1 if the headline is trouble, 3 if the server does not answer, and otherwise 0.
"""

MAX_INTERVAL = 3600
"""The longest interval between two updates, in seconds."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ranvier watch`."""
    parser = subparsers.add_parser("watch", help="show the status of a pipeline", description=DESCRIPTION)
    parser.add_argument("url", help="URL of the status page")
    parser.add_argument(
        "--token",
        help="bearer token; prefer the variable RANVIER_STATUS_TOKEN, which other users cannot see",
    )
    parser.add_argument(
        "--search", default="", help="show only circuits whose tenant or provider contains this"
    )
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between updates (2)")
    parser.add_argument("--once", action="store_true", help="print once and exit")
    parser.add_argument("--plain", action="store_true", help="print lines instead of a screen")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Watch until Ctrl-C; or print once, and return the level as exit status."""
    if not arguments.url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"url={arguments.url!r:.200}: pass a URL, such as http://localhost:8000/ranvier"
        )
    if validation.seconds("interval", arguments.interval) > MAX_INTERVAL:
        raise ConfigurationError(f"interval={arguments.interval:g}: give at most {MAX_INTERVAL} seconds")
    token = arguments.token or os.environ.get("RANVIER_STATUS_TOKEN")
    if token is not None and not re.fullmatch("[!-~]+", token):
        raise ConfigurationError("token: use printable ASCII characters without spaces")
    from ranvier.cli.watch.polling import watch  # because: the extra `cli` may not be installed

    return watch(
        arguments.url,
        token=token,
        search=arguments.search,
        interval=max(arguments.interval, 0.1),
        once=arguments.once,
        plain=arguments.plain,
    )
