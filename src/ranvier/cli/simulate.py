"""`ranvier simulate`: simulated providers that fail according to a script, in a separate process.

    ranvier simulate --port 8700 --script outage.toml --seed 1

It prints the base URLs and how to point a client at each, then a line for each request, until Ctrl-C
or SIGTERM ends it with exit status 0. `--help` documents the script.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranvier.cli.streams import drop_output
from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from ranvier.simulator.exchange import Exchange
    from ranvier.simulator.simulator import Simulator

_SCRIPT = """\
a script in TOML (a file that ends in .json holds the same in JSON):

  latency = 0.3          # seconds before the first token of a good answer
  pace = 0.02            # seconds between two tokens

  [[rules]]              # checked in this order; the first that matches a request applies
  fault = { kind = "Status", status = 503 }
  provider = "openai"
  start = 5              # seconds since the start
  end = 13

  [[rules]]
  fault = { kind = "Status", status = 429 }
  provider = "anthropic"
  above = 20             # requests per second with one key

  [[rules]]
  fault = ["SetCookie", { kind = "Cut", after = 3 }]
  probability = 0.05

fields of a rule besides fault, all optional: provider, key, model, streaming, start, end,
cycle = [seconds on, seconds off], first, every, above, probability. faults and their fields:

"""


def add_parser(subparsers: Any) -> None:
    """Add this command to those of `ranvier`."""
    parser = subparsers.add_parser(
        "simulate",
        help="run simulated providers that fail according to a script",
        description="Run simulated providers over real HTTP, which fail according to a script.",
        epilog=_SCRIPT + _vocabulary(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8700, help="port; 0 picks a free one (default: %(default)s)"
    )
    parser.add_argument("--script", type=Path, help="a TOML or JSON file with faults; default: no faults")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until the process gets a signal to end."""
    simulator = _simulator(args)
    try:
        asyncio.run(_serve(simulator))
    except KeyboardInterrupt:
        pass  # because: this is the usual end where the event loop has no signal handlers
    except OSError as error:
        raise ConfigurationError(f"--host {args.host} --port {args.port}: {error}") from error
    print(f"{simulator.total} requests served")
    return 0


def _simulator(args: argparse.Namespace) -> Simulator:
    from ranvier.simulator.script_file import parse, read
    from ranvier.simulator.simulator import Simulator

    if not 0 <= args.port < 2**16:
        raise ConfigurationError(f"--port {args.port}: give a number from 0 to 65535")
    script = parse({}) if args.script is None else read(args.script)
    return Simulator(
        script.rules,
        host=args.host,
        port=args.port,
        seed=args.seed,
        latency=script.latency,
        pace=script.pace,
        on_end=_print_exchange,
    )


async def _serve(simulator: Simulator) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":  # pragma: no branch  # because: there loops have no signal handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
    async with simulator:
        urls = (f"{provider:<10} {url}" for provider, url in simulator.urls.items())
        rules = (f"rule       {rule}" for rule in simulator.rules)
        try:
            print(*urls, _directions(simulator), *rules, sep="\n", flush=True)
        except BrokenPipeError:  # as with `| head`: requests are served all the same
            drop_output()
        await stopped.wait()


_ANY = '"any-key", base_url="{}"'
_ARGUMENTS = {
    "azure": '"{}", api_key="any-key"',
    "bedrock": '"us-east-1", api_key="any-key", base_url="{}"',
    "vertex": 'project="any", token=lambda: "any-token", base_url="{}"',
}
"""The arguments of an adapter for the simulator."""


def _directions(simulator: Simulator) -> str:
    """How to use each provider's base URL, in Python and on the command line."""
    from ranvier.providers import ADAPTERS

    lines = ["", "any key and any model work; in Python:"]
    for provider, url in simulator.urls.items():
        lines.append(f"  {ADAPTERS[provider]}({_ARGUMENTS.get(provider, _ANY).format(url)})")
    base_url = f"anthropic={simulator.url('anthropic')}"
    command = f'ANTHROPIC_API_KEY=any-key ranvier ask "Why?" --to anthropic --base-url {base_url}'
    return "\n".join([*lines, "and on the command line, such as:", f"  {command}", ""])


def _print_exchange(exchange: Exchange) -> None:
    """Print one line for an exchange that has ended; if the reader has left, serving continues."""
    model = f"{exchange.model or '-'}{' stream' if exchange.streaming else ''}"
    played = "" if exchange.fault is None else f" {exchange.fault!r}"
    rejected = "" if exchange.refused is None else f" rejected: {exchange.refused}"
    took = (exchange.ended or 0.0) - exchange.started
    line = (
        f"{exchange.started:9.3f} #{exchange.number} {exchange.provider} {model} "
        f"{exchange.status or '---'} {exchange.end} {exchange.tokens} tokens {took:.3f} s{played}{rejected}"
    )
    try:
        print(line, flush=True)
    except OSError:
        drop_output()


def _vocabulary() -> str:
    """Every fault with its fields, one per line."""
    from dataclasses import fields

    from ranvier.simulator import faults

    kinds = (getattr(faults, name) for name in faults.__all__ if name != "Fault")
    return "\n".join(
        f"  {kind.__name__:<12} {', '.join(field.name for field in fields(kind))}" for kind in kinds
    )
