"""Replays recorded traffic of real providers, and says how much of it we understand.

    python tests/replay.py

Every recorded exchange in a dialect of ours goes through its adapter, whole and cut at random places, and is
compared with what the vendor's SDK made of it. Every recorded failure goes through the classifier, and over
a real socket to the adapter. The exit status is 1 where less is right than is needed; where the recordings
are absent, nothing is replayed and it is 0.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import httpx

from support.providers.asking import served
from support.providers.comparing import Comparison, compared
from support.providers.recorded_failures import CUT, Failure, asked, classified, failures, repeated
from support.providers.recordings import ABSENT, RECORDINGS, exchanges

CUTS = 5
"""How often each body is cut anew."""

EQUAL, LEFT_OUT, ACCEPTED = 0.98, 0.02, 0.97
"""The shares that are needed: equal of those compared, left out of all at most, accepted of the failures."""


def share(part: int, whole: int) -> str:
    """A part, and how much of the whole that is."""
    return f"{part:4} ({part / whole:.1%})"


def report_answers(comparison: Comparison) -> bool:
    """Print what became of the exchanges; true if it is enough."""
    total = comparison.compared + len(comparison.left_out)
    print(f"exchanges in our dialects {total:4}")
    print(f"  left out                {share(len(comparison.left_out), total)}")
    print(f"  compared                {comparison.compared:4}, whole and cut {CUTS} times each")
    print(f"  equal                   {share(len(comparison.equal), comparison.compared)}")
    alike = Counter(exchange.api for exchange in comparison.equal)
    unlike = Counter(exchange.api for exchange in comparison.different)
    for api in sorted(alike | unlike):
        print(f"    {api:21} {share(alike[api], alike[api] + unlike[api])}")
    for exchange in comparison.left_out:
        print(f"  left out: {exchange.id} {exchange.row['provider']}: {exchange.left_out}")
    for exchange in comparison.different:
        print(f"  different: {exchange.id} {exchange.row['provider']} {exchange.row['kind']}")
    enough = len(comparison.equal) / comparison.compared >= EQUAL
    return enough and len(comparison.left_out) / total <= LEFT_OUT


def report_failures(way: str, told: list[tuple[Failure, object]]) -> bool:
    """Print what became of the failures that came that way; true if it is enough."""
    accepted = [failure for failure, error in told if failure.accepts(error)]
    waits = [failure for failure, error in told if failure.waits_for(error)]
    print(f"failures {way}")
    print(f"  judged                  {len(told):4}")
    print(f"  accepted                {share(len(accepted), len(told))}")
    named = sum(failure.wait is not None for failure, _ in told)
    print(f"  retry_after right       {share(len(waits), len(told))}, of which {named} name a wait")
    going = [failure for failure, error in told if failure.goes_on(error)]
    print(f"  next target asked right {share(len(going), len(told))}")
    for failure, error in told:
        if not failure.accepts(error):
            became = "an answer" if error is None else f"{type(error).__name__}: {error}"
            print(f"  not accepted: {failure.name} became {became}")
        if not failure.waits_for(error):
            print(f"  wrong wait: {failure.name} names {failure.wait}")
        if not failure.goes_on(error):
            print(f"  stays, or goes on: {failure.name}")
    return len(accepted) / len(told) >= ACCEPTED and len(waits) == len(going) == len(told)


async def over_sockets(recorded: list[Failure]) -> list[tuple[Failure, object]]:
    """What the adapters make of failures that a server on loopback repeats."""
    async with served(repeated(recorded)) as server, httpx.AsyncClient() as client:
        return [(failure, await asked(failure, server.url, client)) for failure in recorded]


async def replay() -> bool:
    """Replay everything; true if enough of it is right."""
    recorded = failures()
    said: list[tuple[Failure, object]] = [
        (each, classified(each)) for each in recorded if each.row["case"] not in CUT
    ]
    enough = (
        report_answers(await compared(exchanges(), cuts=CUTS)),
        report_failures("by the classifier alone (without streams that were merely cut)", said),
        report_failures("over a socket, by the adapters", await over_sockets(recorded)),
    )
    return all(enough)


def main() -> int:
    """The exit status."""
    if not RECORDINGS.is_dir():
        print(f"nothing was replayed: {ABSENT}")
        return 0
    return 0 if asyncio.run(replay()) else 1


if __name__ == "__main__":
    sys.exit(main())
