"""Sends prompts to simulated providers, until it is killed: `python killed.py FILE PROMPTS SEED PORT`.

It prints how many prompts are over, now and then. When none is left without an answer, it ends.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

if __name__ == "__main__":  # in the place of this folder, whose modules have names that others have too
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ranvier import Deployment, Pipeline
from ranvier.layers import Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.pipeline import Progress
from ranvier.providers import Anthropic, Gemini, OpenAI
from soak.load import url_of  # because: the path has to be set before
from support.mapping.killing import prompt_of


def stack(port: int) -> Pipeline:
    """Three providers, which a call asks one after the other; the few prompts that fail are sent again."""
    url = partial(url_of, port=port)
    return Pipeline(
        Deadline(20),
        Fallback(
            Deployment(Anthropic("ours", base_url=url("anthropic")), "claude-sonnet-5"),
            Deployment(OpenAI("ours", base_url=url("openai")), "gpt-5.2"),
            Deployment(Gemini("ours", base_url=url("gemini")), "gemini-3-flash-preview"),
        ),
        Retry(max_retries=3, base_delay=0.05, budget=None),
        Throttle(max_wait=5),
        Timeout(seconds=5, connect=2),
        listeners=(),
    )


def show(progress: Progress) -> None:
    """Tell the process that kills this one."""
    print(progress.done, flush=True)


async def main(file: str, number: int, seed: int, port: int) -> None:
    """All prompts, again and again until none has failed."""
    async with stack(port) as pipeline:
        left = True
        while left:
            left = False
            run = pipeline.map(
                (prompt_of(index) for index in range(number)),
                file=file,
                in_order=seed % 2 == 0,
                progress=show,
            )
            async for result in run:
                left |= result.error is not None


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
