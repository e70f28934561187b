"""Conversations with one part each, and who takes it; as a program it loads them and goes on everywhere.

It is given a folder with the saved conversations and the URLs of a simulator as JSON, and prints what came
of each conversation at each provider.
"""

import asyncio
import json
import sys
from pathlib import Path

from ranvier import (
    Audio,
    Deployment,
    Document,
    Image,
    Message,
    Native,
    Pipeline,
    Text,
    ToolCall,
    UnsupportedRequestError,
    WirePart,
    messages,
)
from ranvier.layers import Fallback, Timeout
from support.messages.saving import PDF, PNG, WAV
from support.simulator.asking_adapters import ASKED, RESPONSES, speaker

KEY = "sk-simulated-9999"
ANSWERED = "answered"

MODELS = {
    "openai": "gpt-audio",
    "glm": "glm-4.6v",
    "openrouter": "google/gemini-3.6-flash",
    "gemini": "gemini-3.6-flash",
}
"""Models that see and hear, where not all of the provider's do."""


def told(*parts: object) -> list[Message]:
    """A question with these parts, and an answer."""
    return [Message("user", ("What is this?", *parts)), Message.assistant("A cat.")]  # type: ignore[arg-type]


def shown(*parts: object) -> list[Message]:
    """A tool that has shown them."""
    call = Message.assistant(tool_calls=[ToolCall("call_1", "look")])
    return [Message.user("Look!"), call, Message.tool("call_1", parts), Message.assistant("A cat.")]  # type: ignore[arg-type]


EVERYBODY = set(ASKED)
PDFS = EVERYBODY - {"kimi", "glm", "ollama"}
PDFS_BY_URL = PDFS - {"openai"}
HEARING = {"openai", "openrouter", "gemini"}

CONVERSATIONS: dict[str, tuple[list[Message], set[str]]] = {
    "text": (told(Text("Look!", {"cache_control": {"type": "ephemeral"}})), EVERYBODY),
    "picture": (told(Image(data=PNG)), EVERYBODY),
    "picture by URL": (told(Image("https://x.test/a.png")), EVERYBODY - {"kimi", "ollama"}),
    "PDF": (told(Document(data=PDF, name="a.pdf")), PDFS),
    "PDF by URL": (told(Document("https://x.test/a.pdf")), PDFS_BY_URL),
    "text document": (told(Document.from_text("A cat.", name="cat.txt")), EVERYBODY),
    "text document by URL": (told(Document("https://x.test/a.txt")), {"gemini", RESPONSES}),
    "sound": (told(Audio(data=WAV)), HEARING),
    "sound by URL": (told(Audio("https://x.test/a.mp3")), {"gemini"}),
    "part of a wire": (
        told(WirePart("gemini", {"fileData": {"mimeType": "video/mp4", "fileUri": "x"}})),
        {"gemini"},
    ),
    "picture of a tool": (shown(Image(data=PNG)), EVERYBODY),
    "PDF of a tool": (shown("see", Document(data=PDF)), PDFS),
    "text document of a tool": (shown(Document.from_text("A cat.")), EVERYBODY),
    "sound of a tool": (shown(Audio(data=WAV)), HEARING),
    "thought": (
        [Message.user("Hi"), Message("assistant", (Native("nobody", {"a": 1}), Text("Hm.")))],
        EVERYBODY,
    ),
}
"""Conversations by their part, and the providers that take it."""


async def outcome(history: list[Message], provider: str, url: str) -> str:
    """What comes of one more question to `provider`."""
    target = Deployment(speaker(provider)(KEY, base_url=url), MODELS.get(provider))
    async with Pipeline(Fallback(target), Timeout(10)) as pipeline:
        try:
            answer = await pipeline.complete([*history, Message.user("Are you sure?")])
        except UnsupportedRequestError as error:
            return str(error)
    return ANSWERED if answer.text else "silence"


async def main(folder: Path, urls: dict[str, str]) -> None:
    """Print the outcome of each conversation at each provider."""
    for part in CONVERSATIONS:
        history = messages.load((folder / part).read_text(encoding="utf-8"))
        for provider in ASKED:
            url = urls[provider.removesuffix("-responses")]
            print(json.dumps([part, provider, await outcome(history, provider, url)]))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
