"""Loads saved conversations and goes on with each at every provider: run in a process of its own.

It is given a folder with a text for each provider, and their URLs at a simulator as JSON.
"""

import asyncio
import json
import sys
from pathlib import Path

from ranvier import Deployment, Message, Pipeline, messages
from ranvier.layers import Fallback, Timeout
from support.simulator.asking_adapters import MODELS, THINKING, TOOLS, speaker

KEY = "sk-simulated-9999"


async def go_on(text: str, provider: str, url: str) -> str:
    """The answer of `provider` to the conversation, after one more question to it."""
    history = messages.load(text)
    target = speaker(provider)(KEY, base_url=url)
    deployment = Deployment(target, MODELS.get(provider), options=THINKING[provider])
    async with Pipeline(Fallback(deployment), Timeout(10)) as pipeline:
        answer = await pipeline.complete(history, tools=TOOLS)
        history += [answer.message, Message.user("Why?")]
        return (await pipeline.complete(messages.load(messages.dump(history)), tools=TOOLS)).text


async def main(folder: Path, urls: dict[str, str]) -> None:
    """Print each pair of providers that has answered."""
    for first in urls:
        text = (folder / first).read_text(encoding="utf-8")
        for second, url in urls.items():
            assert await go_on(text, second, url)
            print(first, second)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
