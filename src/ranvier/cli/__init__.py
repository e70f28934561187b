"""The `ranvier` command: each subcommand is a module with `add_parser` and `run`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from ranvier import __version__
from ranvier.cli import streams
from ranvier.errors import ConfigurationError

_COMMANDS = ("ask", "check", "demo", "doctor", "explain_config", "map", "simulate", "watch")
"""The modules of this package that are subcommands, in the order of the help.

Such a module has `add_parser(subparsers)`, which adds its parser with `run` as the default for `run`,
and `run(args) -> int`, which returns the exit status. At its top it may import only what ranvier always
has; what comes with the extra `cli` is imported in `run`.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv`, by default the arguments of the process; returns its exit status.

    Status 2 means bad input, a missing extra or a full disk, reported on stderr in one line.
    """
    streams.prepare()
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return streams.INTERRUPTED
    except BrokenPipeError:
        streams.drop_output()
        return streams.CLOSED_PIPE
    except OSError as error:
        streams.drop_output()
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error
        print(f"ranvier {args.command}: {what}", file=sys.stderr)
        return 2
    except ConfigurationError as error:
        print(f"ranvier {args.command}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("ranvier"):
            raise
        print(f'ranvier {args.command} needs {missing.name}: pip install "ranvier[cli]"', file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ranvier", description="Resilient LLM calls.")
    parser.add_argument("--version", action="version", version=f"ranvier {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name in _COMMANDS:
        importlib.import_module(f"{__name__}.{name}").add_parser(subparsers)
    return parser
