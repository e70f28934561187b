"""`ranvier explain-config`: print the stack that a file describes, including all defaults.

    ranvier explain-config ranvier.toml

It reads no secrets and sends nothing.
"""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "explain-config",
        help="print the stack that a configuration file describes",
        description="Print the layers of a configuration file as code, outermost first, and its targets.",
    )
    parser.add_argument("file", help="the file, such as ranvier.toml")
    parser.add_argument(
        "--imports", action="store_true", help="import the objects of your code that it names"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the stack."""
    from ranvier.cli.doctor.loading import import_from_here
    from ranvier.config.origin import described

    if args.imports:
        import_from_here()
    pipeline, plan = described(args.file, imports=args.imports)
    print("Pipeline(")
    for layer in pipeline.layers:
        print(f"    {layer!r},")
        for name, override in layer.overrides.items():
            print(f"        # {name}: {override!r}")
    for name, value in plan.settings.items():
        print(f"    {name}={value!r},")
    print(")")
    targets = dict.fromkeys(each for layer in pipeline.layers for each in layer.deployments())
    for target in targets:
        print(f"{target}: {target.provider!r}")
    return 0
