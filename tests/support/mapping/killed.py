"""Sends prompts to providers that fail at random, until it is killed: `python killed.py FILE PROMPTS SEED`.

It prints the most memory that it has used, in kilobytes, if it comes to its end.
"""

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

from ranvier import OverloadedError, Pipeline, RateLimitError, Response
from ranvier.layers import Deadline, Fallback, Retry


class Unreliable:
    """Answers most prompts, and fails or dawdles for the others."""

    default_model = "unreliable"

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.rng = random.Random(seed)

    async def complete(self, call: Any) -> Response:
        chance = self.rng.random()
        await asyncio.sleep(0.002 if chance < 0.02 else 0)
        if chance > 0.9:
            raise OverloadedError("busy", provider=self.name)
        if chance > 0.85:
            raise RateLimitError("slow down", provider=self.name, retry_after=0.001)
        return Response(f"answer to {call.request.messages[0].text}")


async def main(file: str, number: int, seed: int) -> None:
    """All prompts, again and again until none has failed."""
    providers = Unreliable("first", seed), Unreliable("second", seed + 1)
    pipeline = Pipeline(
        Deadline(60), Fallback(*providers), Retry(2, base_delay=0.001, budget=None), listeners=()
    )
    async with pipeline:
        left = True
        while left:
            left = False
            prompts = (f"prompt {index}" for index in range(number))
            async for result in pipeline.map(prompts, file=file, in_order=seed % 2 == 0):
                left |= result.error is not None
    print(most_memory())


def most_memory() -> int:
    """Kilobytes; 0 where the system does not say it of this process alone."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
