"""Writes good answers: the same request and seed give the same text."""

from __future__ import annotations

import json
import re
import time
import zlib

from ranvier.simulator.dialogue import Answer, Ask, Finish, Tool, ToolUse
from ranvier.simulator.example import example
from ranvier.simulator.wires.opaque import account_of

_PASSAGE = """
Louis-Antoine Ranvier saw the étranglements annulaires of the nerve in 1871.
Between two of them the fibre lies under myelin, and the signal fades as it runs.
At each gap it meets fresh sodium channels, which make it whole again.
So the impulse leaps from node to node, faster than any bare fibre could carry it.
Where the myelin is lost the leap fails, and the message stays behind.
One weak gap is no disaster: the current usually reaches the next one, too.
That is the whole secret: no gap has to be perfect, it only has to pass the signal on.
"""
_SENTENCES = tuple(_PASSAGE.strip().splitlines())
# A word and the blank before it are one token. The é is there on purpose: a client must join the
# bytes of a character that the network splits over two chunks.

_THOUGHTS = "They ask, and I know what to say."
"""The reasoning of models that show it."""


def tokens_of(text: str) -> tuple[str, ...]:
    """Split `text` before each word; the joined tokens equal `text`."""
    return tuple(re.findall(r"\s*\S+|\s+$", text))


def compose(ask: Ask, *, number: int, seed: int) -> Answer:
    """A good answer to `ask`: tool calls if it requests any, otherwise JSON or two or three sentences."""
    used = _tools_used(ask, f"{seed:x}{number:06x}")
    text = () if used else _words(ask, seed)
    thoughts = tokens_of(_THOUGHTS) if ask.thinks else ()
    finish: Finish = "tool_calls" if used else "stop"
    if ask.limit is not None and len(thoughts) + len(text) > ask.limit:
        thoughts, used = thoughts[: ask.limit], ()
        text, finish = text[: ask.limit - len(thoughts)], "length"
    now = int(time.time())
    account = account_of(ask.provider, ask.key)
    return Answer(number, seed, ask.model, now, ask.input_tokens, text, thoughts, used, finish, account)


def _words(ask: Ask, seed: int) -> tuple[str, ...]:
    if ask.schema is not None:
        return tokens_of(json.dumps(example(ask.schema), ensure_ascii=False))
    chosen = zlib.crc32(f"{ask.model}\n{ask.prompt}".encode("utf-8", "replace"), seed)
    first, count = chosen % len(_SENTENCES), 2 + (chosen >> 8) % 2
    sentences = (_SENTENCES[(first + offset) % len(_SENTENCES)] for offset in range(count))
    return tokens_of(" ".join(sentences))


def _tools_used(ask: Ask, unique: str) -> tuple[ToolUse, ...]:
    if not ask.tools or (ask.answers_tool and ask.must_call is None):
        return ()
    requested = [tool for tool in ask.tools if tool.name == ask.must_call or tool.name in ask.prompt]
    if not requested and (ask.must_call is not None or re.search(r"\btools?\b", ask.prompt)):
        requested = [ask.tools[0]]
    return tuple(_use(tool, f"{unique}{position}") for position, tool in enumerate(requested))


def _use(tool: Tool, unique: str) -> ToolUse:
    return ToolUse(unique, tool.name, example(tool.schema))
