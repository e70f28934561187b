"""`ranvier check`: validate a configuration file; mistakes are reported with their lines.

    ranvier check ranvier.toml
    ranvier check --schema > ranvier.schema.json

It reads no secrets and sends nothing. Status 1 means that the file is invalid.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.wording import counted


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "check",
        help="report mistakes in a configuration file",
        description="Report mistakes in a configuration file, without reading secrets. "
        "Exit status 1 if it is invalid.",
    )
    parser.add_argument("file", nargs="?", help="the file, such as ranvier.toml")
    parser.add_argument(
        "--imports", action="store_true", help="import the objects of your code that it names"
    )
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON schema of configuration files, for editors"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the file; returns 0 if it describes a pipeline, otherwise 1."""
    if args.schema:
        from ranvier.config.schema import schema

        print(json.dumps(schema(), indent=2))
        return 0
    if args.file is None:
        raise ConfigurationError("name a file, as in: ranvier check ranvier.toml")
    from ranvier.cli.doctor.loading import import_from_here
    from ranvier.config.origin import described

    if args.imports:
        import_from_here()
    try:
        pipeline, _ = described(args.file, imports=args.imports)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    layers, providers = len(pipeline.layers), len(pipeline.stack.providers)
    print(f"{args.file}: no mistakes in {counted(layers, 'layer')} and {counted(providers, 'provider')}")
    return 0
